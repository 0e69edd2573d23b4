"""Lists of notifications, paged by key, with the inbox's state of the same snapshot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Unpack

from django.db.backends.base.base import BaseDatabaseWrapper

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.errors import InvalidInput, NotFound
from live_inbox.events import Snapshot
from live_inbox.listing.filters import EVERYTHING, Conditions, ListFilter
from live_inbox.listing.list_statements import Stretch
from live_inbox.models import Notification, rank
from live_inbox.selectors.inbox_state import InboxState
from live_inbox.selectors.list_rows import list_reader
from live_inbox.sql_rows import key_value
from live_inbox.statement_rows import may_be_binary, rows_of_statement
from live_inbox.statement_timing import Statement
from live_inbox.storable import is_storable_integer


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the list, newest first, and the inbox at the very same moment."""

    notifications: list[Snapshot]
    inbox: InboxState
    has_newer: bool
    has_older: bool
    examined_to: int | None = None
    """The rank at which the search stopped early, with nothing more to show for now; None if the page is full, or all
    that there is."""
    is_from_oldest: bool = False

    @property
    def newest_rank(self) -> int | None:
        """The rank that a page of newer ones goes on from."""
        if self.is_from_oldest and self.examined_to is not None:
            return self.examined_to
        return self.notifications[0].rank if self.notifications else None

    @property
    def oldest_rank(self) -> int | None:
        """The rank that a page of older ones goes on from."""
        if not self.is_from_oldest and self.examined_to is not None:
            return self.examined_to
        return self.notifications[-1].rank if self.notifications else None


@database.reading
def page(
    *,
    user_id: Any,
    limit: int,
    older_than: int | None = None,
    newer_than: int | None = None,
    from_oldest: bool = False,
    fields: frozenset[str] | None = None,
    filter: ListFilter | None = None,
    **conditions: Unpack[Conditions],
) -> Page:
    """Return up to `limit` of a user's notifications with the inbox's state, read in one snapshot.

    `older_than` and `newer_than` are ranks that bound the page, both exclusive; it is the newest stretch between
    them or, with `from_oldest`, the oldest. Because the state belongs to the same snapshot, "list, then subscribe
    after its position" has neither a gap nor an overlap.

    It has what a filter has: given as such, or by its conditions. For words, and for priorities that no index has, it
    looks at EXAMINED notifications at most: then `examined_to` says where to go on.

    `fields` are the names of what is read of the notifications and of the inbox's state; the rest means nothing.
    """
    wanted = filter or (ListFilter.of(**conditions) if conditions else EVERYTHING)
    check_page(limit, wanted)
    connection = database.connection()
    stretch = Stretch(
        key_value(connection, user_id),
        wanted,
        connection.vendor,
        older_than,
        newer_than,
        from_oldest,
    )
    bounded, last = _examinable(connection, stretch)
    rows, inbox = _read_with_inbox(connection, bounded, limit + 1, fields)
    more, rows = len(rows) > limit, rows[-limit:] if from_oldest else rows[:limit]
    examined_to = None if more else last
    goes_on = more or examined_to is not None
    has_newer = older_than is not None and _has_newer(connection, stretch, older_than - 1)
    has_older = newer_than is not None and _has_older(connection, stretch, newer_than + 1)
    if from_oldest:
        has_newer = has_newer or goes_on
    else:
        has_older = has_older or goes_on
    return Page(rows, inbox, has_newer, has_older, examined_to, from_oldest)


def check_page(limit: int, filter: ListFilter) -> None:
    """Raise InvalidInput for a page that is too long, or for a filter that nothing can fulfil."""
    longest = inbox_settings().max_page_size
    if not 0 < limit <= longest:
        raise InvalidInput(f"A page has 1 to {longest} notifications.", field="limit")
    filter.check()


def _examinable(connection: BaseDatabaseWrapper, stretch: Stretch) -> tuple[Stretch, int | None]:
    """Return the part of a stretch that one list may look at, and the rank at its end if there is more of it.

    What arrives between this look and the next is looked at as well.
    """
    if not stretch.is_examined:
        return stretch, None
    text, parameters = stretch.last_examined()
    is_binary = may_be_binary(connection)
    named = f"{Statement.LIST.comment}{text}"
    ((last,),) = rows_of_statement(connection, named, parameters, is_binary=is_binary)
    if last is None:
        return stretch, None
    if stretch.from_oldest:
        return replace(stretch, older_than=last + 1), last
    return replace(stretch, newer_than=last - 1), last


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
    """Whether there is any. Where that would take to look at too many, yes: the next page will tell."""
    bounded, last = _examinable(connection, stretch)
    text, parameters = bounded.rows('"id"', 1)
    is_binary = may_be_binary(connection)
    named = f"{Statement.LIST.comment}{text}"
    found = rows_of_statement(connection, named, parameters, is_binary=is_binary)
    return bool(found) or last is not None


def _read_with_inbox(
    connection: BaseDatabaseWrapper, stretch: Stretch, limit: int, fields: frozenset[str] | None
) -> tuple[list[Snapshot], InboxState]:
    """Read rows, the newest first, and the inbox's state in one statement, which is one snapshot on every database."""
    reader = list_reader(connection.alias, fields)
    text, parameters = stretch.rows(reader.inner_columns, limit)
    found = rows_of_statement(
        connection,
        f"{Statement.LIST.comment}SELECT {reader.columns} FROM {reader.inbox}"
        f" LEFT JOIN ({text}) AS listed ON TRUE{reader.join}"
        ' WHERE inbox."user_id" = %s',
        [*parameters, stretch.user_key],
        is_binary=reader.may_be_binary and may_be_binary(connection),
    )
    return reader.read(found)


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
