"""The database connections of our own threads: kept between calls, whatever `CONN_MAX_AGE` says.

Django closes the connections of a thread when a request ends; its default, `CONN_MAX_AGE = 0`, would open one for each
call here. Other threads, and so the project's own connections, are left alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from django.core import mail
from django.db import DataError, Error, IntegrityError, close_old_connections, connections
from django.db.backends.base.base import BaseDatabaseWrapper

KEEP_SECONDS = 600.0
"""The age at which a connection is closed, so that a changed address takes effect; a longer CONN_MAX_AGE counts."""

IDLE_SECONDS = 1.0
"""A connection that was not used for so long is checked before its next use: the server may have closed it."""

logger = logging.getLogger(__name__)


class ThreadConnections(threading.local):
    """The connections of the thread that calls. Each method leaves it without those that cannot be used again."""

    def __init__(self) -> None:
        self._kept: dict[str, object] = {}
        self._used_at = time.monotonic()

    def prepare(self) -> None:
        """Close what is broken or too old, before a call."""
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
        stay so. Connections of a pool go back to it. Within tests, too, all are closed: Django cannot drop the test
        database while a thread is connected to it.
        """
        self._keep_new()
        if is_testing() or _is_failure(error):
            _quietly(connections.close_all)
        else:
            _quietly(close_old_connections)
        self._used_at = time.monotonic()

    def _keep_new(self) -> None:
        for connection in connections.all(initialized_only=True):
            if self._kept.get(connection.alias) is not connection.connection:
                self._kept[connection.alias] = connection.connection
                _keep(connection)


def _keep(connection: BaseDatabaseWrapper) -> None:
    is_pooled = connection.settings_dict["OPTIONS"].get("pool")
    if connection.close_at is not None and not is_pooled:
        connection.close_at = max(connection.close_at, time.monotonic() + KEEP_SECONDS)


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
