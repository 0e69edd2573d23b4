"""Doing things at the same time, each with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from django.db import connection, connections

T = TypeVar("T")

THREADS = 5
"""Not more: the pool of the production database has six connections."""


def at_once(*calls: Callable[[], T]) -> list[T | Exception]:
    """Make all calls at the same moment, and return what each returned or raised, in the same order."""
    results: list[T | Exception] = [AssertionError("it has not ended") for _ in calls]
    start = threading.Barrier(len(calls))

    def run(index: int, call: Callable[[], T]) -> None:
        try:
            start.wait()
            results[index] = call()
        except Exception as error:
            results[index] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def is_blocked() -> bool:
    """Whether a session of this PostgreSQL database waits for a lock."""
    with connection.cursor() as cursor:
        # Within a transaction, the view shows what it has shown at first.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])
