"""Columns of a table, and what the ORM makes of their values: for statements that are written out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field

Convert = Callable[[Any], Any]

_READ_AS_TEXT = (models.CharField, models.JSONField, models.TextField)

_OWN = "live_inbox"
"""The label of our app."""

SAME_IN_BINARY = (
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

    names: tuple[str, ...]
    """The names of the columns."""
    attributes: tuple[str, ...]
    """The names of the model's attributes, in the same order."""
    conversions: tuple[tuple[int, Convert], ...]
    """The places of the values that have to be converted, and how."""
    as_text: frozenset[str] = frozenset()
    """The columns that are asked for as text. Of PostgreSQL: psycopg would read JSON itself, and leave a type that it
    does not know, such as `citext`, as bytes. Of SQLite: its driver would have Django read moments, and take long."""

    @classmethod
    def of(cls, fields: Sequence[Field[Any, Any]], connection: BaseDatabaseWrapper) -> Columns:
        """Return the columns of these fields."""
        conversions = [
            (place, convert)
            for place, field in enumerate(fields)
            if (convert := conversion_of(field, connection)) is not None
        ]
        as_text = {str(field.column) for field in fields if _is_read_as_text(field, connection)}
        return cls(
            tuple(str(field.column) for field in fields),
            tuple(field.attname for field in fields),
            tuple(conversions),
            frozenset(as_text),
        )

    def sql(self, table: str) -> str:
        """Return the columns as a statement selects them, of this table or alias."""
        return ", ".join(
            f'CAST({table}."{name}" AS TEXT)' if name in self.as_text else f'{table}."{name}"'
            for name in self.names
        )

    def inner_sql(self) -> str:
        """Return the columns of a statement within that one."""
        return ", ".join(f'"{name}"' for name in self.names)

    def values(self, row: Sequence[Any]) -> list[Any]:
        """Return the values of a row, converted."""
        values = list(row)
        for place, convert in self.conversions:
            values[place] = convert(values[place])
        return values


def conversion_of(field: Field[Any, Any], connection: BaseDatabaseWrapper) -> Convert | None:
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

    def convert_moment(value: Any) -> Any:
        """Do the same, faster: Django expects more forms of a moment than SQLite has."""
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            return convert(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment

    return convert_moment if _is_moment_of_sqlite(field, connection) and not of_field else convert


def _is_read_as_text(field: Field[Any, Any], connection: BaseDatabaseWrapper) -> bool:
    if connection.vendor == "postgresql":
        # Our own tables have the types of our migrations, and each cast takes PostgreSQL a microsecond or two.
        is_text = not isinstance(field, models.JSONField) and field.model._meta.app_label == _OWN
        return isinstance(field, _READ_AS_TEXT) and not is_text
    return _is_moment_of_sqlite(field, connection)


def _is_moment_of_sqlite(field: Field[Any, Any], connection: BaseDatabaseWrapper) -> bool:
    is_moment = type(field) is models.DateTimeField
    return is_moment and connection.vendor == "sqlite" and connection.timezone is UTC


def is_plain(field: Any) -> bool:
    """Whether the ORM selects the column of a field, and no expression of a project's, such as one that decrypts."""
    methods = field.get_col, field.select_format
    return all(method.__module__.startswith("django.db.models.") for method in methods)
