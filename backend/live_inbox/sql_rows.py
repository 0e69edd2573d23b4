"""Many rows as one parameter of a statement.

A parameter for each value costs more than inserting the row: the driver escapes and joins thousands of them, and SQLite
limits their number. Here the database expands a JSON document instead.

Every function takes the connection that the statement is for: look it up once for each statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from live_inbox.models import Inbox


def rows_of(
    connection: BaseDatabaseWrapper, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]
) -> tuple[str, str]:
    """Return the SQL of a table named `given` with these rows, and its one parameter.

    `columns` maps names to SQL types, which SQLite does not need. A value is what the driver would take, or a fragment
    of JSON.
    """
    document = orjson.dumps(
        [dict(zip(columns, row, strict=True)) for row in rows], default=str
    ).decode()
    if connection.vendor == "postgresql":
        typed = ", ".join(f"{name} {type}" for name, type in columns.items())
        return f"json_to_recordset(%s) AS given ({typed})", document
    named = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in columns)
    return f"(SELECT {named} FROM json_each(%s)) AS given", document


def key_type(connection: BaseDatabaseWrapper) -> str:
    """Return the SQL type of the column with an inbox's user."""
    return _key_type(connection.alias)


@lru_cache(maxsize=8)
def _key_type(alias: str) -> str:
    return Inbox._meta.pk.db_type(connections[alias]) or ""


def key_value(connection: BaseDatabaseWrapper, user_id: Any) -> Any:
    """Return the primary key of a user as that column holds it."""
    return Inbox._meta.pk.get_db_prep_save(user_id, connection)


def table_of(connection: BaseDatabaseWrapper, model: type[Any]) -> str:
    """Return the quoted name of a model's table."""
    return connection.ops.quote_name(model._meta.db_table)
