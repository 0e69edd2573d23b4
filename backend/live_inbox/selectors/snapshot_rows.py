"""Rows of notifications and of their senders, as a driver returns them, made into snapshots without the ORM's objects.

A sender is shown as the project's user model says. Where that is Django's own way, three columns are enough; else a
sender is made into a user of the model, once for each page.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AbstractUser
from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, pre_init

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.events import Person, Snapshot
from live_inbox.models import Notification
from live_inbox.plain_values import display_text
from live_inbox.shown_names import shown_name
from live_inbox.snapshots import person

Convert = Callable[[Any], Any]

ALL = Snapshot.__struct_fields__
"""The names of all that is read of a notification."""

_ALWAYS = frozenset({"id"})
_SENDER = ALL.index("sender")

_READ_AS_TEXT = (models.CharField, models.JSONField, models.TextField)

_SAME_IN_BINARY = (
    *_READ_AS_TEXT,
    models.BooleanField,
    models.DateField,
    models.DecimalField,
    models.FloatField,
    models.IntegerField,
    models.UUIDField,
)
"""Fields whose values psycopg reads alike in both forms. A DateTimeField is a DateField."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one table that a statement reads, and how the values of the database become those of Python."""

    names: tuple[str | None, ...]
    """The names of the columns; None for one that is not read."""
    attributes: tuple[str, ...]
    """The names of the model's attributes, in the same order."""
    conversions: tuple[tuple[int, Convert], ...]
    """The places of the values that have to be converted, and how."""
    as_text: frozenset[str] = frozenset()
    """The columns that PostgreSQL is asked for as text: psycopg would read JSON itself, and leave a type that it does
    not know, such as `citext`, as bytes."""

    @classmethod
    def of(
        cls,
        fields: Sequence[Field[Any, Any]],
        connection: BaseDatabaseWrapper,
        *,
        left_out: Collection[str] = (),
    ) -> Columns:
        """Return the columns of these fields, but for those that are left out: these are NULL."""
        names = [None if field.name in left_out else str(field.column) for field in fields]
        conversions = [
            (place, convert)
            for place, field in enumerate(fields)
            if field.name not in left_out
            if (convert := _conversion(field, connection)) is not None
        ]
        is_postgresql = connection.vendor == "postgresql"
        as_text = {
            str(field.column)
            for field in fields
            if is_postgresql and isinstance(field, _READ_AS_TEXT)
        }
        return cls(
            tuple(names),
            tuple(field.attname for field in fields),
            tuple(conversions),
            frozenset(as_text),
        )

    def sql(self, table: str) -> str:
        """Return the columns as a statement selects them, of this table or alias."""
        return ", ".join(
            "NULL"
            if name is None
            else f'{table}."{name}"{"::text" if name in self.as_text else ""}'
            for name in self.names
        )

    def inner_sql(self) -> str:
        """Return the columns of a statement within that one."""
        return ", ".join(f'"{name}"' for name in self.names if name is not None)

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
    of_backend, of_field = (
        backend.get_db_converters(column),
        column.get_db_converters(connection),
    )
    converters = [*of_backend, *of_field]
    if not converters:
        return None

    def convert(value: Any) -> Any:
        for converter in converters:
            value = converter(value, column, connection)
        return value

    is_moment = type(field) is models.DateTimeField and not of_field
    if is_moment and connection.vendor == "sqlite" and connection.timezone is UTC:
        return lambda value: _moment(value) if type(value) is str else convert(value)
    return convert


def _moment(text: str) -> datetime:
    """Return a moment as SQLite has it: four times as fast as Django, which expects more forms of it."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


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
    return _reader(alias, fields, _has_names_of_django())


@lru_cache(maxsize=64)
def _reader(alias: str, fields: frozenset[str] | None, has_names_of_django: bool) -> SnapshotReader:
    connection = connections[alias]
    left_out = frozenset() if fields is None else frozenset(ALL) - fields - _ALWAYS
    declared: list[Any] = [Notification._meta.get_field(name) for name in ALL]
    notification = Columns.of(declared, connection, left_out=left_out)
    users = get_user_model()._meta
    is_plain = not users.parents and all(map(_is_plain, users.concrete_fields))
    if "sender" in left_out or not is_plain:
        return SnapshotReader(alias, notification, None, True, None)
    named = _fields_of_names(connection) if has_names_of_django else None
    read: list[Any] = list(users.concrete_fields) if named is None else named
    columns = Columns.of(read, connection)
    is_same = all(isinstance(field, _SAME_IN_BINARY) for field in read)
    make = _person_by_model(alias, columns) if named is None else _person_by_names(columns)
    return SnapshotReader(alias, notification, columns, is_same, make)


def _person_by_model(alias: str, columns: Columns) -> Callable[[Sequence[Any]], Person]:
    model = get_user_model()

    def person_of(row: Sequence[Any]) -> Person:
        return person(model.from_db(alias, columns.attributes, columns.values(row)))

    return person_of


def _person_by_names(columns: Columns) -> Callable[[Sequence[Any]], Person]:
    """Return what makes of a row what `snapshots.person` makes of a user with Django's own names."""

    def person_of(row: Sequence[Any]) -> Person:
        key, username, first, last = columns.values(row)
        full_name = f"{first} {last}".strip()
        return Person(display_text(key), shown_name(username), shown_name(full_name))

    return person_of


def _has_names_of_django() -> bool:
    """Whether users are called what Django's own model says, and nobody has a say in how they are made."""
    model = get_user_model()
    return (
        not inbox_settings().sender_name
        and _is_of_django(model, AbstractUser, "get_full_name")
        and _is_of_django(model, AbstractBaseUser, "get_username")
        and _is_of_django(model, models.Model, "__init__")
        and not pre_init.has_listeners(model)
        and not post_init.has_listeners(model)
    )


def _is_of_django(model: type[Any], base: type[Any], name: str) -> bool:
    return getattr(model, name, None) is getattr(base, name)


def _fields_of_names(connection: BaseDatabaseWrapper) -> list[Any] | None:
    """Return the fields that Django makes a user's names of; None where it is not as plain as that."""
    model: Any = get_user_model()
    options = model._meta
    plain_model: Any = models.Model
    makes_otherwise = model.from_db.__func__ is not plain_model.from_db.__func__
    if makes_otherwise or model.__getattribute__ is not object.__getattribute__:
        return None
    names = [options.pk.name, model.USERNAME_FIELD, "first_name", "last_name"]
    fields = [field for name in names for field in options.concrete_fields if field.name == name]
    is_text = all(isinstance(field, models.CharField) for field in fields[1:])
    is_converted = any(_conversion(field, connection) is not None for field in fields[1:])
    has_descriptors = any(
        type(vars(each).get(field.attname)) not in (type(None), DeferredAttribute)
        for field in fields
        for each in model.__mro__
    )
    is_plain = is_text and not is_converted and not has_descriptors
    return fields if len(fields) == len(names) and is_plain else None


def _is_plain(field: Any) -> bool:
    """Whether the ORM selects the column of a field, and no expression of a project's, such as one that decrypts."""
    methods = field.get_col, field.select_format
    return all(method.__module__.startswith("django.db.models.") for method in methods)
