"""Between the servers and what they depend on: `python -m tests.chaos.relay PLAN SOCKET`.

Passes bytes on, until it is asked to forget: then the connections that are open at that moment stay open and carry
nothing any more, as when a firewall or a load balancer has forgotten them, while new ones work. The plan is a list of
routes: a port of this machine, and the port or the Unix socket behind it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

CHUNK = 65_536


class Route:
    """One port and what is behind it."""

    def __init__(self, target: str | int) -> None:
        self._target = target
        self._links: set[Link] = set()
        self.opened = 0
        self.passed = 0
        self.dropped = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a client with what is behind this route, until either side ends."""
        try:
            if isinstance(self._target, int):
                behind = await asyncio.open_connection("127.0.0.1", self._target)
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
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if self.is_forgotten:
            # Neither side learns that the other has gone.
            await self._closed.wait()
        for way in ways:
            way.cancel()
        self.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
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


async def main(plan: list[dict[str, Any]], address: Path) -> None:
    """Serve until the connection that sends the requests ends."""
    routes = {each["name"]: Route(each["target"]) for each in plan}
    for each in plan:
        await asyncio.start_server(routes[each["name"]].accept, "127.0.0.1", each["port"])
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            request = json.loads(line)
            route = routes[request["route"]]
            answer: Any
            if request["do"] == "count":
                answer = {"passed": route.passed, "dropped": route.dropped, "opened": route.opened}
            else:
                answer = getattr(route, request["do"])()
            writer.write(json.dumps({"answer": answer}).encode() + b"\n")
        ended.set()

    async with await asyncio.start_unix_server(serve, path=address):
        await ended.wait()


def run() -> None:
    """Run on uvloop where that is installed."""
    plan, address = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    try:
        import uvloop
    except ImportError:
        asyncio.run(main(plan, address))
    else:
        uvloop.run(main(plan, address))


if __name__ == "__main__":
    run()
