"""Queries of Django's ORM that are composed once and executed with another value each time.

To look up a user, the ORM takes longer to compose the statement than to execute it, and every request does that.

What it relies on: the methods `as_sql`, `get_converters` and `apply_converters` and the attributes `select` and
`klass_info` of a compiler; `get_related_populators` and their `populate`. Tested with Django 5.2.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Manager, Model, QuerySet
from django.db.models.query import get_related_populators
from django.db.models.sql.compiler import SQLCompiler

from live_inbox.internals.requirements import require

require(SQLCompiler, "apply_converters", "as_sql", "get_converters")


def has_plain_rows(manager: Manager[Any]) -> bool:
    """Whether a manager gives all rows of its model, always: one of the project may choose them by what is active."""
    is_own = type(manager).get_queryset is not Manager.get_queryset
    return not is_own and getattr(manager, "_queryset_class", None) is QuerySet


class PreparedQuery:
    """A query with one parameter, on the connection of the thread that has made it."""

    def __init__(self, query: QuerySet[Any], value: object) -> None:
        """Compose a query, with one value of the parameter as the database takes it.

        Raises ValueError for a query whose statement has other parameters.
        """
        compiler: Any = query.query.get_compiler(using=query.db)
        self._text, parameters = compiler.as_sql()
        if len(parameters) != 1 or parameters[0] != value:
            raise ValueError("the statement has other parameters")
        self._compiler = compiler
        self._alias = query.db
        self._model: type[Model] = compiler.klass_info["model"]
        fields = compiler.klass_info["select_fields"]
        self._fields = slice(fields[0], fields[-1] + 1)
        self._names = [column.target.attname for column, *_ in compiler.select[self._fields]]
        self._related = _populators(compiler, query)
        self._converters = compiler.get_converters([column for column, *_ in compiler.select])

    def fetch(self, value: object) -> list[Any]:
        """Execute the query with another value; return the objects, with those of `select_related`."""
        with self._compiler.connection.cursor() as cursor:
            cursor.execute(self._text, [value])
            rows: Any = cursor.fetchall()
        if self._converters:
            rows = self._compiler.apply_converters(rows, self._converters)
        found = []
        for row in rows:
            each = self._model.from_db(self._alias, self._names, row[self._fields])
            for related in self._related:
                related.populate(row, each)
            found.append(each)
        return found


def _populators(compiler: Any, query: QuerySet[Any]) -> list[Any]:
    """Return what makes the objects of `select_related`."""
    make: Any = get_related_populators
    given = compiler.klass_info, compiler.select, query.db
    # From Django 6.1 on, they have to know what is done for fields that are not loaded.
    modes = [getattr(query, "_fetch_mode")] if hasattr(query, "_fetch_mode") else []  # noqa: B009  # no public name
    found: list[Any] = make(*given, *modes)
    return found
