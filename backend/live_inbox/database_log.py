"""The log in the database, as the hub reads it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from live_inbox import selectors
from live_inbox.apps import deployment_id
from live_inbox.database_threads import in_database_thread
from live_inbox.delivery.log import Head, LogRange
from live_inbox.events import Event


class DatabaseLog:
    """Reads heads and events from the database, off the event loop."""

    async def deployment(self) -> str:
        """Return the id of the database."""
        return await in_database_thread(deployment_id)

    async def heads(self, inboxes: Collection[str]) -> dict[str, Head]:
        """Return the head of every inbox asked for."""
        return await in_database_thread(selectors.heads, inboxes)

    async def read(self, ranges: Sequence[LogRange], *, limit: int) -> list[list[Event]]:
        """Return for each range its events, oldest first: `limit` at most."""
        return await in_database_thread(selectors.events, ranges, limit=limit)
