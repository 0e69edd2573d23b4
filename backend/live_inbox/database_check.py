"""Finds out whether the database of the inbox answers, has its tables, and takes writes."""

from __future__ import annotations

import asyncio
import pkgutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from live_inbox import database
from live_inbox.database_errors import is_locked, kind_of
from live_inbox.database_threads import in_lane
from live_inbox.lanes import Lane
from live_inbox.models import Deployment, Inbox
from live_inbox.sql_rows import table_of

STATEMENT_MILLISECONDS = 1500
"""How long one statement may take on PostgreSQL, so that the thread comes back."""

LOCK_MILLISECONDS = 500
"""How long to wait for the lock of an SQLite file."""

BUSY_SECONDS = 10.0
"""How long the writers of an SQLite file may keep it locked before it counts as not writable."""

FRESH_SECONDS = 1.0
"""An answer so young is given again: anybody may ask, and each check writes."""


class UnappliedMigrations(Exception):
    """Raised when `manage.py migrate` has not been run since the last upgrade."""


def reach() -> None:
    """Read a table of the inbox, and the database's clock."""
    with _soon():
        database.queryset(Inbox).exists()
        database.now()


def check_migrations() -> None:
    """Raise UnappliedMigrations if the tables are not those of this version."""
    with _soon():
        applied = MigrationRecorder(database.connection()).migration_qs.filter(app="live_inbox")
        if not set(_migrations()) <= set(applied.values_list("name", flat=True)):
            raise UnappliedMigrations


@database.transactional
def write() -> None:
    """Write a row as it is, and commit: that fails on a standby, a read-only file and a full disk."""
    connection = database.connection()
    table, key = table_of(connection, Deployment), connection.ops.quote_name("key")
    # Other servers do the same: nobody waits.
    skip = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        if skip:
            cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MILLISECONDS}")
        cursor.execute(
            f"UPDATE {table} SET {key} = {key} WHERE id IN (SELECT id FROM {table}{skip})"
        )


def _write() -> None:
    with _short_wait(database.connection()):
        write()


STEPS: dict[str, Callable[[], None]] = {
    "database": reach,
    "migrations": check_migrations,
    "writes": _write,
}


class Outcome:
    """What is known about one of the steps."""

    def __init__(self) -> None:
        self.is_pending = False
        self.error: Exception | None = None
        self.succeeded_at: float | None = None


class DatabaseCheck:
    """Makes the steps in a thread, one run at a time: a database that hangs does not occupy a second one."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._outcomes = {name: Outcome() for name in STEPS}
        self._run: asyncio.Task[None] | None = None
        self._passed_at: float | None = None

    async def within(self, seconds: float) -> dict[str, dict[str, object]]:
        """Return the state of each step, after so many seconds at the latest."""
        passed_at = self._passed_at
        if passed_at is None or self._monotonic() - passed_at >= FRESH_SECONDS:
            await asyncio.wait({self._running()}, timeout=seconds)
        states: dict[str, dict[str, object]] = {}
        is_open = True
        for name, outcome in self._outcomes.items():
            states[name] = self._state(outcome, is_known=is_open)
            is_open = is_open and not outcome.is_pending
        return states

    def _running(self) -> asyncio.Task[None]:
        run = self._run
        if run is None or run.done() or run.get_loop() is not asyncio.get_running_loop():
            for outcome in self._outcomes.values():
                outcome.is_pending, outcome.error = True, None
            run = self._run = asyncio.create_task(self._start())
        return run

    async def _start(self) -> None:
        try:
            await in_lane(Lane.READINESS, self._make_steps)
        except Exception as error:
            self._outcomes["database"].error = error

    def _make_steps(self) -> None:
        for name, step in STEPS.items():
            outcome = self._outcomes[name]
            try:
                step()
            except Exception as error:
                outcome.error = error
                if name == "database":
                    return
            else:
                outcome.succeeded_at = self._monotonic()
            outcome.is_pending = False
        if not any(outcome.error for outcome in self._outcomes.values()):
            self._passed_at = self._monotonic()

    def _state(self, outcome: Outcome, *, is_known: bool) -> dict[str, object]:
        """Return a state. It is not known after a step that failed to answer: nothing else was tried."""
        last, error = outcome.succeeded_at, outcome.error
        age = None if last is None else self._monotonic() - last
        state: dict[str, object] = {"age": None if age is None else round(age, 3)}
        if error is not None:
            if is_locked(error) and age is not None and age <= BUSY_SECONDS:
                return {"status": "busy", **state}
            reason = kind_of(error).value
            return {"status": "failed", **state, "error": type(error).__name__, "reason": reason}
        if not outcome.is_pending:
            return {"status": "ok", **state}
        if is_known:
            return {"status": "timeout", **state, "error": "TimeoutError"}
        return {"status": "unknown", **state}


@lru_cache(maxsize=4)
def _check_of(alias: str, name: str) -> DatabaseCheck:
    return DatabaseCheck()


def current_check() -> DatabaseCheck:
    """Return the check of the database of the inbox."""
    alias = database.alias()
    return _check_of(alias, str(database.connection().settings_dict["NAME"]))


@contextmanager
def _soon() -> Iterator[None]:
    """Let no statement on PostgreSQL take long. Within a transaction of others, this cannot be set."""
    connection = database.connection()
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        yield
        return
    with database.transaction_block():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MILLISECONDS}")
        yield


@contextmanager
def _short_wait(connection: BaseDatabaseWrapper) -> Iterator[None]:
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        (usual,) = cursor.fetchone()
        cursor.execute(f"PRAGMA busy_timeout = {LOCK_MILLISECONDS}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {int(usual)}")


def _migrations() -> list[str]:
    """Return the names of this version's migrations; none where the project has turned them off."""
    path, _ = MigrationLoader.migrations_module("live_inbox")
    if path is None:
        return []
    modules = pkgutil.iter_modules(import_module(path).__path__)
    return [module.name for module in modules if module.name[0] not in "_~"]
