"""The connections of our own threads: how long they are kept, and what ends them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from live_inbox import thread_connections
from live_inbox.database_threads import in_database_thread
from tests.databases.conftest import AddDatabase, own_threads
from tests.stacks.postgres_server import PostgresServer
from tests.stacks.stack import Stack

THREADS = 3
Identify = Callable[[], int]


@pytest.fixture
def identify(add_database: AddDatabase, thread: None) -> Identify:
    """Make a query in the thread that calls, and return a number of its connection."""
    return identifier(add_database())


def identifier(alias: str) -> Identify:
    def identify() -> int:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
        return id(connections[alias].connection)

    return identify


def run(*calls: Callable[[], Any]) -> list[Any]:
    """Make calls in database threads, one after the other; exceptions are among the results."""

    async def scenario() -> list[Any]:
        results: list[Any] = []
        for call in calls:
            results += await asyncio.gather(in_database_thread(call), return_exceptions=True)
        return results

    return asyncio.run(scenario())


def test_a_connection_is_used_by_many_calls_at_the_default_of_conn_max_age(
    identify: Identify,
) -> None:
    assert len(set(run(*[identify] * 20))) == 1


def test_there_are_no_more_connections_than_threads(
    identify: Identify, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> set[int]:
        return set(await asyncio.gather(*(in_database_thread(identify) for _ in range(60))))

    with own_threads(monkeypatch, THREADS):
        assert 1 <= len(asyncio.run(scenario())) <= THREADS


def test_a_connection_that_is_too_old_is_closed(
    identify: Identify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_connections, "KEEP_SECONDS", 0)
    opened = open_after_call(identify)
    assert opened == []


def test_a_longer_conn_max_age_counts(
    add_database: AddDatabase, thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_connections, "KEEP_SECONDS", 0)
    aliases = [add_database(CONN_MAX_AGE=age) for age in (None, 60)]
    run(*map(identifier, aliases))
    assert run(open_aliases) == [aliases]


def test_a_connection_is_closed_after_an_error(identify: Identify) -> None:
    def fail() -> None:
        identify()
        (alias,) = [alias for alias in connections if alias.startswith("database_")]
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")

    (error,) = run(fail)
    assert isinstance(error, Error)
    assert run(open_aliases) == [[]]
    (number,) = run(identify)
    assert isinstance(number, int)


def test_an_error_of_the_domain_closes_nothing(identify: Identify) -> None:
    def fail() -> None:
        identify()
        raise LookupError

    (error, aliases) = run(fail, open_aliases)
    assert isinstance(error, LookupError)
    assert len(aliases) == 1


def test_the_connections_of_other_threads_stay_as_they_are(identify: Identify) -> None:
    mine = identify()
    run(identify, identify)
    assert identify() == mine


def test_in_tests_nothing_stays_open(identify: Identify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "outbox", [], raising=False)
    assert open_after_call(identify) == []


def test_calls_that_follow_each_other_make_no_health_checks(
    add_database: AddDatabase, thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    alias = add_database(CONN_HEALTH_CHECKS=True)
    wrapper = type(connections[alias])
    is_usable, checked = wrapper.is_usable, list[str]()

    def check(connection: BaseDatabaseWrapper) -> bool:
        checked.append(connection.alias)
        return is_usable(connection)

    monkeypatch.setattr(wrapper, "is_usable", check)
    monkeypatch.setattr(thread_connections, "IDLE_SECONDS", 3600)
    run(*[identifier(alias)] * 5)
    assert checked == []
    monkeypatch.setattr(thread_connections, "IDLE_SECONDS", -1)
    run(*[identifier(alias)] * 5)
    # What an earlier test left running may use this thread as well, with a connection of its own.
    assert [each for each in checked if each == alias] == [alias] * 5


@pytest.mark.stack("production")
def test_a_thread_keeps_a_connection_of_its_own_beside_a_pool(
    thread: None, transactional_db: None
) -> None:
    """Who takes from a pool waits for those who hold its connections."""
    assert connections["default"].settings_dict["OPTIONS"]["pool"]
    assert open_after_call(identifier("default")) == ["default"]


@pytest.mark.stack("production")
def test_a_connection_that_was_idle_is_replaced_if_the_server_has_closed_it(
    add_database: AddDatabase,
    thread: None,
    private_postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(thread_connections, "IDLE_SECONDS", -1)
    identify = identifier(add_database(url=private_postgres.url()))
    (first,) = run(identify)
    private_postgres.kill()
    private_postgres.start()
    (second,) = run(identify)
    assert isinstance(second, int)
    assert second != first


@pytest.mark.stack("production")
def test_a_test_database_can_be_dropped_after_calls_in_threads(
    stack: Stack, add_database: AddDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the end of a run of tests, with the persistent connections of `CONN_MAX_AGE`."""
    alias = add_database(CONN_MAX_AGE=600)
    run(*[identifier(alias)] * 5)
    name = connections[alias].settings_dict["NAME"]
    with connections["default"].cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}"')


def test_a_connection_that_cannot_be_closed_does_not_lose_the_result(
    thread: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = [None, OSError("reset by peer")]

    def close() -> None:
        if error := outcomes.pop(0):
            raise error

    monkeypatch.setattr(thread_connections, "close_old_connections", close)
    with caplog.at_level(logging.WARNING, logger="live_inbox.thread_connections"):
        assert run(lambda: "committed") == ["committed"]
    (record,) = caplog.records
    assert record.getMessage() == "A database connection could not be closed properly."
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "reset by peer"


def open_after_call(call: Callable[[], Any]) -> list[str]:
    """Make a call, and return the aliases to which its thread is connected after it."""
    (_, aliases) = run(call, open_aliases)
    return list(aliases)


def open_aliases() -> list[str]:
    """Return the aliases to which this thread is connected."""
    found = connections.all(initialized_only=True)
    return [connection.alias for connection in found if connection.connection is not None]
