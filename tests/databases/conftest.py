"""Further databases beside the tests' own, and routers that choose among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import dj_database_url
import pytest
from django.apps import apps
from django.core import mail
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from pytest_django import Settings

from live_inbox import database_threads, thread_connections
from live_inbox.lane_threads import LaneThreads
from live_inbox.thread_connections import ThreadConnections, is_testing
from tests.domain.doorbells import RememberingDoorbell
from tests.stacks.stack import Stack

AddDatabase = Callable[..., str]
Refuse = Callable[[str], None]

_numbers = count()


class Router:
    """Sends all writes to one alias and all reads to another."""

    def __init__(self, *, write: str, read: str) -> None:
        self._write = write
        self._read = read

    def db_for_read(self, model: Any, **hints: Any) -> str:
        """Return the alias of a replica that lags."""
        return self._read

    def db_for_write(self, model: Any, **hints: Any) -> str:
        """Return the alias of the database itself."""
        return self._write


@pytest.fixture(autouse=True)
def _connections_of_one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no thread keep a connection, as in other projects; those of earlier tests close before a call."""
    monkeypatch.setattr(thread_connections, "is_testing", is_testing)
    ThreadConnections.suspect_all()


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> RememberingDoorbell:
    """The doorbell of this process, which only remembers."""
    doorbell = RememberingDoorbell()
    monkeypatch.setattr(apps.get_app_config("live_inbox"), "doorbell", doorbell)
    return doorbell


@pytest.fixture
def add_database(
    stack: Stack, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AddDatabase]:
    """Add a new, migrated, empty database, and return its alias: `add_database(OPTIONS={...})`.

    `url` names another one. Settings are Django's, at their defaults: no pool, no options, no persistent connections.
    """
    added = []

    def add(*, url: str | None = None, **settings: Any) -> str:
        # Used once: other threads may keep what belongs to an alias.
        alias = f"database_{next(_numbers)}"
        given: Any = dict(dj_database_url.parse(url or stack.fresh_database())) | settings
        configured = connections.configure_settings({"default": {}, alias: given})
        connections.settings[alias] = configured[alias]
        added.append(alias)
        return alias

    # In tests, Django connects only to the aliases that were there when the test began.
    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", _ensure_connection)
    yield add
    for alias in added:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]


def _ensure_connection(connection: BaseDatabaseWrapper) -> None:
    if connection.connection is None:
        with connection.wrap_database_errors:
            connection.connect()


@pytest.fixture
def refuse() -> Iterator[Refuse]:
    """Make every statement on an alias fail, in every thread: `refuse("default")`."""
    refused = set[str]()

    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        alias = context["connection"].alias
        if alias in refused and not sql.startswith(("BEGIN", "ROLLBACK")):
            raise AssertionError(f"This went to {alias}: {sql}")
        return execute(sql, params, many, context)

    def guard(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        if fail not in connection.execute_wrappers:
            connection.execute_wrappers.append(fail)

    connection_created.connect(guard)
    for connection in connections.all(initialized_only=True):
        guard(connection)
    yield refused.add
    # The threads of lanes keep their connections, and with them this guard.
    refused.clear()
    connection_created.disconnect(guard)
    for connection in connections.all(initialized_only=True):
        if fail in connection.execute_wrappers:
            connection.execute_wrappers.remove(fail)


@pytest.fixture
def routed(
    add_database: AddDatabase, refuse: Refuse, settings: Settings, bell: RememberingDoorbell
) -> str:
    """The inbox in a database that is not the default, with a replica; neither of the others may be asked."""
    alias, replica = add_database(), add_database()
    settings.DATABASE_ROUTERS = [Router(write=alias, read=replica)]
    refuse("default")
    refuse(replica)
    return alias


@pytest.fixture
def thread(add_database: AddDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread that was not used before, in a process that is not set up for tests."""
    monkeypatch.delattr(mail, "outbox")
    with own_threads(monkeypatch, 1):
        yield


@contextmanager
def own_threads(monkeypatch: pytest.MonkeyPatch, most: int) -> Iterator[None]:
    """Have calls made in threads that were not used before, at most so many; they and their connections end."""
    threads = LaneThreads("test", most=most, statement_seconds=60)
    monkeypatch.setattr(database_threads, "threads_of", lambda lane: threads)
    yield
    threads.close(60)
