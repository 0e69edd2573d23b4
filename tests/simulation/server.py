"""One process of a deployment: the real hub, feed and doorbell on simulated connections."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from contextvars import ContextVar, copy_context
from typing import Any

from live_inbox.delivery.doorbell import Doorbell
from live_inbox.delivery.hub import Hub, HubConfig
from live_inbox.events import Event, decode, encode
from live_inbox.feed import Feed
from tests.simulation.broker import LayerConnection
from tests.simulation.database import Connection, SimulatedDatabase

CONFIG = HubConfig(
    run_length=2,
    page_length=6,
    batch_length=3,
    reconcile_seconds=2.0,
    linger_seconds=1.5,
    layer_seconds=1.0,
)
"""A hub that reaches its limits quickly."""


CONNECTION: ContextVar[Connection] = ContextVar("CONNECTION")
"""The connection to the database of the server whose code runs."""


class Process:
    """A process that writes: a server, or a worker, whose doorbell calls no hub."""

    def __init__(self, name: str, database: SimulatedDatabase, layer: LayerConnection) -> None:
        self.name = name
        self.database = database
        self.layer = layer
        self.doorbell = Doorbell(lambda: self.layer, deployment=lambda: database.deployment)
        self.is_up = False
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Begin to publish."""
        await self._stack.enter_async_context(self.doorbell.attached(self._on_message))
        self.is_up = True

    async def stop(self) -> None:
        """Stop in good order."""
        self.is_up = False
        await self._stack.aclose()
        self.layer.close()

    async def crash(self) -> None:
        """Be gone at once: the clean-up that runs all the same reaches nobody."""
        self.layer.close()
        await self.stop()

    def ring(self, events: list[Event]) -> None:
        """Ring for committed events, as services do after a commit."""
        batch: dict[str, list[bytes]] = {}
        for event in events:
            batch.setdefault(event.inbox, []).append(encode(event))
        self.doorbell.ring(batch)

    def _on_message(self, batch: Any) -> None:
        """Do nothing: a worker has no hub."""


class Server(Process):
    """A process that serves clients. `sessions` are the tasks of its open connections."""

    def __init__(
        self, name: str, database: SimulatedDatabase, layer: LayerConnection, connection: Connection
    ) -> None:
        super().__init__(name, database, layer)
        self.connection = connection
        # Not a set: its order would depend on addresses.
        self.sessions: dict[asyncio.Task[None], None] = {}
        loop = asyncio.get_running_loop()
        self.hub: Hub[Event] = Hub(
            connection,
            layer=layer,
            decode=decode,
            own_doorbell=self.doorbell.name,
            config=CONFIG,
            clock=loop.time,
        )
        self.feed = Feed(self.hub)
        self._context = copy_context()
        self._context.run(CONNECTION.set, connection)

    async def start(self) -> None:
        """Begin to serve."""
        CONNECTION.set(self.connection)
        await self.hub.start()
        await super().start()

    async def stop(self) -> None:
        """Stop in good order: subscriptions end with HubClosed."""
        self.is_up = False
        await self._stack.aclose()
        await self.hub.stop()
        self.layer.close()

    async def crash(self) -> None:
        """Be gone at once, with all connections of clients."""
        for session in list(self.sessions):
            session.cancel()
        await super().crash()

    def _on_message(self, batch: Any) -> None:
        self._context.run(self.hub.on_message, batch)
