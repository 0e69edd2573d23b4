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
from benchmarks.sockets import Socket, open_socket

OPENING_SECONDS = 1200.0
AT_A_TIME = 8
"""Sockets that each process opens at once. More of several processes would miss the deadlines of the database."""

TRY_AGAIN_LATER = 1013
RETRY_SECONDS = 1.0
"""After so long, a socket that was closed with that code is opened anew, as real clients do."""


class SocketProcess:
    """Carries out what it is asked for."""

    def __init__(self) -> None:
        self._sockets: list[Socket] = []
        self._delivery_counter = DeliveryCounter()
        self._retries = 0

    async def open(self, *, host: str, port: int, source: str, tokens: Sequence[str]) -> int:
        """Open a socket with each token from an address of this machine; return how many are subscribed."""
        slots = asyncio.Semaphore(AT_A_TIME)

        async def open_one(token: str) -> Socket:
            async with slots:
                return await self._open_until_subscribed((host, port), token, source)

        async with asyncio.timeout(OPENING_SECONDS), asyncio.TaskGroup() as group:
            tasks = [group.create_task(open_one(token)) for token in tokens]
        self._sockets += [task.result() for task in tasks]
        return len(self._sockets)

    async def _open_until_subscribed(
        self, address: tuple[str, int], token: str, source: str
    ) -> Socket:
        while True:
            protocol = GraphQLClientProtocol(
                "/graphql/", {"Authorization": f"Bearer {token}"}, None
            )
            receiver = Receiver(self._delivery_counter, Stream())
            socket = await open_socket(address, protocol, receiver, source=source)
            if socket.close_code != TRY_AGAIN_LATER:
                socket.ready.result()
                return socket
            # Nobody else asks.
            socket.ready.exception()
            self._retries += 1
            await asyncio.sleep(RETRY_SECONDS)

    def retries(self) -> int:
        """Return how many sockets the server has closed until later."""
        return self._retries

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
        match request.pop("verb"):
            case "open":
                answer = await sockets.open(**request)
            case "connected":
                answer = sockets.connected()
            case "retries":
                answer = sockets.retries()
            case verb:
                raise ValueError(f"{verb!r} is nothing to ask for")
        print(answer, flush=True)


if __name__ == "__main__":
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    uvloop.run(main())
