"""Connections that ask again as soon as they have their answer (a closed loop): each request is timed and checked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from benchmarks.asking_protocols import AskingProtocol
from benchmarks.client_protocols import Refused
from benchmarks.frames import CLOSE, PING, PONG, frame, opening, read_frame
from benchmarks.http_messages import END_OF_HEAD, OK, Answer, read_answer
from benchmarks.meter import Meter
from benchmarks.operations import Wrong
from benchmarks.peers.peer import Peer

Exchange = tuple[bytes, Callable[[Answer], None]]
"""A request, and what raises Wrong if its answer is not the right one."""
SILENCE_SECONDS = 30.0
"""How long an answer may take."""


@dataclass(frozen=True)
class Measured:
    """What a loop has cost, and how long each of its answers took, in seconds."""

    figures: dict[str, float]
    latencies: list[float]


class Connection(asyncio.Protocol):
    """One connection of HTTP that stays open, with one request on its way at any time."""

    def __init__(self, exchanges: Iterator[Exchange], latencies: list[float]) -> None:
        self._exchanges = exchanges
        self._latencies = latencies
        self._deadline = 0.0
        self._asked_at = 0.0
        self._check: Callable[[Answer], None] | None = None
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for `begin`."""
        # The transports of uvloop are no subclasses.
        self._transport = cast("asyncio.Transport", transport)
        self.ready.set_result(None)

    def begin(self, deadline: float) -> None:
        """Ask until that moment, or until there is nothing left to ask."""
        self._deadline = deadline
        self._ask(time.perf_counter())

    def data_received(self, data: bytes) -> None:
        """Check the answer and ask for the next one."""
        if self._rest:
            data = self._rest + data
        try:
            answer = read_answer(data)
            if answer is None:
                self._rest = data
                return
            self._rest = b""
            if answer.end != len(data):
                raise Wrong(f"More than was asked for: {data[answer.end :][:200]!r}")
        except (Wrong, ValueError) as error:
            self._end(error)
        else:
            self._take(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail, if an answer was to come."""
        self._end(Wrong(f"Closed before the answer had come: {error or self._rest[:200]!r}"))

    def close(self) -> None:
        """Break the connection, on which nothing is expected any more."""
        self.ended.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _take(self, answer: Answer) -> None:
        """Time and check an answer, and ask for the next one."""
        now = time.perf_counter()
        self._latencies.append(now - self._asked_at)
        try:
            if self._check is None:
                raise Wrong(f"An answer to nothing: {answer.body[:200]!r}")
            self._check(answer)
        except (Wrong, ValueError, LookupError, TypeError) as error:
            self._end(error)
        else:
            self._ask(now)

    def _ask(self, now: float) -> None:
        exchange = next(self._exchanges, None) if now < self._deadline else None
        if exchange is None or self._transport is None:
            self._end(None)
            return
        request, self._check = exchange
        self._asked_at = time.perf_counter()
        self._transport.write(self._encode(request))

    def _encode(self, request: bytes) -> bytes:
        return request

    def _end(self, error: Exception | None) -> None:
        if error is not None and not self.ready.done():
            self.ready.set_exception(error)
            self.ended.cancel()
            return
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)


class SocketConnection(Connection):
    """One WebSocket, on which one thing is asked at a time."""

    def __init__(
        self,
        host: str,
        protocol: AskingProtocol,
        exchanges: Iterator[Exchange],
        latencies: list[float],
    ) -> None:
        super().__init__(exchanges, latencies)
        self._host = host
        self._protocol = protocol
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the socket."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(opening(self._host, self._protocol.path, self._protocol.headers))

    def data_received(self, data: bytes) -> None:
        """Read frames."""
        data = self._rest + data
        position = 0
        if not self._is_open:
            head, end, _ = data.partition(END_OF_HEAD)
            if end and b" 101 " not in head[:16]:
                self._end(Wrong(f"No socket: {data[:300]!r}"))
                return
            self._is_open = bool(end)
            position = len(head) + len(end) if end else 0
            if end:
                self._send(self._protocol.on_open())
        while self._is_open and (found := read_frame(data, position)) is not None:
            opcode, begin, position = found
            self._hear(opcode, data[begin:position])
        self._rest = data[position:]

    def _hear(self, opcode: int, payload: bytes) -> None:
        if opcode == PING and self._transport is not None:
            self._transport.write(frame(payload, PONG))
        elif opcode == CLOSE:
            self._end(Wrong(f"Closed by the server: {payload[:200]!r}"))
        elif not self.ready.done():
            try:
                self._send(self._protocol.on_message(payload))
            except Refused as error:
                self._end(error)
        elif (answer := self._protocol.answer(payload)) is not None:
            self._take(Answer(OK, answer, len(answer)))

    def _send(self, messages: Iterable[bytes]) -> None:
        assert self._transport is not None
        for message in messages:
            self._transport.write(frame(message))
        if self._protocol.is_ready and not self.ready.done():
            self.ready.set_result(None)

    def _encode(self, request: bytes) -> bytes:
        return frame(request)


Open = Callable[[list[float]], Connection]
"""Makes a connection, which adds how long each answer took to the list."""


async def closed_loop(peer: Peer, made: Sequence[Open], *, seconds: float) -> Measured:
    """Ask over as many connections as there are. Raise Wrong if an answer is not right."""
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    connections = [make(latencies) for make in made]
    try:
        for connection in connections:
            await loop.create_connection(lambda made=connection: made, *peer.address)  # type: ignore[misc]
            await connection.ready
        before = Meter.read(peer)
        deadline = time.perf_counter() + seconds
        for connection in connections:
            connection.begin(deadline)
        async with asyncio.timeout(seconds + SILENCE_SECONDS):
            await asyncio.gather(*(connection.ended for connection in connections))
        return Measured(Meter.read(peer).figures(before, len(latencies)), latencies)
    finally:
        for connection in connections:
            connection.close()
