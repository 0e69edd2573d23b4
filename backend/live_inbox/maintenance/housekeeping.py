"""Housekeeping: what every server process does now and then, so that nobody needs cron."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from live_inbox import metrics
from live_inbox.conf import InboxSettings
from live_inbox.database_threads import in_database_thread
from live_inbox.faults import Fault
from live_inbox.maintenance.expiry import expire_in_steps
from live_inbox.maintenance.pruning import prune_in_steps

PAUSE_SECONDS = 0.05
"""Between two transactions of one round: a backlog is worked off without keeping the database from others."""

SOON_SECONDS = 60.0
"""Within what time a chore is done for the first time, and again after it has failed, if its turn is not sooner."""

STOP_SECONDS = 5.0
"""How long a transaction that has begun may take to end when the server stops."""

Steps = Iterator[object]
Run = Callable[[Callable[[Steps, None], object], Steps, None], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done again and again: `begin` starts a round, of which each step is a short transaction."""

    name: str
    begin: Callable[[], Steps]
    every_seconds: float

    @property
    def soon_seconds(self) -> float:
        """How long to wait when it should not be a whole turn."""
        return min(self.every_seconds, SOON_SECONDS)


def chores(settings: InboxSettings) -> list[Chore]:
    """Return what a server process has to do as it is configured: nothing if HOUSEKEEPING is off."""
    if not settings.housekeeping:
        return []
    return [
        Chore("expiry of notifications", expire_in_steps, settings.expiry_seconds),
        Chore("pruning of logs", prune_in_steps, settings.prune_seconds),
    ]


class Housekeeper:
    """Does the chores while the server runs, each in a task of its own, one database thread at a time for each.

    Every process does them. They are made to be done by several at once, and since waits are of random length,
    three quarters of what is configured at least, the processes seldom meet.
    """

    def __init__(
        self,
        chores: Sequence[Chore],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        run: Run = in_database_thread,
    ) -> None:
        self._chores = chores
        self._sleep = sleep
        self._chance = chance
        self._run = run
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, on the running event loop."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._keep(chore)) for chore in self._chores]

    async def stop(self) -> None:
        """Stop, after the transactions that have begun. What is left over is done by whoever runs next."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, chore: Chore) -> None:
        fault = Fault(chore.name, metrics.HOUSEKEEPING_FAULTS)
        await self._sleep(chore.soon_seconds * self._chance())
        while True:
            wait = chore.every_seconds
            try:
                await self._round(chore)
            except Exception as error:
                fault.report(error)
                wait = chore.soon_seconds
            else:
                fault.recovered()
            await self._sleep(wait * (0.75 + self._chance() / 4))

    async def _round(self, chore: Chore) -> None:
        steps = chore.begin()
        while await self._step(steps) is not None:
            await self._sleep(PAUSE_SECONDS)

    async def _step(self, steps: Steps) -> object:
        """Do the next step, and return None when there was none."""
        work = asyncio.ensure_future(self._run(next, steps, None))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The thread cannot be cancelled. It gets the time to end what it does, while there is a server.
            with suppress(Exception):
                async with asyncio.timeout(STOP_SECONDS):
                    await work
            raise
