"""Lanes of database threads: deadlines, and threads that hang."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError

from live_inbox import database_log, lane_threads
from live_inbox.database_log import DatabaseLog
from live_inbox.database_threads import in_lane, in_lane_within, in_shares, threads_of
from live_inbox.lane_threads import DatabaseTimeout
from live_inbox.lanes import LONGEST_LOG_SECONDS, Lane
from live_inbox.shares import Share
from tests.delivery.metric_values import counted

LANE = Lane.READINESS
"""A lane with one thread."""
SOON = 0.1


class Hanging:
    """A call that hangs until it is let go."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go_on = threading.Event()

    def __call__(self) -> str:
        self.began.set()
        assert self.go_on.wait(60)
        return "late"

    async def until_it_hangs(self) -> None:
        assert await asyncio.to_thread(self.began.wait, 60)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    hanging = Hanging()
    yield hanging
    hanging.go_on.set()


def test_each_lane_has_threads_of_its_own(hanging: Hanging) -> None:
    async def scenario() -> list[str]:
        stuck = asyncio.ensure_future(in_lane(Lane.LOG, hanging))
        await hanging.until_it_hangs()
        others = [lane for lane in Lane if lane is not Lane.LOG]
        names = [await in_lane(lane, lambda: threading.current_thread().name) for lane in others]
        assert not stuck.done()
        hanging.go_on.set()
        assert await stuck == "late"
        return names

    names = asyncio.run(scenario())
    assert [name.split("-")[1] for name in names] == [lane for lane in Lane if lane is not Lane.LOG]


def test_a_call_fails_at_its_deadline_and_is_counted(hanging: Hanging) -> None:
    async def scenario() -> None:
        before = counted("database_deadlines_total", lane=LANE)
        with pytest.raises(DatabaseTimeout, match=r"within 0\.1 s") as failure:
            await in_lane_within(LANE, SOON, hanging)
        assert isinstance(failure.value, OperationalError)
        assert counted("database_deadlines_total", lane=LANE) == before + 1

    asyncio.run(scenario())


def test_a_thread_that_does_not_come_back_is_replaced(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_threads, "GRACE_SECONDS", 0.05)

    async def scenario() -> None:
        for _ in range(3):
            each = Hanging()
            with pytest.raises(DatabaseTimeout):
                await in_lane_within(LANE, SOON, each)
            assert await in_lane_within(LANE, 60, lambda: "served") == "served"
            each.go_on.set()
        assert len(threads_of(LANE)._workers) == LANE.threads

    asyncio.run(scenario())


def test_a_call_that_found_no_thread_in_time_is_not_made(hanging: Hanging) -> None:
    made: list[str] = []

    async def scenario() -> None:
        stuck = asyncio.ensure_future(in_lane_within(LANE, 60, hanging))
        await hanging.until_it_hangs()
        with pytest.raises(DatabaseTimeout):
            await in_lane_within(LANE, SOON, lambda: made.append("too late"))
        queued = asyncio.ensure_future(in_lane_within(LANE, 60, lambda: made.append("cancelled")))
        await asyncio.sleep(0)
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued
        hanging.go_on.set()
        await stuck
        await in_lane_within(LANE, 60, lambda: made.append("next"))

    asyncio.run(scenario())
    assert made == ["next"]


def test_a_share_is_held_until_the_call_has_ended(hanging: Hanging) -> None:
    """Whoever cancels requests and sends others must not get more threads by that."""
    shares = [Share("alice", 1)]
    made: list[str] = []

    async def scenario() -> None:
        first = asyncio.ensure_future(in_shares(shares, hanging))
        await hanging.until_it_hangs()
        first.cancel()
        second = asyncio.ensure_future(in_shares(shares, made.append, "second"))
        other = asyncio.ensure_future(in_shares([Share("bob", 1)], made.append, "other"))
        await other
        assert not second.done()
        hanging.go_on.set()
        await second

    asyncio.run(scenario())
    assert made == ["other", "second"]


def test_waiting_for_a_share_ends_at_the_deadline(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = [Share("alice", 1)]

    async def scenario() -> None:
        first = asyncio.ensure_future(in_shares(shares, hanging))
        await hanging.until_it_hangs()
        monkeypatch.setattr(Lane, "seconds", SOON)
        with pytest.raises(DatabaseTimeout):
            await in_shares(shares, lambda: None)
        monkeypatch.undo()
        hanging.go_on.set()
        await first
        assert await in_shares(shares, lambda: "served") == "served"

    asyncio.run(scenario())


class RecordedReads:
    """Stands in for the lane: fails each read that the test wants to fail."""

    def __init__(self) -> None:
        self.deadlines: list[float] = []
        self.error: Exception | None = None

    async def __call__(
        self, lane: Lane, seconds: float, function: Callable[..., Any], /, *args: Any
    ) -> Any:
        assert lane is Lane.LOG
        self.deadlines.append(seconds)
        if self.error is not None:
            raise self.error
        return {}


def test_the_reads_of_a_slow_log_get_more_time_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads, log = RecordedReads(), DatabaseLog()
    monkeypatch.setattr(database_log, "in_lane_within", reads)

    async def read(times: int, error: Exception | None) -> list[float]:
        reads.error, reads.deadlines = error, []
        for _ in range(times):
            try:
                await log.heads(["1"])
            except DatabaseTimeout:
                assert error is not None
        return reads.deadlines

    shortest = Lane.LOG.seconds
    slow = DatabaseTimeout(1, was_slow=True)
    unreachable = DatabaseTimeout(1, was_slow=False)
    grown = asyncio.run(read(8, slow))
    assert grown[:3] == [shortest, 2 * shortest, 4 * shortest]
    assert grown[-1] == LONGEST_LOG_SECONDS
    assert asyncio.run(read(2, None)) == [LONGEST_LOG_SECONDS, shortest]
    assert asyncio.run(read(3, unreachable)) == [shortest] * 3
