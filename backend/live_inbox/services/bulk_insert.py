"""Inserting copies of notifications into many inboxes by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from live_inbox import database
from live_inbox.models import Notification
from live_inbox.services.inbox_rows import SequencedInbox
from live_inbox.sql_rows import key_type, key_value, rows_of, table_of

_OWN = ("id", "recipient_id", "added_sequence", "idempotency_key")
"""The columns in which all copies differ."""


_TAKEN_AS_THEY_ARE = (
    models.BigIntegerField,
    models.BooleanField,
    models.CharField,
    models.DateTimeField,
    models.IntegerField,
    models.PositiveIntegerField,
    models.TextField,
)
"""Fields whose values psycopg takes as the model has them, validated."""


def _shared_fields() -> list[Any]:
    """Return the fields of the columns that the copies of a notification share."""
    return [field for field in Notification._meta.concrete_fields if field.attname not in _OWN]


@lru_cache(maxsize=4)
def _shared(vendor: str) -> list[tuple[str, Any]]:
    """Return the attributes that copies share, each with its field if that has to prepare the values."""
    taken = _TAKEN_AS_THEY_ARE if vendor == "postgresql" else ()
    return [(field.attname, None if type(field) in taken else field) for field in _shared_fields()]


def shared_columns(connection: BaseDatabaseWrapper, notification: Notification) -> dict[str, Any]:
    """Return the values of a notification that its copies share, by their columns, as the database takes them."""
    values: dict[str, Any] = {}
    for name, field in _shared(connection.vendor):
        value = getattr(notification, name)
        values[name] = value if field is None else field.get_db_prep_save(value, connection)
    return values


@dataclass(frozen=True, slots=True)
class Copy:
    """A notification of one inbox: a copy of the draft at this place."""

    draft: int
    inbox: SequencedInbox
    idempotency_key: str | None


def insert_copies(drafts: Sequence[Notification], copies: Sequence[Copy]) -> list[int]:
    """Insert copies of unsaved notifications, each with its own idempotency key; return their ids in the same order.

    One statement, in which what is shared occurs once. Django's bulk_create repeats it for each row, which takes longer
    than inserting.
    """
    connection = database.connection()
    keys = [key_value(connection, copy.inbox.user_id) for copy in copies]
    given, document = rows_of(
        connection,
        {
            "recipient_id": key_type(connection),
            "added_sequence": "bigint",
            "idempotency_key": "text",
            "draft": "integer",
        },
        (
            (key, copy.inbox.sequence, copy.idempotency_key, copy.draft)
            for key, copy in zip(keys, copies, strict=True)
        ),
    )
    columns, values, parameters = list[str](), list[str](), list[Any]()
    for field in _shared_fields():
        columns.append(connection.ops.quote_name(field.attname))
        value, shared = _value(
            connection, field, [getattr(draft, field.attname) for draft in drafts]
        )
        values.append(value)
        parameters += shared
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table_of(connection, Notification)}"
            f" (recipient_id, added_sequence, idempotency_key, {', '.join(columns)})"
            f" SELECT recipient_id, added_sequence, idempotency_key, {', '.join(values)} FROM {given}"
            " RETURNING recipient_id, id",
            [*parameters, document],
        )
        ids = dict(cursor.fetchall())
    return [ids[key] for key in keys]


def _value(
    connection: BaseDatabaseWrapper, field: Any, of_drafts: Sequence[Any]
) -> tuple[str, list[Any]]:
    """Return the SQL of a column, and its parameters: one, or one for each draft where the drafts differ."""
    first = of_drafts[0]
    if all(value == first for value in of_drafts):
        return "%s", [field.get_db_prep_save(first, connection)]
    values = [field.get_db_prep_save(value, connection) for value in of_drafts]
    cases = "".join(f" WHEN {place} THEN %s" for place in range(len(of_drafts)))
    value = f"CASE draft{cases} END"
    if connection.vendor == "postgresql":
        # Moments and NULLs among them would be text otherwise.
        value = f"CAST({value} AS {field.db_type(connection)})"
    return value, values
