"""Thousands of sockets in one process: a WebSocket client that parses only the sequence numbers that it counts.

It costs about as much as the system calls that it makes (see `docs/benchmarks.md`), so that one core of it is a match
for one core of any server here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import cast

from benchmarks.client_protocols import ClientProtocol, Refused
from benchmarks.content import DIGITS, MARK
from benchmarks.delivery_counter import Receiver
from benchmarks.frames import CLOSE, PING, PONG, TEXT, frame, opening, read_frame

OPENING_AT_A_TIME = 50
OPENING_SECONDS = 120.0
_SKIP = len(MARK)
_FOUND = len(MARK) + DIGITS


class Socket(asyncio.Protocol):
    """One subscribed socket."""

    __slots__ = (
        "_client_protocol",
        "_host",
        "_is_open",
        "_receiver",
        "_rest",
        "_transport",
        "close_code",
        "ready",
    )

    def __init__(self, host: str, client_protocol: ClientProtocol, receiver: Receiver) -> None:
        self._host = host
        self._client_protocol = client_protocol
        self._receiver = receiver
        self._rest = b""
        self._is_open = False
        self._transport: asyncio.Transport | None = None
        self.close_code: int | None = None
        """With which the server has closed the socket, if it has."""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_connected(self) -> bool:
        """Whether neither side has closed."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the socket."""
        # The transports of uvloop are no subclasses.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(
            opening(self._host, self._client_protocol.path, self._client_protocol.headers)
        )

    def data_received(self, data: bytes) -> None:
        """Count what has come."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if not self._is_open:
            data = self._accept(data)
        position, size, take = 0, len(data), self._receiver.take
        while position < size:
            found = read_frame(data, position)
            if found is None:
                self._rest = data[position:]
                return
            opcode, begin, position = found
            mark = data.find(MARK, begin, position) if opcode == TEXT else -1
            if mark >= 0:
                take(int(data[mark + _SKIP : mark + _FOUND]))
            else:
                self._hear(opcode, data[begin:position])

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the opening, if it was not through."""
        code = "" if self.close_code is None else f"with {self.close_code} "
        self._fail(f"closed {code}before it was subscribed: {error or self._rest[:200]!r}")

    def send(self, text: bytes) -> None:
        """Send a message."""
        if self._transport is not None:
            self._transport.write(frame(text))

    def close(self) -> None:
        """Break the connection: what a server does with it is not measured here."""
        if self._transport is not None:
            self._transport.abort()

    def _accept(self, data: bytes) -> bytes:
        """Return what comes after the server's answer to the opening request."""
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            self._rest = data
            return b""
        if b" 101 " not in head[:16]:
            self._fail(f"refused: {data[:300]!r}")
            return b""
        self._is_open = True
        self._answer(self._client_protocol.on_open())
        return rest

    def _hear(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            try:
                self._answer(self._client_protocol.on_message(payload))
            except (Refused, ValueError) as error:
                self._fail(f"refused: {error}")
        elif opcode == PING and self._transport is not None:
            self._transport.write(frame(payload, PONG))
        elif opcode == CLOSE:
            self._rest = payload
            self.close_code = int.from_bytes(payload[:2], "big")
            self.close()

    def _answer(self, messages: Iterable[bytes]) -> None:
        for message in messages:
            self.send(message)
        if self._client_protocol.is_ready and not self.ready.done():
            self.ready.set_result(None)

    def _fail(self, reason: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(Refused(reason))
        self.close()


async def open_socket(
    address: tuple[str, int],
    client_protocol: ClientProtocol,
    receiver: Receiver,
    *,
    source: str | None = None,
) -> Socket:
    """Open a socket, and return it when it is subscribed or closed. `source`: the address of the client."""
    socket = Socket("{}:{}".format(*address), client_protocol, receiver)
    local = None if source is None else (source, 0)
    await asyncio.get_running_loop().create_connection(lambda: socket, *address, local_addr=local)
    await asyncio.wait([socket.ready])
    return socket


async def open_sockets(
    address: tuple[str, int],
    pairs: Sequence[tuple[ClientProtocol, Receiver]],
    *,
    at_a_time: int = OPENING_AT_A_TIME,
    seconds: float = OPENING_SECONDS,
) -> list[Socket]:
    """Open sockets, some at a time, and return them when all are subscribed."""
    slots = asyncio.Semaphore(at_a_time)

    async def open_one(client_protocol: ClientProtocol, receiver: Receiver) -> Socket:
        async with slots:
            socket = await open_socket(address, client_protocol, receiver)
            socket.ready.result()
            return socket

    async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
        tasks = [group.create_task(open_one(*pair)) for pair in pairs]
    return [task.result() for task in tasks]
