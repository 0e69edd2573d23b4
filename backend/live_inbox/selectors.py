"""The readers: everything that is asked of an inbox. Each costs a fixed number of queries at any size."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import F, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from live_inbox.conf import inbox_settings
from live_inbox.content import clean_type
from live_inbox.delivery.log import UNTOUCHED, Head, LogRange
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.errors import InvalidInput, NotFound
from live_inbox.events import Event, from_payload
from live_inbox.models import (
    READ,
    UNREAD,
    Backwards,
    BackwardsInType,
    Inbox,
    InboxEvent,
    Notification,
    NotificationPreference,
)
from live_inbox.sql_rows import key_type, key_value, rows_of, table_of

Item = TypeVar("Item")

logger = logging.getLogger(__name__)

MAX_TYPES = 20
"""Types that one filter may name."""

_FAR = 2**62

_CHUNK = 1000
"""Inboxes, or stretches of logs, that one query names."""

_ROWS = 500
"""Events that are taken from the driver at a time."""

_1970 = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class InboxState:
    """The counts of a whole inbox and the position at which they were so."""

    position: Position
    unread_count: int
    total_count: int


EMPTY = InboxState(ORIGIN, 0, 0)


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the list, newest first, and the inbox at the very same moment."""

    notifications: list[Notification]
    inbox: InboxState
    has_newer: bool
    has_older: bool


@dataclass(frozen=True, slots=True)
class PreferenceState:
    """What a user wants of a type; `required` ones cannot be turned off."""

    type: str
    enabled: bool
    required: bool


# -- lists -----------------------------------------------------------------------------------------------


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
        order = Backwards if self.types is None else BackwardsInType
        query = Notification.objects.alias(order=order("id")).order_by(
            "-order" if from_oldest else "order"
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
        sql, values = part.values("id").query.sql_with_params()
        selects.append(f"SELECT id FROM ({sql}) AS part")
        parameters.extend(values)
    return RawSQL(" UNION ALL ".join(selects), parameters)


def _read_with_inbox(
    user_id: Any, rows: QuerySet[Notification]
) -> tuple[list[Notification], InboxState]:
    """Read rows and the inbox's state in one statement, which is one snapshot on every database."""
    annotated = rows.select_related("sender").annotate(
        inbox_epoch=F("recipient__inbox__epoch"),
        inbox_sequence=F("recipient__inbox__last_sequence"),
        inbox_unread=F("recipient__inbox__unread_count"),
        inbox_total=F("recipient__inbox__total_count"),
    )
    while True:
        # `all`, because a query set keeps what it has found and would find it again.
        found: list[Any] = list(annotated.all())
        if found:
            row = found[0]
            position = Position(row.inbox_epoch, row.inbox_sequence)
            return found, InboxState(position, row.inbox_unread, row.inbox_total)
        # No row carries the inbox's state: read it together with the fact that there are no rows. If there
        # are by now, look again.
        first = Subquery(rows[:1].values("pk"))
        inbox = Inbox.objects.filter(pk=user_id).annotate(first=first).first()
        if inbox is None:
            return [], EMPTY
        if inbox.first is None:
            return [], InboxState(inbox.position, inbox.unread_count, inbox.total_count)


def inbox_state(*, user_id: Any) -> InboxState:
    """Return the counts of an inbox and its position, in one snapshot."""
    inbox = Inbox.objects.filter(pk=user_id).first()
    if inbox is None:
        return EMPTY
    return InboxState(inbox.position, inbox.unread_count, inbox.total_count)


def notification(*, user_id: Any, notification_id: int) -> Notification:
    """Return one of the user's notifications, its sender loaded; raise NotFound if they have no such."""
    query = Notification.objects.select_related("sender")
    found = query.filter(recipient=user_id, pk=notification_id).first()
    if found is None:
        raise NotFound("You have no such notification.")
    return found


def preferences(*, user_id: Any) -> list[PreferenceState]:
    """Return what the user has said of types, and the types that cannot be turned off; sorted by type."""
    required = set(inbox_settings().required_types)
    rows = NotificationPreference.objects.filter(user=user_id).values_list("type", "enabled")
    states = dict(rows) | dict.fromkeys(required, True)
    return [PreferenceState(type, states[type], type in required) for type in sorted(states)]


# -- the log ---------------------------------------------------------------------------------------------


def heads(inboxes: Collection[str]) -> dict[str, Head]:
    """Return where the logs of inboxes begin and end; inboxes that do not exist are UNTOUCHED."""
    result = dict.fromkeys(inboxes, UNTOUCHED)
    to_python = get_user_model()._meta.pk.to_python
    for chunk in _chunks(list(result)):
        given, document = rows_of({"inbox_id": key_type()}, ((key_value(key),) for key in chunk))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT user_id, epoch, last_sequence, first_sequence"
                f" FROM {given} JOIN {table_of(Inbox)} ON user_id = inbox_id",
                [document],
            )
            for user_id, epoch, last, first in cursor.fetchall():
                head = Head(Position(epoch, last), first_sequence=first)
                result[str(to_python(user_id))] = head
    return result


