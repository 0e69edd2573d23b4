"""Inserting copies of a notification into many inboxes by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from live_inbox import database
from live_inbox.models import Notification
from live_inbox.services.inbox_rows import SequencedInbox
from live_inbox.sql_rows import key_type, key_value, rows_of, table_of

_OWN = ("id", "recipient_id", "added_sequence", "idempotency_key")
"""The columns in which the copies of a notification differ."""


def shared_columns(connection: BaseDatabaseWrapper, notification: Notification) -> dict[str, Any]:
    """Return the values of a notification that its copies share, by their columns, as the database takes them."""
    return {
        field.attname: field.get_db_prep_save(getattr(notification, field.attname), connection)
        for field in Notification._meta.concrete_fields
        if field.attname not in _OWN
    }


def insert_copies(
    notification: Notification,
    inboxes: Sequence[SequencedInbox],
    idempotency_keys: Sequence[str | None],
) -> list[int]:
    """Insert a copy of an unsaved notification for each inbox; return their ids, in the order of the inboxes.

    With idempotency keys, one for each inbox, each copy has its own in place of the notification's.

    One statement, in which the shared values occur once. Django's bulk_create repeats them for each row, which takes
    longer than inserting.
    """
    connection = database.connection()
    shared = shared_columns(connection, notification)
    keys = [key_value(connection, inbox.user_id) for inbox in inboxes]
    given, document = rows_of(
        connection,
        {
            "recipient_id": key_type(connection),
            "added_sequence": "bigint",
            "idempotency_key": "text",
        },
        zip(keys, (inbox.sequence for inbox in inboxes), idempotency_keys, strict=True),
    )
    columns = ", ".join(map(connection.ops.quote_name, shared))
    values = ", ".join(["%s"] * len(shared))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table_of(connection, Notification)}"
            f" (recipient_id, added_sequence, idempotency_key, {columns})"
            f" SELECT recipient_id, added_sequence, idempotency_key, {values} FROM {given}"
            " RETURNING recipient_id, id",
            [*shared.values(), document],
        )
        ids = dict(cursor.fetchall())
    return [ids[key] for key in keys]
