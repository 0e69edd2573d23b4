"""Lists of notifications, paged by key, with the inbox's state of the same snapshot."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.content import clean_type
from live_inbox.delivery.position import Position
from live_inbox.errors import InvalidInput, NotFound
from live_inbox.models import READ, UNREAD, Inbox, NegatedId, NegatedIdWithinType, Notification
from live_inbox.selectors.inbox_state import EMPTY, InboxState

MAX_TYPES = 20
"""Types that one filter may name."""

_FAR = 2**62


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the list, newest first, and the inbox at the very same moment."""

    notifications: list[Notification]
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
) -> Page:
    """Return up to `limit` of a user's notifications with the inbox's state, read in one snapshot.

    `older_than` and `newer_than` are ids that bound the page, both exclusive; it is the newest stretch between
    them or, with `from_oldest`, the oldest. Because the state belongs to the same snapshot, "list, then subscribe
    after its position" has neither a gap nor an overlap.
    """
    _check_page(limit, types)
    wanted = _Wanted(user_id, types, read)
    found = wanted.first(
        limit + 1, older_than=older_than, newer_than=newer_than, from_oldest=from_oldest
    )
    rows, inbox = _read_with_inbox(user_id, found)
    more, rows = len(rows) > limit, rows[:limit]
    has_newer = older_than is not None and wanted.has_any(newer_than=older_than - 1)
    has_older = newer_than is not None and wanted.has_any(older_than=newer_than + 1)
    if from_oldest:
        rows.reverse()
        has_newer = has_newer or more
    else:
        has_older = has_older or more
    return Page(rows, inbox, has_newer=has_newer, has_older=has_older)


def _check_page(limit: int, types: Collection[str] | None) -> None:
    longest = inbox_settings().max_page_size
    if not 0 < limit <= longest:
        raise InvalidInput(f"A page has 1 to {longest} notifications.", field="limit")
    if types is not None and len(types) > MAX_TYPES:
        raise InvalidInput(f"A filter names {MAX_TYPES} types at most.", field="types")
    for type in types or ():
        clean_type(type, field="types")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which notifications a list has."""

    user_id: Any
    types: Collection[str] | None
    read: bool | None

    def first(
        self,
        limit: int,
        *,
        older_than: int | None = None,
        newer_than: int | None = None,
        from_oldest: bool = False,
    ) -> QuerySet[Notification]:
        """Return the first rows between two ids, from one end or the other, at the cost of so many rows.

        Each list is made of parts, of each of which an index gives the first rows. They are taken before
        anything is joined, and merged: to sort the whole list would cost what the inbox holds of it.
        """
        order = NegatedId if self.types is None else NegatedIdWithinType
        query = (
            database.queryset(Notification)
            .alias(order=order("id"))
            .order_by("-order" if from_oldest else "order")
        )
        stretch = query.filter(recipient=self.user_id)
        if older_than is not None:
            stretch = stretch.filter(order__gt=-_within(older_than))
        if newer_than is not None:
            stretch = stretch.filter(order__lt=-_within(newer_than))
        parts = [stretch.filter(part)[:limit] for part in self._parts()]
        return query.filter(id__in=_union(parts))[:limit] if parts else query.none()

    def has_any(self, *, older_than: int | None = None, newer_than: int | None = None) -> bool:
        """Whether there is a row beyond an id.

        Asked for the nearest one: to find just any, PostgreSQL may read the table from its beginning.
        """
        nearest = self.first(
            1, older_than=older_than, newer_than=newer_than, from_oldest=newer_than is not None
        )
        return bool(nearest.values_list("id", flat=True))

    def _parts(self) -> list[Q]:
        states = [READ, UNREAD] if self.read is None else [READ if self.read else UNREAD]
        if self.types is None:
            return [Q() if self.read is None else states[0]]
        return [Q(type=type) & state for type in sorted(set(self.types)) for state in states]


def _within(bound: int) -> int:
    """Return a bound that the database can compare with. No id is anywhere near the ends."""
    return max(-_FAR, min(bound, _FAR))


def _union(parts: Sequence[QuerySet[Notification]]) -> RawSQL:
    selects, parameters = [], list[Any]()
    for part in parts:
        compiler = part.values("id").query.get_compiler(using=part.db)
        sql, values = compiler.as_sql()
        selects.append(f"SELECT id FROM ({sql}) AS part")
        parameters.extend(values)
    return RawSQL(" UNION ALL ".join(selects), parameters)


def _read_with_inbox(
    user_id: Any, rows: QuerySet[Notification]
) -> tuple[list[Notification], InboxState]:
    """Read rows and the inbox's state in one statement, which is one snapshot on every database."""
    annotated = rows.select_related("sender").annotate(
        inbox_epoch=F("recipient__live_inbox__epoch"),
        inbox_sequence=F("recipient__live_inbox__last_sequence"),
        inbox_fingerprint=F("recipient__live_inbox__fingerprint"),
        inbox_unread=F("recipient__live_inbox__unread_count"),
        inbox_total=F("recipient__live_inbox__total_count"),
    )
    while True:
        # `all`, because a query set keeps what it has found and would find it again.
        found: list[Any] = list(annotated.all())
        if found:
            row = found[0]
            position = Position(row.inbox_epoch, row.inbox_sequence, row.inbox_fingerprint)
            return found, InboxState(position, row.inbox_unread, row.inbox_total)
        # No row carries the inbox's state: read it together with the fact that there are no rows. If there
        # are by now, look again.
        first = Subquery(rows[:1].values("pk"))
        inboxes = database.queryset(Inbox).filter(pk=user_id)
        inbox = inboxes.annotate(first=first).first()
        if inbox is None:
            return [], EMPTY
        if inbox.first is None:
            return [], InboxState(inbox.position, inbox.unread_count, inbox.total_count)


@database.reading
def notification(*, user_id: Any, notification_id: int) -> Notification:
    """Return one of the user's notifications, its sender loaded; raise NotFound if they have no such."""
    query = database.queryset(Notification).select_related("sender")
    found = query.filter(recipient=user_id, pk=notification_id).first()
    if found is None:
        raise NotFound("You have no such notification.")
    return found
