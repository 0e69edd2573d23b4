"""Running functions in database threads."""

from __future__ import annotations

import asyncio
import os
import threading
from contextvars import ContextVar

import pytest

from live_inbox import lane_threads
from live_inbox.computing_threads import PAUSE_SECONDS, ComputingThreads
from live_inbox.database_threads import in_database_thread, in_lane, threads_of
from live_inbox.lane_threads import MEASURED
from live_inbox.lanes import Lane
from tests.delivery.metric_values import counted


def test_the_function_runs_in_another_thread_with_its_arguments() -> None:
    def add(one: int, *, other: int) -> tuple[int, str]:
        return one + other, threading.current_thread().name

    total, thread = asyncio.run(in_database_thread(add, 1, other=2))
    assert total == 3
    assert thread.startswith("database")


def test_a_thread_is_at_work_during_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    threads = ComputingThreads(sleep=pauses.append)
    monkeypatch.setattr(lane_threads, "computing_threads", lambda: threads)

    def fail() -> None:
        threads.give_way()
        raise LookupError

    async def scenario() -> None:
        with pytest.raises(LookupError):
            await in_database_thread(fail)

    asyncio.run(scenario())
    threads.give_way()
    assert pauses == [PAUSE_SECONDS]


def test_context_variables_are_copied_into_the_thread_only() -> None:
    caller: ContextVar[str] = ContextVar("caller", default="nobody")

    def rename() -> str:
        before = caller.get()
        caller.set("bob")
        return before

    async def scenario() -> None:
        caller.set("alice")
        assert await in_database_thread(rename) == "alice"
        assert caller.get() == "alice"

    asyncio.run(scenario())


def test_exceptions_of_the_function_are_raised() -> None:
    def fail() -> None:
        raise LookupError("no such inbox")

    with pytest.raises(LookupError, match="no such inbox"):
        asyncio.run(in_database_thread(fail))


def test_stop_iteration_becomes_a_runtime_error() -> None:
    async def scenario() -> None:
        await asyncio.wait_for(in_database_thread(next, iter(())), 30)

    with pytest.raises(RuntimeError, match="StopIteration") as failure:
        asyncio.run(scenario())
    assert isinstance(failure.value.__cause__, StopIteration)


def test_a_cancelled_caller_stops_waiting_and_the_call_finishes() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(30)
        ended.set()

    async def scenario() -> None:
        task = asyncio.create_task(in_database_thread(work))
        assert await asyncio.to_thread(begun.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not ended.is_set()
        go_on.set()
        assert await asyncio.to_thread(ended.wait, 30)

    asyncio.run(scenario())


def test_a_forked_process_has_threads_of_its_own() -> None:
    async def call(number: int) -> int:
        return await asyncio.wait_for(in_database_thread(lambda: number), 10)

    assert asyncio.run(call(1)) == 1
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.write(writer, repr(asyncio.run(call(2))).encode())
        except BaseException as error:
            os.write(writer, repr(error).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reader, 1000) == b"2"


def test_the_queue_and_one_call_in_eight_are_measured() -> None:
    lane = Lane.BULK
    threads_of.cache_clear()
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert go_on.wait(30)

    def measured(name: str) -> float:
        return counted(f"database_{name}_seconds_count", lane=lane)

    async def scenario() -> None:
        waits, calls = measured("wait"), measured("call")
        first = asyncio.create_task(in_lane(lane, hold))
        await asyncio.to_thread(begun.wait, 30)
        rest = [asyncio.create_task(in_lane(lane, int)) for _ in range(MEASURED)]
        await asyncio.sleep(0)
        # The lane has one thread.
        assert counted("database_queue", lane=lane) == MEASURED
        go_on.set()
        await asyncio.gather(first, *rest)
        assert counted("database_queue", lane=lane) == 0
        assert (measured("wait"), measured("call")) == (waits + 2, calls + 2)

    asyncio.run(scenario())
