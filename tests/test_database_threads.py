"""Running functions in database threads."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest
from django.db import connection

from live_inbox import database_threads
from live_inbox.database_threads import in_database_thread


def test_the_function_runs_in_another_thread_with_its_arguments() -> None:
    def add(one: int, *, other: int) -> tuple[int, str]:
        return one + other, threading.current_thread().name

    total, thread = asyncio.run(in_database_thread(add, 1, other=2))
    assert total == 3
    assert thread.startswith("database")


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


@pytest.mark.django_db(transaction=True)
def test_an_expired_connection_is_closed_before_and_after_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def age() -> None:
        connection.ensure_connection()
        connection.close_at = 0  # long ago

    def was_closed_and_ages_again() -> bool:
        was_closed = connection.connection is None
        age()
        return was_closed

    with ThreadPoolExecutor(1) as thread:
        monkeypatch.setattr(database_threads, "_executor", lambda: thread)
        thread.submit(age).result(30)
        assert asyncio.run(in_database_thread(was_closed_and_ages_again))
        assert thread.submit(lambda: connection.connection is None).result(30)


def test_a_connection_that_cannot_be_closed_does_not_lose_the_result(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = [None, OSError("reset by peer")]

    def close() -> None:
        if error := outcomes.pop(0):
            raise error

    monkeypatch.setattr(database_threads, "close_old_connections", close)
    with caplog.at_level(logging.WARNING, logger="live_inbox.database_threads"):
        assert asyncio.run(in_database_thread(lambda: "committed")) == "committed"
    (record,) = caplog.records
    assert record.getMessage() == "A database connection could not be closed properly."
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "reset by peer"
