"""The database connections of our own threads: kept between calls, whatever `CONN_MAX_AGE` says.

Django closes the connections of a thread when a request ends; its default, `CONN_MAX_AGE = 0`, would open one for each
call here. Other threads, and so the project's own connections and its pool, are left alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.core import mail
from django.db import DataError, Error, IntegrityError, close_old_connections, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from live_inbox.conf import inbox_settings
from live_inbox.connection_aborting import abort, inode_of
from live_inbox.connection_parameters import on_the_network, refuses_limits, with_limits

KEEP_SECONDS = 600.0
"""The age at which a connection is closed, so that a changed address takes effect; a longer CONN_MAX_AGE counts."""

IDLE_SECONDS = 1.0
"""A connection that was not used for so long is checked before its next use: the server may have closed it."""

logger = logging.getLogger(__name__)

_without_limits: set[str] = set()
"""The aliases whose server, a pooler, has refused PostgreSQL's limits."""


class ThreadConnections:
    """The connections of one thread, which alone calls these methods but for `abort`.

    Each leaves it without the connections that cannot be used again.
    """

    _suspected_at = 0.0

    def __init__(self, statement_seconds: float) -> None:
        self._statement_seconds = statement_seconds
        self._adopted: dict[str, BaseDatabaseWrapper] = {}
        self._inodes: dict[str, int] = {}
        self._kept: dict[str, object] = {}
        self._used_at = time.monotonic()
        self.connecting_since: float | None = None
        """When the thread began to connect to a database, if it does so now."""

    @classmethod
    def suspect_all(cls) -> None:
        """Have every thread close what it has not used since, before its next call.

        Where one connection has died without a word, those to the same server may have died with it.
        """
        cls._suspected_at = time.monotonic()

    def prepare(self) -> None:
        """Close what is broken or too old, before a call."""
        self._adopt_all()
        if self._used_at < self._suspected_at:
            self.close()
        _quietly(close_old_connections)
        was_idle = time.monotonic() - self._used_at > IDLE_SECONDS
        for connection in connections.all(initialized_only=True):
            if was_idle and connection.connection is not None and not connection.is_usable():
                _quietly(connection.close)
            # CONN_HEALTH_CHECKS is for threads that wait for requests. Here it would be a query for each call.
            connection.health_check_done = True  # type: ignore[attr-defined]  # not in the stubs

    def clean_up(self, error: BaseException | None) -> None:
        """Close what cannot be kept, after a call that has raised the error given.

        After an error of the database, all are closed: one to a server that has become read-only, for example, would
        stay so. Within tests, too, all are closed: Django cannot drop the test database while a thread is connected
        to it.
        """
        self._keep_new()
        if is_testing() or _is_failure(error):
            self.close()
        else:
            _quietly(close_old_connections)
        self._used_at = time.monotonic()

    def close(self) -> None:
        """Close all connections."""
        _quietly(connections.close_all)

    def abort(self) -> None:
        """Make whatever the thread waits for fail. Called by other threads, and does not block."""
        for alias, connection in tuple(self._adopted.items()):
            raw: Any = connection.connection
            if raw is None:
                continue
            # What has just been closed, or is closed meanwhile, needs nothing more.
            with suppress(Exception):
                if connection.vendor == "sqlite":
                    raw.interrupt()
                else:
                    abort(raw, self._inodes[alias])

    def _adopt_all(self) -> None:
        for alias in tuple(connections):
            connection = connections[alias]
            if connection.vendor not in ("postgresql", "sqlite"):
                continue
            if self._adopted.get(alias) is not connection:
                self._adopted[alias] = connection
                self._take_over_connecting(alias, connection)
            if connection.connection is None:
                _leave_pool(connection)

    def _take_over_connecting(self, alias: str, connection: BaseDatabaseWrapper) -> None:
        """Have the parameters of our connections added, and know while one is being made."""
        connect_with = connection.get_new_connection

        def get_new_connection(parameters: dict[str, Any]) -> Any:
            self.connecting_since = time.monotonic()
            try:
                if connection.vendor == "sqlite":
                    return connect_with(_of_sqlite(parameters))
                raw = self._connect(alias, connect_with, parameters)
                self._inodes[alias] = inode_of(raw)
                return raw
            finally:
                self.connecting_since = None

        connection.get_new_connection = get_new_connection  # type: ignore[assignment, method-assign]

    def _connect(
        self, alias: str, connect_with: Callable[[dict[str, Any]], Any], parameters: dict[str, Any]
    ) -> Any:
        safe = on_the_network(parameters)
        if alias not in _without_limits:
            limited = with_limits(safe, inbox_settings(), statement_seconds=self._statement_seconds)
            try:
                return connect_with(limited)
            except Exception as error:
                if limited == safe or not refuses_limits(error):
                    raise
            raw = connect_with(safe)
            _without_limits.add(alias)
            logger.warning(
                "The pooler of database %r refuses PostgreSQL's timeouts: it is used without (POSTGRES_LIMITS).",
                alias,
            )
            return raw
        return connect_with(safe)

    def _keep_new(self) -> None:
        for connection in connections.all(initialized_only=True):
            if self._kept.get(connection.alias) is not connection.connection:
                self._kept[connection.alias] = connection.connection
                if connection.close_at is not None:
                    connection.close_at = max(connection.close_at, time.monotonic() + KEEP_SECONDS)


def _leave_pool(connection: BaseDatabaseWrapper) -> None:
    """Give a connection the project's settings of now, without a pool.

    Who takes from a pool waits for those who hold its connections.
    """
    current = connections.settings[connection.alias]
    options = {name: value for name, value in current["OPTIONS"].items() if name != "pool"}
    connection.settings_dict = {**current, "OPTIONS": options}


def _of_sqlite(parameters: dict[str, Any]) -> dict[str, Any]:
    seconds = inbox_settings().lock_seconds
    if not seconds:
        return parameters
    return {**parameters, "timeout": min(seconds, parameters.get("timeout", seconds))}


def _is_failure(error: BaseException | None) -> bool:
    """Whether this is an error of the database that is not about the values in a statement."""
    return isinstance(error, Error) and not isinstance(error, (DataError, IntegrityError))


def is_testing() -> bool:
    """Whether Django's test runner, or pytest-django, has set this process up for tests."""
    return hasattr(mail, "outbox")


def _quietly(close: Callable[[], object]) -> None:
    try:
        close()
    except Exception:
        # Django has discarded the connection all the same. The call's commits stand: raising here would make its
        # caller retry.
        logger.warning("A database connection could not be closed properly.", exc_info=True)
