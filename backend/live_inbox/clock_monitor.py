"""Compares this server's clock with the database's while the server runs, and logs when they differ."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from live_inbox import database
from live_inbox.clock import DatabaseClock, clock
from live_inbox.database_threads import in_lane
from live_inbox.lanes import Lane

MEASURE_SECONDS = 60.0
RETRY_SECONDS = 5.0
"""Until the next attempt when the database does not answer."""

logger = logging.getLogger(__name__)


def is_wrong(clock: DatabaseClock, leeway_seconds: float) -> bool:
    """Whether the server's clock is certainly off by more than the leeway for tokens."""
    offset = clock.offset
    return offset is not None and abs(offset) - clock.doubt > leeway_seconds


class ClockMonitor:
    """Measures the database's clock every minute."""

    def __init__(
        self,
        *,
        leeway_seconds: float,
        measure: Callable[[], object] = database.now,
        clock: DatabaseClock = clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._leeway_seconds = leeway_seconds
        self._measure = measure
        self._clock = clock
        self._sleep = sleep
        self._was_wrong = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start on the running event loop."""
        self._task = asyncio.create_task(self._repeat())

    async def stop(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _repeat(self) -> None:
        while True:
            try:
                await in_lane(Lane.HOUSEKEEPING, self._measure)
            except Exception:
                # The log reader reports the outage.
                await self._sleep(RETRY_SECONDS)
                continue
            self._compare()
            await self._sleep(MEASURE_SECONDS)

    def _compare(self) -> None:
        """Log once that the clock is wrong, and once that it is right again."""
        wrong = is_wrong(self._clock, self._leeway_seconds)
        if wrong and not self._was_wrong:
            logger.warning(
                "This server's clock is %.1f seconds ahead of the database's. The database's is used.",
                self._clock.offset,
            )
        elif self._was_wrong and not wrong:
            logger.warning("This server's clock agrees with the database's again.")
        self._was_wrong = wrong
