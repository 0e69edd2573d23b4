"""Counts by type and by category: by one statement, which looks at a bounded number of index entries.

The counts of an inbox are columns. Those of its types are not: each change of a notification would have to lock and
write one more row. So they are counted, up to MOST for each type.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from live_inbox import database
from live_inbox.declared_types import declared_type
from live_inbox.models import Inbox, Notification
from live_inbox.sql_rows import key_value, table_of
from live_inbox.statement_rows import may_be_binary, rows_of_statement
from live_inbox.statement_timing import Statement

MOST = 1000
"""What is counted of each number of a type: a larger one is shown as this."""

MOST_TYPES = 100
"""Types that are counted, in the order of their slugs."""


@dataclass(frozen=True, slots=True)
class Count:
    """Numbers of notifications in the folder `inbox`: at least so many, and exactly if `is_exact`."""

    name: str
    """The type or the category; empty for what has no category."""
    total: int
    unread: int
    unseen: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class TypeCounts:
    """The counts of the types that the inbox has, and of their categories, each sorted by its name."""

    types: list[Count]
    categories: list[Count]


@database.reading
def type_counts(*, user_id: Any) -> TypeCounts:
    """Return how many notifications of each type and category the user has in the inbox, in one snapshot."""
    connection = database.connection()
    key = key_value(connection, user_id)
    rows = rows_of_statement(
        connection,
        _statement(table_of(connection, Inbox)),
        [key, key, MOST_TYPES, *[key] * 4],
        is_binary=may_be_binary(connection),
    )
    types = [_count(*row) for row in rows]
    return TypeCounts(types, _of_categories(types))


def _count(type: str, read: int, unread: int, unseen: int) -> Count:
    is_exact = read < MOST and unread < MOST
    return Count(type, min(read + unread, MOST), unread, unseen, is_exact)


def _of_categories(types: Iterable[Count]) -> list[Count]:
    sums: dict[str, Count] = {}
    for each in types:
        name = declared_type(each.name).category
        known = sums.get(name, Count(name, 0, 0, 0, True))
        sums[name] = Count(
            name,
            known.total + each.total,
            known.unread + each.unread,
            known.unseen + each.unseen,
            known.is_exact and each.is_exact,
        )
    return [sums[name] for name in sorted(sums)]


@lru_cache(maxsize=8)
def _statement(inboxes: str) -> str:
    """Return the statement: it leaps from type to type along the indexes, and then counts in each."""
    table = f'"{Notification._meta.db_table}"'
    read, unread = '"read_at" IS NOT NULL', '"read_at" IS NULL'
    # Written as the indexes of types have it, so that a planner takes no others.
    order = '(0 - COALESCE("returned_rank", "id"))'

    def least(after: str) -> str:
        firsts = " UNION ALL ".join(
            f'SELECT slug FROM (SELECT "type" AS slug FROM {table} WHERE "recipient_id" = inbox."user_id"'
            f' AND "folder" = \'inbox\' AND {state}{after} ORDER BY "type", {order} LIMIT 1) AS part'
            for state in (read, unread)
        )
        return f"(SELECT MIN(slug) FROM ({firsts}) AS firsts)"

    def count(condition: str) -> str:
        rows = (
            f'SELECT 1 FROM {table} WHERE "recipient_id" = %s AND "folder" = \'inbox\''
            f' AND "type" = found.slug AND {condition} ORDER BY {order} LIMIT {MOST}'
        )
        return f"(SELECT COUNT(*) FROM ({rows}) AS counted)"

    after = ' AND "type" > found.slug'
    seen = f'(SELECT "seen_through" FROM {inboxes} WHERE "user_id" = %s)'
    new = f"{unread} AND {order} < (0 - {seen})"
    return (
        f"{Statement.COUNT_TYPES.comment}WITH RECURSIVE found (slug) AS"
        f' (SELECT {least("")} FROM {inboxes} AS inbox WHERE inbox."user_id" = %s'
        f' UNION ALL SELECT {least(after)} FROM found JOIN {inboxes} AS inbox ON inbox."user_id" = %s'
        " WHERE found.slug IS NOT NULL),"
        " slugs (slug) AS (SELECT slug FROM found WHERE slug IS NOT NULL LIMIT %s)"
        f" SELECT found.slug, {count(read)}, {count(unread)}, {count(new)}"
        " FROM slugs AS found ORDER BY found.slug"
    )
