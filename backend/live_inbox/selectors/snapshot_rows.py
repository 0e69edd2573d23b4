"""Rows of notifications and of their senders, as a driver returns them, made into snapshots without the ORM's objects.

A sender is shown as the project's user model says. Where that is Django's own way, three columns are enough; else a
sender is made into a user of the model, once for each page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections

from live_inbox import database
from live_inbox.columns import SAME_IN_BINARY, Columns, Convert, is_plain
from live_inbox.events import Folder, Person, Snapshot
from live_inbox.models import Notification
from live_inbox.name_columns import fields_of_names, has_names_of_django, person_by_names
from live_inbox.snapshots import person

ALL = Snapshot.__struct_fields__
"""The names of all that is read of a notification."""

_ALWAYS = frozenset({"id", "returned_rank"})
"""The order of lists, and so their cursors, depend on them."""

_SENDER, _FOLDER = ALL.index("sender"), ALL.index("folder")
_RANK = attrgetter("rank")
_FOLDERS = {folder.value: folder for folder in Folder}


@dataclass(frozen=True, slots=True, eq=False)
class SnapshotReader:
    """Makes snapshots of the last columns of rows: those of the notification, of its sender, and NULL."""

    alias: str
    notification: Columns
    """What is read of it, the id first; the key of the sender stands for the sender."""
    sender: Columns | None
    """None where senders are not read, or by a query of their own: for a user model whose fields are in several tables,
    or are no plain columns."""
    may_be_binary: bool
    """Whether the values are the same if the driver has them in binary form."""
    arranged: Callable[[Sequence[Any]], tuple[Any, ...]]
    """Gives the columns of a row the order of a snapshot's fields, up to the last one that is read, and NULL to others
    before it: by places from the end of the row, so that none has to be cut first."""
    conversions: tuple[tuple[int, Convert], ...]
    """The places of the fields whose values have to be converted, and how."""
    person: Callable[[Sequence[Any]], Person] | None
    """Makes a sender of the columns; None for a query of their own."""

    @property
    def width(self) -> int:
        """The number of its columns."""
        return len(self.notification.names) + len(self.sender.names if self.sender else ()) + 1

    def sql(self, notification: str, sender: str) -> str:
        """Return the columns as a statement selects them at its end, of these tables or aliases."""
        columns = [self.notification.sql(notification)]
        if self.sender is not None:
            columns.append(self.sender.sql(sender))
        return ", ".join([*columns, "NULL"])

    def snapshots(self, rows: Sequence[Sequence[Any]]) -> list[Snapshot]:
        """Return the snapshots of rows, the newest first, whatever the order of the rows.

        No statement says it again outside of what finds the rows: a database would sort all of the columns.
        """
        arranged = [list(self.arranged(row)) for row in rows]
        for place, convert in self.conversions:
            # NULL is None for each of our columns, and most rows have several.
            for values in arranged:
                if values[place] is not None:
                    values[place] = convert(values[place])
        people = self._people(rows, arranged)
        for values in arranged:
            if values[_SENDER] is not None:
                values[_SENDER] = people.get(values[_SENDER])
        found = [Snapshot(*values) for values in arranged]
        found.sort(key=_RANK, reverse=True)
        return found

    def _people(
        self, rows: Sequence[Sequence[Any]], arranged: Sequence[Sequence[Any]]
    ) -> Mapping[Any, Person]:
        """Return the senders by their keys."""
        by_key = {values[_SENDER]: row for row, values in zip(rows, arranged, strict=True)}
        by_key.pop(None, None)
        if not by_key:
            return {}
        if self.person is None or self.sender is None:
            users = database.queryset(get_user_model()).in_bulk(list(by_key))
            return {key: person(user) for key, user in users.items()}
        begin = -1 - len(self.sender.names)
        return {key: self.person(row[begin:-1]) for key, row in by_key.items()}


def reader_for(alias: str, fields: frozenset[str] | None = None) -> SnapshotReader:
    """Return what reads the rows of a database: these fields of snapshots, or all.

    The others mean nothing: they are None, or what they are by default.
    """
    return _reader(alias, fields, has_names_of_django())


@lru_cache(maxsize=64)
def _reader(alias: str, fields: frozenset[str] | None, has_names_of_django: bool) -> SnapshotReader:
    connection = connections[alias]
    read = [name for name in ALL if fields is None or name in fields | _ALWAYS]
    fields_read: list[Any] = [Notification._meta.get_field(name) for name in read]
    notification = Columns.of(fields_read, connection)
    conversions = [(ALL.index(read[place]), convert) for place, convert in notification.conversions]
    if "folder" in read:
        conversions.append((_FOLDER, _FOLDERS.__getitem__))
    sender, is_same, make = None, True, None
    if "sender" in read:
        sender, is_same, make = _sender_reader(alias, has_names_of_django)
    last = len(read) + (0 if sender is None else len(sender.names)) + 1
    begin = ALL[: ALL.index(read[-1]) + 1]
    places = [read.index(name) - last if name in read else -1 for name in begin]
    return SnapshotReader(
        alias, notification, sender, is_same, itemgetter(*places), tuple(conversions), make
    )


def _sender_reader(
    alias: str, has_names_of_django: bool
) -> tuple[Columns | None, bool, Callable[[Sequence[Any]], Person] | None]:
    """Return the columns of senders, whether they may be binary, and what makes a person of them."""
    connection, users = connections[alias], get_user_model()._meta
    if users.parents or not all(map(is_plain, users.concrete_fields)):
        return None, True, None
    named = fields_of_names(connection) if has_names_of_django else None
    read: list[Any] = list(users.concrete_fields) if named is None else named
    columns = Columns.of(read, connection)
    is_same = all(isinstance(field, SAME_IN_BINARY) for field in read)
    make = _person_by_model(alias, columns) if named is None else person_by_names(columns)
    return columns, is_same, make


def _person_by_model(alias: str, columns: Columns) -> Callable[[Sequence[Any]], Person]:
    model = get_user_model()

    def person_of(row: Sequence[Any]) -> Person:
        return person(model.from_db(alias, columns.attributes, columns.values(row)))

    return person_of
