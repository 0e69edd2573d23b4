"""Rows of PostgreSQL in binary form, by a cursor of psycopg's own.

Django's cursor writes the parameters into the statement and has the rows as text, whose moments it reads in Python:
that is half of what a list costs.

What it relies on: `DatabaseWrapper` of Django's backend, with a connection of psycopg 3 behind it, and its attributes
`execute_wrappers`, `queries_logged`, `close_if_health_check_failed`, `validate_no_broken_transaction` and
`wrap_database_errors`. Tested with Django 5.2 and psycopg 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from django.db.backends.postgresql.base import Cursor, DatabaseWrapper
from django.db.backends.utils import CursorWrapper
from psycopg import Connection
from psycopg import Cursor as BinaryCursor
from psycopg.adapt import Buffer, Loader
from psycopg.postgres import types
from psycopg.pq import Format
from psycopg.types.numeric import Int8

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


_SAME = frozenset(
    types[name].oid
    for name in (
        *("bool", "int2", "int4", "int8", "float4", "float8", "numeric"),
        *("text", "varchar", "bpchar", "uuid", "jsonb", "date", "timestamptz"),
    )
)
"""The types whose values are the same in both forms. psycopg leaves one that it does not know, such as `citext`, as
bytes."""


class _JSONAsText(Loader):
    """Leaves a document as text, as Django has it: psycopg would read it, and the ORM once more."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        """Return the text, which comes after a byte with the version of its form."""
        return bytes(data[1:]).decode()


def _of_one_type(value: object) -> object:
    """Return an integer as a bigint, and anything else as it is: psycopg gives it the smallest type that holds it, so
    that a statement would be prepared once for each combination of sizes.
    """
    return Int8(value) if type(value) is int else value


def are_same(connection: Any, description: Sequence[Any]) -> bool:
    """Whether the values of columns are the same in both forms."""
    has_moments_of_utc = connection.timezone is UTC
    return has_moments_of_utc and all(column.type_code in _SAME for column in description)


def fetch(
    connection: Any, text: str, parameters: Sequence[object], *, json_as_text: bool = False
) -> list[tuple[Any, ...]]:
    """Return the rows of a statement. Raises Django's errors of the database.

    `json_as_text`: whether columns of documents are as Django has them, and not read.

    It is prepared if the project's `OPTIONS` have a `prepare_threshold`. Without one, nothing is: a pooler may give
    each transaction another connection.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        cursor: BinaryCursor[tuple[Any, ...]] = BinaryCursor(connection.connection)
        if json_as_text:
            cursor.adapters.register_loader("jsonb", _JSONAsText)
        began = statement_timing.begin()
        try:
            cursor.execute(text, [_of_one_type(each) for each in parameters], binary=True)
        finally:
            if began is not None:
                statement_timing.observe(text, began)
        return cursor.fetchall()
