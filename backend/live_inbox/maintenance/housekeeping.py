"""Housekeeping: the periodic jobs of every server process, so that no cron job is needed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from live_inbox import metrics
from live_inbox.conf import InboxSettings
from live_inbox.database_threads import in_lane
from live_inbox.faults import Fault
from live_inbox.lanes import Lane
from live_inbox.maintenance.action_webhook import WebhookConfig, WebhookDeliverer
from live_inbox.maintenance.bulk_send_pruning import prune_bulk_sends_in_steps
from live_inbox.maintenance.campaign_metrics import observe_campaigns
from live_inbox.maintenance.campaigns import run_campaigns_in_steps
from live_inbox.maintenance.deliveries import deliver_in_steps
from live_inbox.maintenance.expiry import expire_in_steps
from live_inbox.maintenance.failover import renew_after_failover
from live_inbox.maintenance.pruning import prune_in_steps
from live_inbox.maintenance.snoozes import return_in_steps
from live_inbox.maintenance.suppressed_pruning import prune_suppressed_in_steps
from live_inbox.maintenance.undo_pruning import prune_undo_in_steps
from live_inbox.maintenance.webhook_pruning import prune_failed_in_steps

PAUSE_SECONDS = 0.05
"""Between two transactions of one run, so that a backlog does not occupy the database."""

CAMPAIGN_SECONDS = 1.0
"""Between two looks for campaigns, each a query of an index that is empty otherwise."""

CAMPAIGN_METRICS_SECONDS = 15.0
"""Between two looks at how far campaigns have come, each a query of the same index: as often as Prometheus scrapes."""

WEBHOOK_SECONDS = 1.0
"""Between two looks for deliveries to the webhook, at as little cost."""

FAILOVER_SECONDS = 30.0
"""Between two looks at which PostgreSQL cluster the database is in."""

SOON_SECONDS = 60.0
"""The longest wait before the first run of a job, and after a failed one."""

STOP_SECONDS = 5.0
"""How long a running transaction may take to end when the server stops."""

Steps = Iterator[object]
Run = Callable[[Callable[[Steps, None], object], Steps, None], Awaitable[object]]


_in_thread: Run = partial(in_lane, Lane.HOUSEKEEPING)


@dataclass(frozen=True, slots=True)
class Job:
    """A periodic job: `begin` starts a run, each step of which is a short transaction.

    A step that returns a Future has begun something outside of the database. When that is done, the next step belongs
    to it.
    """

    name: str
    begin: Callable[[], Steps]
    every_seconds: float
    is_prompt: bool = False
    """Whether the first run is at the start of the process."""

    @property
    def label(self) -> str:
        """The name, as metrics have it."""
        return self.name.replace(" ", "_")

    @property
    def soon_seconds(self) -> float:
        """The wait before the first run, and after a failed one."""
        return min(self.every_seconds, SOON_SECONDS)


def jobs(settings: InboxSettings) -> list[Job]:
    """Return the jobs of a server process: none if HOUSEKEEPING is off."""
    if not settings.housekeeping:
        return []
    regular = [
        Job("expiry of notifications", expire_in_steps, settings.expiry_seconds),
        Job("end of snoozes", return_in_steps, settings.expiry_seconds),
        Job("end of undoing", prune_undo_in_steps, settings.expiry_seconds),
        Job("delivery of scheduled sends", deliver_in_steps, settings.expiry_seconds),
        Job("pruning of logs", prune_in_steps, settings.prune_seconds),
        Job("pruning of bulk sends", prune_bulk_sends_in_steps, settings.prune_seconds),
        Job("pruning of webhook deliveries", prune_failed_in_steps, settings.prune_seconds),
        Job("pruning of suppressed sends", prune_suppressed_in_steps, settings.prune_seconds),
        Job("campaigns", run_campaigns_in_steps, CAMPAIGN_SECONDS),
        Job("metrics of campaigns", observe_campaigns, CAMPAIGN_METRICS_SECONDS),
    ]
    webhook = WebhookConfig.of(settings)
    if webhook is not None:
        deliver = WebhookDeliverer(webhook).deliver_in_steps
        regular.append(Job("webhook of actions", deliver, WEBHOOK_SECONDS))
    if settings.new_epochs_after_failover:
        look = Job("look for a failover", renew_after_failover, FAILOVER_SECONDS, is_prompt=True)
        regular.append(look)
    return regular


class Housekeeper:
    """Runs the jobs while the server runs, each in a task of its own; they share one database thread.

    Every process runs them, and they may run concurrently. Waits have a random length of at least three quarters of
    the configured one, so processes seldom run a job at the same time.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        run: Run = _in_thread,
    ) -> None:
        self._jobs = jobs
        self._sleep = sleep
        self._chance = chance
        self._run = run
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the jobs on the running event loop."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._repeat(job)) for job in self._jobs]

    async def stop(self) -> None:
        """Stop after the running transactions. Other processes, or the next one, do the rest."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _repeat(self, job: Job) -> None:
        fault = Fault(job.name, metrics.HOUSEKEEPING_FAULTS)
        failed = metrics.HOUSEKEEPING_RUNS.labels(job.label, "failed")
        done = metrics.HOUSEKEEPING_RUNS.labels(job.label, "done")
        if not job.is_prompt:
            await self._sleep(job.soon_seconds * self._chance())
        while True:
            wait = job.every_seconds
            try:
                await self._run_once(job)
            except Exception as error:
                fault.report(error)
                failed.inc()
                wait = job.soon_seconds
            else:
                fault.recovered()
                done.inc()
            await self._sleep(wait * (0.75 + self._chance() / 4))

    async def _run_once(self, job: Job) -> None:
        steps = job.begin()
        while await self._step(steps) is not None:
            await self._sleep(PAUSE_SECONDS)

    async def _step(self, steps: Steps) -> object:
        """Run the next step; return None when there is none."""
        work = asyncio.ensure_future(self._complete(steps))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # A thread cannot be cancelled. It gets time to end its transaction while the server still exists.
            with suppress(Exception):
                async with asyncio.timeout(STOP_SECONDS):
                    await work
            raise

    async def _complete(self, steps: Steps) -> object:
        result = await self._run(next, steps, None)
        while isinstance(result, Future):
            await asyncio.wrap_future(result)
            result = await self._run(next, steps, None)
        return result
