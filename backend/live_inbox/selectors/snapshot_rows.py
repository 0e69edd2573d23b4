"""Rows of notifications and of their senders, as a driver returns them, made into snapshots without the ORM's objects.

A sender is made into a user of the project's model, once for each page: only that knows the name to show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field

from live_inbox import database
from live_inbox.events import Person, Snapshot
from live_inbox.models import Notification
from live_inbox.snapshots import person

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one table that a statement reads, and how the values of the database become those of Python."""

    names: tuple[str, ...]
    """The names of the columns."""
    attributes: tuple[str, ...]
    """The names of the model's attributes, in the same order."""
    conversions: tuple[tuple[int, Convert], ...]
    """The places of the values that have to be converted, and how."""

    @classmethod
    def of(cls, fields: Sequence[Field[Any, Any]], connection: BaseDatabaseWrapper) -> Columns:
        """Return the columns of these fields."""
        conversions = [
            (place, convert)
            for place, field in enumerate(fields)
            if (convert := _conversion(field, connection)) is not None
        ]
        return cls(
            tuple(str(field.column) for field in fields),
            tuple(field.attname for field in fields),
            tuple(conversions),
        )

    def sql(self, table: str = "") -> str:
        """Return the columns as a statement selects them, of this table or alias."""
        start = f"{table}." if table else ""
        return ", ".join(f'{start}"{name}"' for name in self.names)

    def values(self, row: Sequence[Any]) -> list[Any]:
        """Return the values of a row, converted."""
        values = list(row)
        for place, convert in self.conversions:
            values[place] = convert(values[place])
        return values


def _conversion(field: Field[Any, Any], connection: BaseDatabaseWrapper) -> Convert | None:
    """Return what the ORM does with the values of a field, as one function; None for nothing."""
    column: Any = field.get_col(field.model._meta.db_table)
    backend: Any = connection.ops
    converters = [*backend.get_db_converters(column), *column.get_db_converters(connection)]
    if not converters:
        return None

    def convert(value: Any) -> Any:
        for converter in converters:
            value = converter(value, column, connection)
        return value

    return convert


_FIELDS: tuple[str, ...] = Snapshot.__struct_fields__
_SENDER = _FIELDS.index("sender")


@dataclass(frozen=True, slots=True)
class SnapshotReader:
    """Makes snapshots of rows: first the columns of the notification, then those of its sender."""

    alias: str
    notification: Columns
    """In the order of the fields of a snapshot; the key of the sender stands for the sender."""
    sender: Columns | None
    """None for a user model whose fields are in several tables, or are no plain columns: then senders are read by a
    query of their own."""

    def snapshots(self, rows: Sequence[Sequence[Any]]) -> list[Snapshot]:
        """Return the snapshots of rows, in their order."""
        length = len(self.notification.names)
        values = [self.notification.values(row[:length]) for row in rows]
        senders = self._senders(
            {
                each[_SENDER]: row[length:]
                for each, row in zip(values, rows, strict=True)
                if each[_SENDER] is not None
            }
        )
        for each in values:
            if each[_SENDER] is not None:
                each[_SENDER] = senders.get(each[_SENDER])
        return [Snapshot(*each) for each in values]

    def _senders(self, rows: Mapping[Any, Sequence[Any]]) -> dict[Any, Person]:
        """Return the senders by their keys; `rows` are their rows, if those are there."""
        model = get_user_model()
        if self.sender is None:
            users = database.queryset(model).in_bulk(list(rows)) if rows else {}
        else:
            columns = self.sender
            users = {
                key: model.from_db(self.alias, columns.attributes, columns.values(row))
                for key, row in rows.items()
            }
        return {key: person(user) for key, user in users.items()}


@lru_cache(maxsize=8)
def reader_for(alias: str) -> SnapshotReader:
    """Return what reads the rows of a database."""
    connection = connections[alias]
    fields: list[Any] = [Notification._meta.get_field(name) for name in _FIELDS]
    users = get_user_model()._meta
    has_plain_columns = not users.parents and all(map(_is_plain, users.concrete_fields))
    return SnapshotReader(
        alias,
        Columns.of(fields, connection),
        Columns.of(users.concrete_fields, connection) if has_plain_columns else None,
    )


def _is_plain(field: Any) -> bool:
    """Whether the ORM selects the column of a field, and no expression of a project's, such as one that decrypts."""
    methods = field.get_col, field.select_format
    return all(method.__module__.startswith("django.db.models.") for method in methods)
