"""The log in the database, as the hub reads it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import ParamSpec, TypeVar

from live_inbox import selectors
from live_inbox.apps import deployment_id
from live_inbox.database_threads import in_lane_within
from live_inbox.delivery.log import Head, LogRange
from live_inbox.events import Event
from live_inbox.lane_threads import DatabaseTimeout
from live_inbox.lanes import LONGEST_LOG_SECONDS, Lane

P = ParamSpec("P")
T = TypeVar("T")


class DatabaseLog:
    """Reads heads and events from the database, off the event loop.

    A read that does not end in time fails, and the next one has a new connection. Where that was slow as well, each
    further one gets twice the time, up to LONGEST_LOG_SECONDS: a slow database must not keep events back for ever.
    """

    def __init__(self) -> None:
        self._seconds = Lane.LOG.seconds

    async def deployment(self) -> str:
        """Return the id of the database."""
        return await self._read(deployment_id)

    async def heads(self, inboxes: Collection[str]) -> dict[str, Head]:
        """Return the head of every inbox asked for."""
        return await self._read(selectors.heads, inboxes)

    async def read(self, ranges: Sequence[LogRange], *, limit: int) -> list[list[Event]]:
        """Return for each range its events, oldest first: `limit` at most."""
        return await self._read(selectors.events, ranges, limit=limit)

    async def _read(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        began = time.monotonic()
        try:
            answer = await in_lane_within(Lane.LOG, self._seconds, function, *args, **kwargs)
        except DatabaseTimeout as error:
            if error.was_slow:
                self._seconds = min(2 * self._seconds, LONGEST_LOG_SECONDS)
            raise
        # As long as it takes that long, the next one may, too.
        taken = 2 * (time.monotonic() - began)
        self._seconds = min(max(Lane.LOG.seconds, taken), LONGEST_LOG_SECONDS)
        return answer
