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
        second = len(self.inbox.names)
        third = second + len(self.notification.names)
        inbox = self._object(Inbox, self.inbox, row[:second])
        notification = self._object(Notification, self.notification, row[second:third])
        if inbox is None or notification is None:
            raise NotFound("You have no such notification.")
        sender = self._object(get_user_model(), self.sender, row[third:])
        if sender is not None:
            _SENDER.set_cached_value(notification, sender)
        return inbox, notification

    def _object(self, model: Any, columns: Columns, values: Sequence[Any]) -> Any:
        """Return the object of a row; None without one. The key comes first, and is NULL then."""
        if values[0] is None:
            return None
        return model.from_db(self.alias, columns.attributes, columns.values(values))


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
