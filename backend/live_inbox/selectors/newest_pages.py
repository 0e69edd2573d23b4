"""The newest notifications of several users at a time: what the first lists of their pages ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from live_inbox import database
from live_inbox.listing.filters import EVERYTHING
from live_inbox.listing.list_statements import newest_of_inbox
from live_inbox.selectors.list_rows import ListReader, list_reader
from live_inbox.selectors.lists import Page, check_page, page
from live_inbox.sql_rows import key_value
from live_inbox.statement_rows import may_be_binary, rows_of_statement
from live_inbox.statement_timing import Statement


@database.reading
def newest_pages(
    *,
    user_ids: Sequence[Any],
    limit: int,
    read: bool | None = None,
    fields: frozenset[str] | None = None,
) -> list[Page]:
    """Return for each of some users, in order, what `page` returns for these arguments.

    With PostgreSQL, one statement reads all of them, in one snapshot; pass a few users at most.
    """
    connection = database.connection()
    ids = list(dict.fromkeys(user_ids))
    if len(ids) < 2 or not _may_be_one_statement(connection):
        pages = {id: page(user_id=id, limit=limit, read=read, fields=fields) for id in ids}
    else:
        check_page(limit, EVERYTHING)
        pages = _pages(connection, ids, limit, read, list_reader(connection.alias, fields))
    return [pages[id] for id in user_ids]


def _may_be_one_statement(connection: BaseDatabaseWrapper) -> bool:
    """Whether the database has lateral joins, and keys that Python compares as it does."""
    key: Any = get_user_model()._meta.pk
    is_exact = isinstance(key, models.IntegerField | models.UUIDField)
    return is_exact and connection.vendor == "postgresql"


def _pages(
    connection: BaseDatabaseWrapper,
    ids: Sequence[Any],
    limit: int,
    read: bool | None,
    reader: ListReader,
) -> dict[Any, Page]:
    keys = [key_value(connection, id) for id in ids]
    # Few numbers of parameters, so that there are few statements.
    count = 1 << (len(keys) - 1).bit_length()
    found = rows_of_statement(
        connection,
        _statement(reader, read, limit + 1, count),
        [*keys, *keys[:1] * (count - len(keys))],
        is_binary=reader.may_be_binary and may_be_binary(connection),
    )
    by_key: dict[Any, list[Sequence[Any]]] = defaultdict(list)
    for row in found:
        by_key[row[0]].append(row)
    return {
        id: _page(by_key.get(key, ()), limit, reader) for id, key in zip(ids, keys, strict=True)
    }


def _page(found: Sequence[Sequence[Any]], limit: int, reader: ListReader) -> Page:
    snapshots, state = reader.read(found)
    return Page(snapshots[:limit], state, has_newer=False, has_older=len(snapshots) > limit)


@lru_cache(maxsize=512)
def _statement(reader: ListReader, read: bool | None, limit: int, count: int) -> str:
    rows = newest_of_inbox(reader.inner_columns, read, "postgresql", limit)
    keys = ", ".join(["%s"] * count)
    return (
        f'{Statement.LIST.comment}SELECT inbox."user_id", {reader.columns} FROM {reader.inbox}'
        f" LEFT JOIN LATERAL ({rows}) AS listed ON TRUE"
        f'{reader.join} WHERE inbox."user_id" IN ({keys})'
    )
