"""A crowd of clients in one process: `python -m tests.chaos.crowd PLAN SOCKET`.

It does what it is told over a Unix socket, a line of JSON for each order and one for each answer. Its clients'
histories go to a file when that is asked for.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.chaos.clients import Client, Part
from tests.chaos.graphql_clients import OlderClient, TransportClient
from tests.chaos.history import Follower, Original
from tests.chaos.original_client import OriginalClient

DOORS: dict[str, type[Client]] = {
    "transport": TransportClient,
    "older": OlderClient,
    "original": OriginalClient,
}
CONNECTS_PER_SECOND = 150
"""How fast the clients come at first, so that a small machine is not busy with nothing else."""


class Crowd:
    """All clients, and what may be done to them."""

    def __init__(self, parts: Sequence[Part], servers: Sequence[str]) -> None:
        self.clients = [DOORS[part.door](part, servers) for part in parts]
        self._lives: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Let them live, one after the other."""
        for client in self.clients:
            self._lives.append(asyncio.create_task(client.live()))
            await asyncio.sleep(1 / CONNECTS_PER_SECOND)

    async def obey(self, order: dict[str, Any]) -> Any:
        """Do what is asked for, and return the answer."""
        what = order.pop("do")
        if what == "status":
            # A client whose task has ended by an error would be taken for one that is slow.
            broken = [life.exception() for life in self._lives if life.done()]
            assert not broken, broken
            return [[client.is_following, client.knows()] for client in self.clients]
        if what == "histories":
            return self._write_histories(Path(order["path"]))
        chosen = order.pop("clients", range(len(self.clients)))
        for number in chosen:
            getattr(self.clients[number], what)(**order)
        return len(chosen)

    def _write_histories(self, path: Path) -> str:
        followers = [
            Follower(client.part.name, client.part.inbox, client.items)
            for client in self.clients
            if isinstance(client, TransportClient)
        ]
        originals = [
            Original(client.part.name, client.part.inbox, client.finish(), client.surprises)
            for client in self.clients
            if isinstance(client, OriginalClient)
        ]
        closings = [
            (client.part.name, client.items)
            for client in self.clients
            if isinstance(client, OriginalClient)
        ]
        path.write_bytes(pickle.dumps((followers, originals, closings)))
        return str(path)


async def main(told: dict[str, Any], address: Path) -> None:
    """Serve until the order to end comes, or nobody gives orders any more."""
    crowd = Crowd([Part(**part) for part in told["parts"]], told["servers"])
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(json.dumps(await _answer(crowd, line)).encode() + b"\n")
                await writer.drain()
        ended.set()

    server = await asyncio.start_unix_server(serve, path=address, limit=1 << 24)
    async with server:
        beginning = asyncio.create_task(crowd.begin())
        await ended.wait()
        beginning.cancel()


async def _answer(crowd: Crowd, line: bytes) -> dict[str, Any]:
    try:
        return {"answer": await crowd.obey(json.loads(line))}
    except Exception:
        # Whoever asked waits for an answer.
        return {"error": traceback.format_exc()}


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
