"""Rows of PostgreSQL in binary form, by a cursor of psycopg's own.

Django's cursor writes the parameters into the statement and has the rows as text, whose moments it reads in Python:
that is half of what a list costs.

What it relies on: `DatabaseWrapper` of Django's backend, with a connection of psycopg 3 behind it, and its attributes
`execute_wrappers`, `queries_logged`, `close_if_health_check_failed`, `validate_no_broken_transaction` and
`wrap_database_errors`. Tested with Django 5.2 and psycopg 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.backends.postgresql.base import Cursor, DatabaseWrapper
from django.db.backends.utils import CursorWrapper
from psycopg import Connection
from psycopg import Cursor as BinaryCursor

from live_inbox import statement_timing
from live_inbox.internals.requirements import require

require(
    DatabaseWrapper,
    "close_if_health_check_failed",
    "queries_logged",
    "validate_no_broken_transaction",
    "wrap_database_errors",
)


def is_unwatched(connection: Any) -> bool:
    """Whether nobody sees a difference: not where statements are logged, counted or wrapped, and not with a backend,
    or a cursor, that is not Django's.
    """
    if type(connection) is not DatabaseWrapper:
        return False
    if statement_timing.is_watched_by_others(connection):
        return False
    if connection.queries_logged or "cursor" in vars(connection):
        return False
    connection.ensure_connection()
    raw: Any = connection.connection
    of_django: Any = Cursor
    # Instrumentation replaces one of them.
    is_of_django = CursorWrapper.execute.__module__ == CursorWrapper.__module__
    return is_of_django and isinstance(raw, Connection) and raw.cursor_factory is of_django


def fetch(connection: Any, text: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement. Raises Django's errors of the database.

    It is prepared if the project's `OPTIONS` have a `prepare_threshold`. Without one, nothing is: a pooler may give
    each transaction another connection.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        cursor: BinaryCursor[tuple[Any, ...]] = BinaryCursor(connection.connection)
        began = statement_timing.begin()
        try:
            cursor.execute(text, parameters, binary=True)
        finally:
            if began is not None:
                statement_timing.observe(text, began)
        return cursor.fetchall()
