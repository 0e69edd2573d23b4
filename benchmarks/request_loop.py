"""Connections that ask again as soon as they have their answer (a closed loop): each request is timed and checked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from benchmarks.http_messages import Answer, read_answer
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
    """One connection that stays open, with one request on its way at any time."""

    def __init__(self, exchanges: Iterator[Exchange], latencies: list[float]) -> None:
        self._exchanges = exchanges
        self._latencies = latencies
        self._deadline = 0.0
        self._asked_at = 0.0
        self._check: Callable[[Answer], None] | None = None
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for `begin`."""
        # The transports of uvloop are no subclasses.
        self._transport = cast("asyncio.Transport", transport)

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
            now = time.perf_counter()
            self._latencies.append(now - self._asked_at)
            self._rest = b""
            if self._check is None or answer.end != len(data):
                raise Wrong(f"More than was asked for: {data[answer.end :][:200]!r}")
            self._check(answer)
        except (Wrong, ValueError, LookupError, TypeError) as error:
            self._end(error)
        else:
            self._ask(now)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail, if an answer was to come."""
        self._end(Wrong(f"Closed before the answer had come: {error or self._rest[:200]!r}"))

    def close(self) -> None:
        """Break the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _ask(self, now: float) -> None:
        exchange = next(self._exchanges, None) if now < self._deadline else None
        if exchange is None or self._transport is None:
            self._end(None)
            return
        request, self._check = exchange
        self._asked_at = time.perf_counter()
        self._transport.write(request)

    def _end(self, error: Exception | None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)


async def closed_loop(
    peer: Peer, exchanges: Sequence[Iterator[Exchange]], *, seconds: float
) -> Measured:
    """Ask over as many connections as there are sources of requests. Raise Wrong if an answer is not right."""
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    connections = [Connection(source, latencies) for source in exchanges]
    try:
        for connection in connections:
            await loop.create_connection(lambda made=connection: made, *peer.address)  # type: ignore[misc]
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
