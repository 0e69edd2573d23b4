"""Queries of Django's ORM that are composed once and executed with other values each time.

The ORM takes longer to compose the statement of a query than to execute it, and a request makes some of them.

What it relies on: the methods `as_sql`, `get_converters` and `apply_converters` and the attributes `select`,
`klass_info` and `annotation_col_map` of a compiler; `get_related_populators` and their `populate`. Tested with
Django 5.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators
from django.db.models.sql.compiler import SQLCompiler

from live_inbox.internals.requirements import require

require(SQLCompiler, "apply_converters", "as_sql", "get_converters")

Read = Callable[[Any, str, Sequence[object]], Any]
"""Returns the rows of a statement, as Django's cursor would, for the connection, the text and the parameters."""


class PreparedQuery:
    """A query with parameters, on the connection of the thread that has made it."""

    def __init__(self, query: QuerySet[Any], values: Sequence[object], read: Read) -> None:
        """Compose a query, with values of its parameters as the database takes them; their order does not matter.

        Raises ValueError if the statement has other parameters, or if two values are equal, so that nobody can tell
        which is which.
        """
        compiler: Any = query.query.get_compiler(using=query.db)
        self._text, parameters = compiler.as_sql()
        if len(parameters) != len(values) or len(set(values)) != len(values):
            raise ValueError("the statement has other parameters")
        # Raises ValueError, too.
        self._places = [list(values).index(parameter) for parameter in parameters]
        if len(set(self._places)) != len(values):
            raise ValueError("the statement has other parameters")
        self._compiler = compiler
        self._alias = query.db
        self._model: type[Model] = compiler.klass_info["model"]
        fields = compiler.klass_info["select_fields"]
        self._fields = slice(fields[0], fields[-1] + 1)
        self._names = [column.target.attname for column, *_ in compiler.select[self._fields]]
        self._related = _populators(compiler, query)
        self._annotations: dict[str, int] = dict(compiler.annotation_col_map or {})
        self._converters = compiler.get_converters([column for column, *_ in compiler.select])
        self._read = read

    def fetch(self, values: Sequence[object]) -> list[Any]:
        """Execute the query with other values, in the order of the first; return the objects, as the ORM makes them."""
        parameters = [values[place] for place in self._places]
        rows = self._read(self._compiler.connection, self._text, parameters)
        if self._converters:
            rows = self._compiler.apply_converters(rows, self._converters)
        found = []
        for row in rows:
            each = self._model.from_db(self._alias, self._names, row[self._fields])
            for related in self._related:
                related.populate(row, each)
            for name, place in self._annotations.items():
                setattr(each, name, row[place])
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
