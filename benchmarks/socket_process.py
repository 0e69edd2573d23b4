"""A process that opens sockets and keeps them: a process may have fewer files than a crowd has sockets.

A line of JSON asks for something and is answered by one, as `benchmarks.publishing.Writer` sends it. The process ends
with its input.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import Sequence

import uvloop

from benchmarks.client_protocols import GraphQLClientProtocol
from benchmarks.delivery_counter import DeliveryCounter, Receiver, Stream
from benchmarks.publishing import LINE_LIMIT
from benchmarks.sockets import Socket, open_sockets

OPENING_SECONDS = 1200.0
AT_A_TIME = 8
"""Sockets that each process opens at once. More of several processes would miss the deadlines of the database."""


class SocketProcess:
    """Carries out what it is asked for."""

    def __init__(self) -> None:
        self._sockets: list[Socket] = []

    async def open(self, *, host: str, port: int, source: str, tokens: Sequence[str]) -> int:
        """Open a socket with each token from an address of this machine; return how many are subscribed."""
        delivery_counter = DeliveryCounter()
        pairs = [
            (
                GraphQLClientProtocol("/graphql/", {"Authorization": f"Bearer {token}"}, None),
                Receiver(delivery_counter, Stream()),
            )
            for token in tokens
        ]
        self._sockets += await open_sockets(
            (host, port), pairs, at_a_time=AT_A_TIME, source=source, seconds=OPENING_SECONDS
        )
        return len(self._sockets)

    def connected(self) -> int:
        """Return how many sockets neither side has closed."""
        return sum(socket.is_connected for socket in self._sockets)


async def main() -> None:
    """Obey until the input ends."""
    sockets = SocketProcess()
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while line := await reader.readline():
        request = json.loads(line)
        is_open = request.pop("verb") == "open"
        print(await sockets.open(**request) if is_open else sockets.connected(), flush=True)


if __name__ == "__main__":
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    uvloop.run(main())
