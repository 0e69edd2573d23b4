"""All clients, in one process: `python -m tests.chaos.client_pool PLAN SOCKET`.

Its clients' histories go to a file when that is asked for.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chaos.clients import Client, ClientSpec
from tests.chaos.graphql_clients import LimitedClient, OlderClient, TransportClient
from tests.chaos.history import Follower, Original
from tests.chaos.original_client import OriginalClient
from tests.chaos.request_server import run, serve_requests

CLIENT_CLASSES: dict[str, type[Client]] = {
    "transport": TransportClient,
    "older": OlderClient,
    "limited": LimitedClient,
    "original": OriginalClient,
}
CONNECTS_PER_SECOND = 150
"""How fast the clients come at first, so that connecting does not saturate a small machine."""
FINAL_LISTS_SECONDS = 120.0


class ClientPool:
    """All clients, and the requests that can be made of them."""

    def __init__(self, specs: Sequence[ClientSpec], servers: Sequence[str]) -> None:
        self.clients = [CLIENT_CLASSES[spec.protocol](spec, servers) for spec in specs]
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Start them, one after the other."""
        for client in self.clients:
            self._tasks.append(asyncio.create_task(client.run()))
            await asyncio.sleep(1 / CONNECTS_PER_SECOND)

    async def handle(self, request: dict[str, Any]) -> Any:
        """Carry out a request, and return the answer."""
        what = request.pop("do")
        if what == "status":
            # A client whose task has ended by an error would be taken for one that is slow.
            broken = [task.exception() for task in self._tasks if task.done()]
            assert not broken, broken
            return [[client.is_following, client.known_state()] for client in self.clients]
        if what == "histories":
            return self._write_histories(Path(request["path"]))
        if what == "read_final_lists":
            async with asyncio.timeout(FINAL_LISTS_SECONDS):
                for client in self.clients:
                    await client.read_final_list()
            return None
        chosen = request.pop("clients", range(len(self.clients)))
        for number in chosen:
            getattr(self.clients[number], what)(**request)
        return len(chosen)

    def _write_histories(self, path: Path) -> str:
        followers = [
            Follower(client.spec.name, client.spec.inbox, client.items, types=client.types)
            for client in self.clients
            if isinstance(client, TransportClient)
        ]
        originals = [
            Original(
                client.spec.name,
                client.spec.inbox,
                client.finish(),
                client.mismatches,
                client.rows(),
            )
            for client in self.clients
            if isinstance(client, OriginalClient)
        ]
        closings = [
            (client.spec.name, client.items)
            for client in self.clients
            if isinstance(client, OriginalClient)
        ]
        path.write_bytes(pickle.dumps((followers, originals, closings)))
        return str(path)


async def main(plan: dict[str, Any], address: Path) -> None:
    """Serve until the connection that sends the requests ends."""
    client_pool = ClientPool([ClientSpec(**spec) for spec in plan["specs"]], plan["servers"])
    beginning = asyncio.create_task(client_pool.begin())
    await serve_requests(address, client_pool.handle)
    beginning.cancel()


if __name__ == "__main__":
    run(main)
