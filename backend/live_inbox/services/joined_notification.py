"""An inbox and one of its notifications, read with the account of the inbox's user by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections, models

from live_inbox import database
from live_inbox.columns import SAME_IN_BINARY, Columns, is_plain
from live_inbox.errors import NotFound
from live_inbox.identity.account_rows import JoinedColumns
from live_inbox.models import Inbox, Notification
from live_inbox.sql_rows import table_of


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes the ORM's objects of the columns."""

    alias: str
    inbox: Columns
    notification: Columns
    sender: Columns
    columns: str
    joins: str
    is_same_in_binary: bool

    def objects(self, row: Sequence[Any]) -> tuple[Inbox, Notification]:
        found = []
        begin = 0
        for model, columns in (
            (Inbox, self.inbox),
            (Notification, self.notification),
            (get_user_model(), self.sender),
        ):
            end = begin + len(columns.names)
            # The key comes first in each; without a row, it is NULL.
            has_row = row[begin] is not None
            values = columns.values(row[begin:end]) if has_row else None
            found.append(
                None if values is None else model.from_db(self.alias, columns.attributes, values)
            )
            begin = end
        inbox, notification, sender = found
        if not isinstance(inbox, Inbox) or not isinstance(notification, Notification):
            raise NotFound("You have no such notification.")
        if sender is not None:
            _SENDER.set_cached_value(notification, sender)
        return inbox, notification


_SENDER: Any = Notification._meta.get_field("sender")


def joined_notification(notification_id: int) -> JoinedColumns | None:
    """Return what is read with an account; None where the ORM has to read it, and on SQLite."""
    reader = _reader(database.alias())
    if reader is None:
        return None
    return JoinedColumns(reader.columns, reader.joins, (notification_id,), reader.is_same_in_binary)


def objects_of(row: Sequence[Any]) -> tuple[Inbox, Notification]:
    """Return what was read, with the sender loaded; raise NotFound if the inbox has no such notification."""
    reader = _reader(database.alias())
    assert reader is not None
    return reader.objects(row)


@lru_cache(maxsize=4)
def _reader(alias: str) -> _Reader | None:
    connection = connections[alias]
    user_model: Any = get_user_model()
    users = user_model._meta
    has_plain_key = isinstance(users.pk, models.IntegerField | models.UUIDField)
    if connection.vendor != "postgresql" or users.parents or not has_plain_key:
        return None
    fields = [_key_first(model) for model in (Inbox, Notification, user_model)]
    every = [field for each in fields for field in each]
    if not all(map(is_plain, every)):
        return None
    inbox, notification, sender = (Columns.of(each, connection) for each in fields)
    return _Reader(
        alias,
        inbox,
        notification,
        sender,
        ", ".join([inbox.sql("inbox"), notification.sql("notification"), sender.sql("sender")]),
        f"LEFT JOIN {table_of(connection, Inbox)} AS inbox"
        f' ON inbox."user_id" = account."{users.pk.column}"'
        f" LEFT JOIN {table_of(connection, Notification)} AS notification"
        f' ON notification."id" = %s AND notification."recipient_id" = account."{users.pk.column}"'
        f" LEFT JOIN {table_of(connection, user_model)} AS sender"
        f' ON sender."{users.pk.column}" = notification."sender_id"',
        all(isinstance(field, SAME_IN_BINARY) for field in every if field.remote_field is None),
    )


def _key_first(model: Any) -> list[Any]:
    options = model._meta
    return [options.pk, *(field for field in options.concrete_fields if field is not options.pk)]
