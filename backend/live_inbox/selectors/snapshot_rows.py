"""Rows of notifications and of their senders, as a driver returns them, made into snapshots without the ORM's objects.

A sender is shown as the project's user model says. Where that is Django's own way, three columns are enough; else a
sender is made into a user of the model, once for each page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections

from live_inbox import database
from live_inbox.columns import SAME_IN_BINARY, Columns, is_plain
from live_inbox.events import Folder, Person, Snapshot
from live_inbox.models import Notification
from live_inbox.name_columns import fields_of_names, has_names_of_django, person_by_names
from live_inbox.snapshots import person

ALL = Snapshot.__struct_fields__
"""The names of all that is read of a notification."""

_ALWAYS = frozenset({"id", "returned_rank"})
"""The order of lists, and so their cursors, depend on them."""

_SENDER, _FOLDER = ALL.index("sender"), ALL.index("folder")
_FOLDERS = {folder.value: folder for folder in Folder}


@dataclass(frozen=True, slots=True, eq=False)
class SnapshotReader:
    """Makes snapshots of rows: first the columns of the notification, then those of its sender."""

    alias: str
    notification: Columns
    """In the order of the fields of a snapshot; the key of the sender stands for the sender."""
    sender: Columns | None
    """None where senders are not read, or by a query of their own: for a user model whose fields are in several tables,
    or are no plain columns."""
    may_be_binary: bool
    """Whether the values are the same if the driver has them in binary form."""
    person: Callable[[Sequence[Any]], Person] | None
    """Makes a sender of the columns; None for a query of their own."""

    def snapshots(self, rows: Sequence[Sequence[Any]]) -> list[Snapshot]:
        """Return the snapshots of rows, in their order."""
        length = len(ALL)
        people = self._people(rows)
        convert = self.notification.conversions
        found = []
        for row in rows:
            values = list(row[:length])
            for place, function in convert:
                # NULL is None for each of our columns, and most rows have several.
                if values[place] is not None:
                    values[place] = function(values[place])
            key = values[_SENDER]
            if key is not None:
                values[_SENDER] = people.get(key)
            found.append(Snapshot(*values))
        return found

    def _people(self, rows: Sequence[Sequence[Any]]) -> Mapping[Any, Person]:
        """Return the senders by their keys, as the notifications have them."""
        length = len(ALL)
        convert = dict(self.notification.conversions).get(_SENDER)
        first = {row[_SENDER]: row for row in rows if row[_SENDER] is not None}
        by_key = first if convert is None else {convert(key): row for key, row in first.items()}
        if not by_key:
            return {}
        if self.person is None:
            users = database.queryset(get_user_model()).in_bulk(list(by_key))
            return {key: person(user) for key, user in users.items()}
        return {key: self.person(row[length:]) for key, row in by_key.items()}


def reader_for(alias: str, fields: frozenset[str] | None = None) -> SnapshotReader:
    """Return what reads the rows of a database: these fields of snapshots, or all. The others are None."""
    return _reader(alias, fields, has_names_of_django())


@lru_cache(maxsize=64)
def _reader(alias: str, fields: frozenset[str] | None, has_names_of_django: bool) -> SnapshotReader:
    connection = connections[alias]
    left_out = frozenset() if fields is None else frozenset(ALL) - fields - _ALWAYS
    declared: list[Any] = [Notification._meta.get_field(name) for name in ALL]
    notification = Columns.of(declared, connection, left_out=left_out)
    if "folder" not in left_out:
        made = (_FOLDER, _FOLDERS.__getitem__)
        notification = replace(notification, conversions=(*notification.conversions, made))
    users = get_user_model()._meta
    has_plain_columns = not users.parents and all(map(is_plain, users.concrete_fields))
    if "sender" in left_out or not has_plain_columns:
        return SnapshotReader(alias, notification, None, True, None)
    named = fields_of_names(connection) if has_names_of_django else None
    read: list[Any] = list(users.concrete_fields) if named is None else named
    columns = Columns.of(read, connection)
    is_same = all(isinstance(field, SAME_IN_BINARY) for field in read)
    make = _person_by_model(alias, columns) if named is None else person_by_names(columns)
    return SnapshotReader(alias, notification, columns, is_same, make)


def _person_by_model(alias: str, columns: Columns) -> Callable[[Sequence[Any]], Person]:
    model = get_user_model()

    def person_of(row: Sequence[Any]) -> Person:
        return person(model.from_db(alias, columns.attributes, columns.values(row)))

    return person_of
