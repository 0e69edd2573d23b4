"""Finding a user in columns that have no index for it: JSON and text that may contain the user's key.

A table is read in stretches of its primary key. No statement reads more than one stretch, and none locks a row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from django.db.models import Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

from live_inbox import database
from live_inbox.personal_data.subject import DataSubject

STRETCH = 5_000
"""Rows that one statement examines."""

PAGE = 200
"""Rows that are in memory at a time."""


def stretches(rows: QuerySet[Any], size: int = STRETCH) -> Iterator[QuerySet[Any]]:
    """Yield the rows in stretches of the primary key, the lowest first."""
    ordered = rows.order_by("pk")
    after: Any = None
    while True:
        rest = ordered if after is None else ordered.filter(pk__gt=after)
        last = _end(rest, size)
        yield rest if last is None else rest.filter(pk__lte=last)
        if last is None:
            return
        after = last


@database.reading
def _end(rest: QuerySet[Any], size: int) -> Any:
    """Return the primary key with which a stretch ends; None for the last stretch."""
    return next(iter(rest.values_list("pk", flat=True)[size - 1 : size]), None)


def candidates(
    model: type[Model],
    subject: DataSubject,
    columns: Sequence[str],
    *,
    as_stored: bool = False,
    size: int = STRETCH,
) -> Iterator[Any]:
    """Yield the rows of a model whose columns may contain the key of the subject. The caller has to look closer.

    Content has keys as text. With `as_stored`, they are JSON numbers where the user model has numbers.
    """
    condition = Q()
    texts = {f"{column}_text": Cast(column, TextField()) for column in columns}
    for name in texts:
        for needle in _needles(subject, as_stored):
            condition |= Q(**{f"{name}__contains": needle})
    for stretch in stretches(database.queryset(model), size):
        yield from paged(stretch.alias(**texts).filter(condition))


def paged(rows: QuerySet[Any], *, size: int = PAGE) -> Iterator[Any]:
    """Yield rows in the order of the primary key, without a cursor: pages of them are read one after the other."""
    ordered = rows.order_by("pk")
    page = _read(ordered, size)
    while page:
        yield from page
        page = _read(ordered.filter(pk__gt=page[-1].pk), size) if len(page) == size else []


@database.reading
def _read(rows: QuerySet[Any], size: int) -> list[Any]:
    return list(rows[:size])


def _needles(subject: DataSubject, as_stored: bool) -> set[str]:
    """Return how a key may be written in JSON: Django escapes what is not ASCII, orjson and PostgreSQL do not."""
    if as_stored:
        return {orjson.dumps(subject.key, default=str).decode()}
    return {json.dumps(subject.text), json.dumps(subject.text, ensure_ascii=False)}
