"""Reading a table page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan

from live_inbox.importing.rows import PAGE


def count_rows(model: type[Model]) -> int:
    """Return the number of rows of a table."""
    return model._default_manager.count()


def value_pages(
    model: type[Model], fields: Sequence[str], *, order: Sequence[str], after: Any = None
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the values of these fields for all rows, in pages of at most PAGE, ordered by `order`, which is unique.

    Keyset pagination: no page costs more than the first, no transaction stays open between pages, and no cursor has to
    outlive a transaction, which pgbouncer would not allow.
    """
    query: QuerySet[Any, Any] = model._base_manager.order_by(*order).values_list(*fields, *order)
    last = None if after is None else (after,)
    while page := list(_after(query, order, last)[:PAGE]):
        last = page[-1][len(fields) :]
        yield [row[: len(fields)] for row in page]
        if len(page) < PAGE:
            return


def _after(
    query: QuerySet[Any, Any], order: Sequence[str], last: tuple[Any, ...] | None
) -> QuerySet[Any, Any]:
    if last is None:
        return query
    if len(order) == 1:
        return query.filter(**{f"{order[0]}__gt": last[0]})
    return query.filter(TupleGreaterThan(Tuple(*map(F, order)), last))
