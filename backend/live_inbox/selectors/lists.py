"""Lists of notifications, paged by key, with the inbox's state of the same snapshot."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.content import clean_type
from live_inbox.delivery.position import Position
from live_inbox.errors import InvalidInput, NotFound
from live_inbox.events import Folder, Snapshot
from live_inbox.models import Inbox, Notification, rank
from live_inbox.selectors.inbox_state import EMPTY, InboxState
from live_inbox.selectors.list_statements import Stretch
from live_inbox.selectors.snapshot_rows import SnapshotReader, reader_for
from live_inbox.sql_rows import key_value, table_of
from live_inbox.statement_rows import may_be_binary, rows_of_statement
from live_inbox.storable import is_storable_integer

MAX_TYPES = 20
"""Types that one filter may name."""

STATE_COLUMNS = (
    "epoch",
    "last_sequence",
    "fingerprint",
    "unread_count",
    "total_count",
    "unseen_count",
    "archived_count",
    "snoozed_count",
)
"""The columns of an inbox that are its state."""

LISTED_RANK = 'COALESCE(listed."returned_rank", listed."id")'
"""The order of the rows of a list, `listed`, the newest last."""


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the list, newest first, and the inbox at the very same moment."""

    notifications: list[Snapshot]
    inbox: InboxState
    has_newer: bool
    has_older: bool


@database.reading
def page(
    *,
    user_id: Any,
    limit: int,
    older_than: int | None = None,
    newer_than: int | None = None,
    from_oldest: bool = False,
    types: Collection[str] | None = None,
    read: bool | None = None,
    fields: frozenset[str] | None = None,
    folder: Folder = Folder.INBOX,
    pinned: bool = False,
) -> Page:
    """Return up to `limit` of a user's notifications with the inbox's state, read in one snapshot.

    `older_than` and `newer_than` are ranks that bound the page, both exclusive; it is the newest stretch between
    them or, with `from_oldest`, the oldest. Because the state belongs to the same snapshot, "list, then subscribe
    after its position" has neither a gap nor an overlap.

    `fields` are the names of what is read of the notifications; the rest is None, whatever its type.
    """
    check_page(limit, types)
    connection = database.connection()
    stretch = Stretch(
        key_value(connection, user_id),
        None if types is None else tuple(types),
        read,
        older_than,
        newer_than,
        from_oldest,
        folder,
        pinned,
    )
    rows, inbox = _read_with_inbox(connection, stretch, limit + 1, fields)
    more, rows = len(rows) > limit, rows[:limit]
    has_newer = older_than is not None and _has_newer(connection, stretch, older_than - 1)
    has_older = newer_than is not None and _has_older(connection, stretch, newer_than + 1)
    if from_oldest:
        rows.reverse()
        has_newer = has_newer or more
    else:
        has_older = has_older or more
    return Page(rows, inbox, has_newer=has_newer, has_older=has_older)


def check_page(limit: int, types: Collection[str] | None) -> None:
    """Raise InvalidInput for a page that is too long, or for what are no types."""
    longest = inbox_settings().max_page_size
    if not 0 < limit <= longest:
        raise InvalidInput(f"A page has 1 to {longest} notifications.", field="limit")
    if types is not None and len(types) > MAX_TYPES:
        raise InvalidInput(f"A filter names {MAX_TYPES} types at most.", field="types")
    for type in types or ():
        clean_type(type, field="types")


def _has_newer(connection: BaseDatabaseWrapper, stretch: Stretch, bound: int) -> bool:
    """Whether there is a newer row.

    Asked for the nearest one: to find just any, PostgreSQL may read the table from its beginning.
    """
    beyond = replace(stretch, older_than=None, newer_than=bound, from_oldest=True)
    return _has_any(connection, beyond)


def _has_older(connection: BaseDatabaseWrapper, stretch: Stretch, bound: int) -> bool:
    """Whether there is an older row, asked likewise."""
    return _has_any(
        connection, replace(stretch, older_than=bound, newer_than=None, from_oldest=False)
    )


def _has_any(connection: BaseDatabaseWrapper, stretch: Stretch) -> bool:
    text, parameters = stretch.rows('"id"', 1)
    is_binary = may_be_binary(connection)
    return bool(rows_of_statement(connection, text, parameters, is_binary=is_binary))


def _read_with_inbox(
    connection: BaseDatabaseWrapper, stretch: Stretch, limit: int, fields: frozenset[str] | None
) -> tuple[list[Snapshot], InboxState]:
    """Read rows and the inbox's state in one statement, which is one snapshot on every database."""
    reader = reader_for(connection.alias, fields)
    around = list_around(reader)
    text, parameters = stretch.rows(around.inner_columns, limit)
    order = "ASC" if stretch.from_oldest else "DESC"
    found = rows_of_statement(
        connection,
        f"SELECT {around.columns} FROM {around.inbox} LEFT JOIN ({text}) AS listed ON TRUE{around.join}"
        f' WHERE inbox."user_id" = %s ORDER BY {LISTED_RANK} {order}',
        [*parameters, stretch.user_key],
        is_binary=reader.may_be_binary and may_be_binary(connection),
    )
    if not found:
        return [], EMPTY
    length = len(STATE_COLUMNS)
    # An inbox without such notifications is one row, without an id.
    rows = [row[length:] for row in found if row[length] is not None]
    return reader.snapshots(rows), state_of(found[0])


def state_of(row: Sequence[Any]) -> InboxState:
    """Return the state of an inbox from the first columns of a row."""
    epoch, sequence, fingerprint, *counts = row[: len(STATE_COLUMNS)]
    return InboxState(Position(epoch, sequence, fingerprint), *counts)


@dataclass(frozen=True, slots=True)
class ListAround:
    """What is around the statement of the rows of a list: the inbox, and the senders."""

    columns: str
    """The columns of the inbox, then of the rows, `listed`, and of their senders."""
    inner_columns: str
    """The columns of the statement of the rows."""
    inbox: str
    join: str


@lru_cache(maxsize=64)
def list_around(reader: SnapshotReader) -> ListAround:
    """Return what is around the rows that a reader reads."""
    connection, users = connections[reader.alias], get_user_model()
    columns = [f'inbox."{name}"' for name in STATE_COLUMNS]
    columns.append(reader.notification.sql("listed"))
    join = ""
    if reader.sender is not None:
        columns.append(reader.sender.sql("sender"))
        key = users._meta.pk.column
        join = f' LEFT JOIN {table_of(connection, users)} AS sender ON sender."{key}" = listed."sender_id"'
    return ListAround(
        ", ".join(columns),
        reader.notification.inner_sql(),
        f"{table_of(connection, Inbox)} AS inbox",
        join,
    )


@database.reading
def rank_of(*, user_id: Any, notification_id: int) -> int:
    """Return the place in lists of one of the user's notifications.

    Of one that does not exist any more, its id: where it was, unless it had returned from a snooze.
    """
    if not is_storable_integer(notification_id):
        return notification_id
    query = database.queryset(Notification).filter(recipient=user_id, pk=notification_id)
    return query.values_list(rank(), flat=True).first() or notification_id


@database.reading
def notification(*, user_id: Any, notification_id: int) -> Notification:
    """Return one of the user's notifications, its sender loaded; raise NotFound if they have no such."""
    query = database.queryset(Notification).select_related("sender")
    found = query.filter(recipient=user_id, pk=notification_id).first()
    if found is None:
        raise NotFound("You have no such notification.")
    return found