def events(places: Sequence[LogRange], *, limit: int) -> list[list[Event]]:
    """Return for each place the events that follow it in the log, `limit` of them at most.

    Since sequences have no holes, a limit is a bound on the sequence, and one query can read many stretches.
    """
    found: dict[str, list[Event]] = {}
    for chunk in _chunks(_stretches(places, limit)):
        for event in _read(chunk):
            found.setdefault(event.inbox, []).append(event)
    for run in found.values():
        run.sort(key=_sequence)
    return [_part(found.get(place.inbox, []), place.after, limit) for place in places]


def _stretches(places: Sequence[LogRange], limit: int) -> list[tuple[str, int, int]]:
    """Return what to read, each event once: in an inbox that many ask for, their places overlap."""
    stretches: list[tuple[str, int, int]] = []
    for place in sorted(set(places), key=lambda place: (place.inbox, place.after)):
        start, end = place.after, place.after + limit
        if stretches and stretches[-1][0] == place.inbox and start <= stretches[-1][2]:
            start = stretches.pop()[1]
        stretches.append((place.inbox, start, end))
    return stretches


def _read(stretches: Sequence[tuple[str, int, int]]) -> Iterator[Event]:
    """Give the events of some stretches of logs, in no order."""
    given, document = rows_of(
        {"inbox": key_type(), "after": "bigint", "through": "bigint"},
        ((key_value(inbox), after, through) for inbox, after, through in stretches),
    )
    log = table_of(InboxEvent)
    with connection.cursor() as cursor:
        # By hand: of one condition for each stretch Django and the database make more work than the reading is.
        cursor.execute(
            f"SELECT inbox_id, epoch, sequence, kind, notification_id, {_moment()}, payload"
            f" FROM {given} JOIN {table_of(Inbox)} ON user_id = inbox JOIN {log}"
            " ON inbox_id = inbox AND sequence > after AND sequence <= through",
            [document],
        )
        while rows := cursor.fetchmany(_ROWS):
            yield from _readable(rows)


def _moment() -> str:
    """Return how to select when an event happened.

    PostgreSQL is asked for a number: to have a timestamp read by Django costs as much as the rest of the row.
    """
    if connection.vendor == "postgresql":
        return "(extract(epoch FROM created_at) * 1000000)::bigint"
    return "created_at"


def _moment_of() -> Callable[[Any], datetime]:
    """Return how to read what `_moment` has selected."""
    if connection.vendor == "postgresql":
        return _moment_after_microseconds
    column = InboxEvent._meta.get_field("created_at").get_col(InboxEvent._meta.db_table)
    converters = connection.ops.get_db_converters(column)

    def convert(value: Any) -> Any:
        for converter in converters:
            value = converter(value, column, connection)
        return value

    return convert


def _moment_after_microseconds(microseconds: int) -> datetime:
    return _1970 + timedelta(microseconds=microseconds)


def _readable(rows: Iterable[Sequence[Any]]) -> Iterator[Event]:
    """Give the events that this version of the code understands.

    The others, which a newer version may have written, are left out. To whoever reads the log that is a hole,
    which is told and not bridged; and it does not keep everybody else in the same batch from their events.
    """
    to_python = get_user_model()._meta.pk.to_python
    moment_of = _moment_of()
    for user_id, epoch, sequence, kind, notification_id, created_at, payload in rows:
        inbox = str(to_python(user_id))
        try:
            yield from_payload(
                inbox=inbox,
                epoch=epoch,
                sequence=sequence,
                kind=kind,
                notification_id=notification_id,
                occurred_at=moment_of(created_at),
                payload=payload,
            )
        except Exception:
            logger.exception("Event %s of inbox %s cannot be read.", sequence, inbox)


def _sequence(event: Event) -> int:
    return event.sequence


def _part(run: list[Event], after: int, limit: int) -> list[Event]:
    """Pick one place's events from those of its inbox: other places may have asked for the same inbox."""
    start = bisect_right(run, after, key=_sequence)
    return run[start : bisect_right(run, after + limit, lo=start, key=_sequence)]


def _chunks(values: list[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
