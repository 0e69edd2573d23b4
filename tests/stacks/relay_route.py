"""A route of a relay: passes bytes on to a server, and forgets connections as a firewall or a load balancer may."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tests.stacks.ports import LOOPBACK

CHUNK = 65_536


class Route:
    """One port and what is behind it."""

    def __init__(self, target: str | int) -> None:
        self._target = target
        self._links: set[Link] = set()
        self._carries = asyncio.Event()
        self._carries.set()
        self.opened = 0
        self.passed = 0
        self.dropped = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a client with what is behind this route, until either side ends."""
        try:
            if isinstance(self._target, int):
                behind = await asyncio.open_connection(LOOPBACK, self._target)
            else:
                behind = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.transport.abort()
            return
        self.opened += 1
        link = Link(self, writer, behind[1])
        self._links.add(link)
        await link.run(reader, behind[0])
        self._links.discard(link)

    @property
    def open(self) -> int:
        """How many connections there are, forgotten ones included."""
        return len(self._links)

    def forget(self) -> int:
        """Let the connections that are open carry nothing any more; return how many they are."""
        chosen = [link for link in self._links if not link.is_forgotten]
        for link in chosen:
            link.is_forgotten = True
        return len(chosen)

    def close_forgotten(self) -> int:
        """Close the connections that were forgotten, on both sides; return how many there still are."""
        chosen = [link for link in self._links if link.is_forgotten]
        for link in chosen:
            link.close()
        return len(chosen)

    def partition(self) -> None:
        """Let all connections carry nothing, also new ones, until `heal`."""
        self._carries.clear()

    def heal(self) -> None:
        """Pass on what has arrived meanwhile, and everything else."""
        self._carries.set()

    async def carries(self) -> None:
        """Wait while the route is partitioned."""
        await self._carries.wait()


class Link:
    """One connection, in both directions."""

    def __init__(
        self, route: Route, client: asyncio.StreamWriter, behind: asyncio.StreamWriter
    ) -> None:
        self._route = route
        self._client = client
        self._behind = behind
        self._closed = asyncio.Event()
        self.is_forgotten = False

    async def run(self, client: asyncio.StreamReader, behind: asyncio.StreamReader) -> None:
        """Pass on until one side ends; a link that was forgotten ends when it is closed."""
        ways = [
            asyncio.create_task(self._pass(client, self._behind)),
            asyncio.create_task(self._pass(behind, self._client)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if self.is_forgotten:
                # Neither side learns that the other has gone.
                await self._closed.wait()
        finally:
            for way in ways:
                way.cancel()
            self.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                await self._route.carries()
                if self.is_forgotten:
                    self._route.dropped += len(chunk)
                    continue
                self._route.passed += len(chunk)
                writer.write(chunk)
                await writer.drain()

    def close(self) -> None:
        """Close both sides."""
        self._closed.set()
        self._client.transport.abort()
        self._behind.transport.abort()
