"""The housekeeper: what it does when, in time that stands still; and with a database and a clock."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections

from live_inbox import services
from live_inbox.conf import InboxSettings
from live_inbox.maintenance.bulk_send_pruning import prune_bulk_sends_in_steps
from live_inbox.maintenance.campaign_metrics import observe_campaigns
from live_inbox.maintenance.campaigns import run_campaigns_in_steps
from live_inbox.maintenance.deliveries import deliver_in_steps
from live_inbox.maintenance.expiry import expire_in_steps
from live_inbox.maintenance.failover import renew_after_failover
from live_inbox.maintenance.housekeeping import PAUSE_SECONDS, Housekeeper, Job, jobs
from live_inbox.maintenance.pruning import prune_in_steps
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.maintenance.snoozes import return_in_steps
from live_inbox.maintenance.suppressed_pruning import prune_suppressed_in_steps
from live_inbox.maintenance.undo_pruning import prune_undo_in_steps
from live_inbox.maintenance.webhook_pruning import prune_failed_in_steps
from live_inbox.models import InboxEvent, Notification
from tests.delivery.metric_values import counted
from tests.delivery.virtual_loop import VirtualLoop


class Work:
    """A job that is to take so many steps in each round, or to fail; remembers when it did what."""

    def __init__(self, loop: VirtualLoop, *rounds: int | Exception) -> None:
        self._loop = loop
        self._start = loop.time()
        self._rounds = list(rounds)
        self.done: list[tuple[float, str]] = []

    def note(self, what: str) -> None:
        self.done.append((round(self._loop.time() - self._start, 3), what))

    def begin(self) -> Iterator[object]:
        steps = self._rounds.pop(0) if self._rounds else 0
        for step in range(1 if isinstance(steps, Exception) else steps):
            self.note(f"step {step + 1}")
            if isinstance(steps, Exception):
                raise steps
            yield step
        self.note("end")


async def at_once(function: Callable[..., object], *arguments: Any) -> object:
    """Stands in for a database thread, where time stands still."""
    return function(*arguments)


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.run_off()
    assert loop.errors == []


def housekeeper(jobs: list[Job], *, chance: float = 1.0) -> Housekeeper:
    return Housekeeper(jobs, chance=lambda: chance, run=at_once)


def runs(job: str) -> tuple[float, float]:
    """Return how many runs of a job have failed, and how many are done."""
    failed = counted("housekeeping_runs_total", task=job, result="failed")
    return failed, counted("housekeeping_runs_total", task=job, result="done")


def start(loop: VirtualLoop, keeper: Housekeeper) -> None:
    async def begin() -> None:
        keeper.start()

    loop.result_of(begin())


# -- what a process does ---------------------------------------------------------------------------------


def test_the_settings_say_what_is_done_and_how_often() -> None:
    settings = InboxSettings(expiry_seconds=7, prune_seconds=900)
    assert jobs(settings) == [
        Job("expiry of notifications", expire_in_steps, 7),
        Job("end of snoozes", return_in_steps, 7),
        Job("end of undoing", prune_undo_in_steps, 7),
        Job("delivery of scheduled sends", deliver_in_steps, 7),
        Job("pruning of logs", prune_in_steps, 900),
        Job("pruning of bulk sends", prune_bulk_sends_in_steps, 900),
        Job("pruning of webhook deliveries", prune_failed_in_steps, 900),
        Job("pruning of suppressed sends", prune_suppressed_in_steps, 900),
        Job("campaigns", run_campaigns_in_steps, 1),
        Job("metrics of campaigns", observe_campaigns, 15),
        Job("look for a failover", renew_after_failover, 30, is_prompt=True),
    ]
    defaults = InboxSettings()
    assert [job.every_seconds for job in jobs(defaults)] == [
        5,
        5,
        5,
        5,
        3600,
        3600,
        3600,
        3600,
        1,
        15,
        30,
    ]
    without = InboxSettings(new_epochs_after_failover=False)
    every = [5, 5, 5, 5, 3600, 3600, 3600, 3600, 1, 15]
    assert [job.every_seconds for job in jobs(without)] == every
    secret = "whsec_" + "A" * 32
    with_webhook = InboxSettings(
        action_webhook_url="https://hooks.example/", action_webhook_secrets=[secret]
    )
    (webhook,) = (job for job in jobs(with_webhook) if job.name == "webhook of actions")
    assert webhook.every_seconds == 1


def test_it_can_be_turned_off() -> None:
    assert jobs(InboxSettings(housekeeping=False)) == []


# -- when ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every", "chance", "begins"),
    [
        # Within a minute or a turn, and then at every turn, of which chance takes a quarter away at most.
        (5.0, 1.0, [5, 10, 15, 20]),
        (5.0, 0.0, [0, 3.75, 7.5, 11.25]),
        (3600.0, 1.0, [60, 3660, 7260, 10860]),
        (3600.0, 0.5, [30, 3180, 6330, 9480]),
    ],
)
def test_a_chore_is_done_soon_and_then_at_every_turn(
    loop: VirtualLoop, every: float, chance: float, begins: list[float]
) -> None:
    work = Work(loop)
    start(loop, housekeeper([Job("work", work.begin, every)], chance=chance))
    while len(work.done) < 4:
        loop.advance(0.25 if every < 60 else 10)
    assert work.done == [(moment, "end") for moment in begins]


def test_a_backlog_is_worked_off_with_pauses(loop: VirtualLoop) -> None:
    work = Work(loop, 3)
    start(loop, housekeeper([Job("work", work.begin, 5)]))
    loop.advance(5)
    assert work.done == [(5, "step 1")]
    loop.advance(PAUSE_SECONDS / 2)
    assert work.done == [(5, "step 1")]
    for _ in range(5):
        loop.advance(PAUSE_SECONDS / 2)
    assert work.done == [(5, "step 1"), (5.05, "step 2"), (5.1, "step 3"), (5.15, "end")]


def test_chores_do_not_wait_for_each_other(loop: VirtualLoop) -> None:
    long, short = Work(loop, 1000), Work(loop)
    start(loop, housekeeper([Job("long", long.begin, 5), Job("short", short.begin, 5)]))
    for _ in range(400):
        loop.advance(PAUSE_SECONDS)
    assert long.done[-1][1].startswith("step ")
    assert short.done == [(5, "end"), (10, "end"), (15, "end"), (20, "end")]


def test_a_failure_is_logged_once_counted_and_survived(
    loop: VirtualLoop, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted("housekeeping_faults_total")
    runs_before = runs("pruning_of_logs")
    outage = ConnectionError("the database is away")
    work = Work(loop, outage, outage, 1)
    with caplog.at_level(logging.WARNING):
        start(loop, housekeeper([Job("pruning of logs", work.begin, 3600)]))
        for _ in range(400):
            loop.advance(10)
    # Tried again within a minute, not within an hour; after a success, at its turn.
    assert work.done == [
        (60, "step 1"),
        (120, "step 1"),
        (180, "step 1"),
        (190, "end"),
        (3790, "end"),
    ]
    assert [record.message for record in caplog.records] == [
        "The pruning of logs fails: ConnectionError: the database is away",
        "The pruning of logs works again after 2 failures.",
    ]
    assert counted("housekeeping_faults_total") == before + 2
    failed, done = runs("pruning_of_logs")
    assert failed == runs_before[0] + 2
    assert done > runs_before[1]


# -- the end ---------------------------------------------------------------------------------------------


def test_after_the_end_nothing_is_done(loop: VirtualLoop) -> None:
    work = Work(loop)
    keeper = housekeeper([Job("work", work.begin, 5)])
    start(loop, keeper)
    start(loop, keeper)
    loop.advance(5)
    loop.result_of(keeper.stop())
    loop.result_of(keeper.stop())
    loop.advance(100)
    assert work.done == [(5, "end")]


async def test_the_end_waits_for_a_transaction_that_has_begun() -> None:
    begun, may_end = threading.Event(), threading.Event()
    ended: list[str] = []

    def step(steps: Iterator[object], default: None) -> object:
        begun.set()
        assert may_end.wait(20)
        ended.append("transaction")
        return default

    async def in_thread(function: object, *arguments: Any) -> object:
        return await asyncio.to_thread(step, *arguments)

    job = Job("work", lambda: iter(()), 5)
    keeper = Housekeeper([job], chance=lambda: 0.0, run=in_thread)
    keeper.start()
    assert await asyncio.to_thread(begun.wait, 20)
    stopping = asyncio.create_task(keeper.stop())
    stopping.add_done_callback(lambda _: ended.append("housekeeper"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert ended == []
    may_end.set()
    await stopping
    assert ended == ["transaction", "housekeeper"]


async def test_the_database_is_not_used_while_a_step_waits_for_something_else() -> None:
    begun: asyncio.Queue[Future[str]] = asyncio.Queue()
    done: list[str] = []

    def steps() -> Iterator[object]:
        for _ in range(2):
            future: Future[str] = Future()
            begun.put_nowait(future)
            yield future
            done.append(future.result())

    keeper = Housekeeper([Job("work", steps, 3600)], chance=lambda: 0.0, run=at_once)
    keeper.start()
    first = await begun.get()
    assert done == []
    first.set_result("first")
    second = await begun.get()
    assert done == ["first"]
    # The server stops: what comes of it soon is recorded still.
    stopping = asyncio.create_task(keeper.stop())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not stopping.done()
    second.set_result("second")
    await stopping
    assert done == ["first", "second"]


async def test_the_end_does_not_wait_for_a_server_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("live_inbox.maintenance.housekeeping.STOP_SECONDS", 0.01)
    begun = asyncio.Event()

    def steps() -> Iterator[object]:
        future: Future[None] = Future()
        begun.set()
        yield future
        raise AssertionError("it was never answered")

    keeper = Housekeeper([Job("work", steps, 3600)], chance=lambda: 0.0, run=at_once)
    keeper.start()
    await begun.wait()
    await keeper.stop()


async def test_the_end_does_not_wait_for_a_database_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("live_inbox.maintenance.housekeeping.STOP_SECONDS", 0.01)
    begun = asyncio.Event()

    async def hang(*arguments: object) -> object:
        begun.set()
        return await asyncio.get_running_loop().create_future()

    keeper = Housekeeper([Job("work", lambda: iter(()), 5)], chance=lambda: 0.0, run=hang)
    keeper.start()
    await begun.wait()
    await keeper.stop()


# -- with the database -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bell")
async def test_a_backlog_of_both_chores_is_worked_off_by_two_processes_at_once(
    alice: User, bob: User
) -> None:
    """Two housekeepers: what several processes do, as far as the database can tell."""
    now = datetime.now(UTC)
    old = now - timedelta(days=40)
    users = [alice.pk, bob.pk]

    def fill() -> None:
        for _ in range(30):
            services.send_many(
                recipient_ids=users, title="x", expires_at=old + timedelta(hours=1), now=old
            )
        services.send_many(recipient_ids=users, title="stays", now=now)

    def small(steps: Callable[..., Iterator[object]]) -> Callable[[], Iterator[object]]:
        return lambda: steps(batch=7)

    await asyncio.to_thread(in_own_connection, fill)
    tasks = [
        Job("expiry", small(expire_in_steps), 0.05),
        Job("pruning", small(prune_in_steps), 0.05),
    ]

    async def at_full_speed(seconds: float) -> None:
        await asyncio.sleep(seconds / 50)

    keepers = [Housekeeper(tasks, sleep=at_full_speed) for _ in range(2)]
    for keeper in keepers:
        keeper.start()
    await until(lambda: (Notification.objects.count(), InboxEvent.objects.count()) == (2, 62))
    for keeper in keepers:
        await keeper.stop()
    findings = await asyncio.to_thread(in_own_connection, lambda: list(check_inboxes()))
    assert findings == []


def in_own_connection(call: Callable[[], Any]) -> Any:
    try:
        return call()
    finally:
        connections.close_all()


async def until(true: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Wait for something that must come. A test fails by the time, and is never decided by it."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(in_own_connection, true):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # What is waited for happens in the database.
