"""Compares notifications with the log, one by one: differences that cancel out in the counts are found here.

The log says of every notification that it has an event about whether it is there, whether it is read and in which
folder it is, and of those that it added what they say. It has no content of those that are gone, and says nothing of
notifications from before its beginning without an event since.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models.fields.json import KT

from live_inbox import database
from live_inbox.events import Folder, Kind, PayloadType
from live_inbox.models import InboxEvent, Notification, rank
from live_inbox.services.erasing import Gone

_CONTENT = ("type", "title", "message", "link")
"""The fields that are compared: text in the log, too. Not every field of CONTENT_FIELDS, because events from before a
field was added do not have it."""

_REMOVALS = (Kind.DELETED, Kind.EXPIRED, Kind.RECALLED)
_PUTTING_BACK = (Kind.UNARCHIVED, Kind.UNGROUPED)
_LISTING = (Kind.ADDED, Kind.RETURNED, *_PUTTING_BACK)


def not_as_added(users: Sequence[Any]) -> dict[Any, dict[str, int]]:
    """Count the notifications of users that came after the log's beginning, without an event that added them so.

    One that was edited, or deleted and restored, has its content in the event of that.
    """
    added = _with_content_of_row().filter(
        sequence=OuterRef("added_sequence"), kind=Kind.ADDED, notification_id=OuterRef("pk")
    )
    # An edit comes after the event that added the notification, so the log has it if it has that.
    edited = _with_content_of_row().filter(kind=Kind.EDITED, notification_id=OuterRef("pk"))
    restored = _with_content_of_row().filter(kind=Kind.RESTORED, notification_id=OuterRef("pk"))
    rows = database.queryset(Notification).filter(
        ~Exists(added) & (Q(edited_at=None) | ~Exists(edited)),
        ~Exists(restored),
        recipient__in=users,
        added_sequence__gte=F("recipient__live_inbox__first_sequence"),
    )
    found: Any = rows.order_by().values("recipient_id").annotate(not_as_added=Count("pk"))
    return {row.pop("recipient_id"): row for row in found}


def _with_content_of_row() -> QuerySet[InboxEvent]:
    """Return the events of the inbox of a notification's row that have its content."""
    content = {f"shown_{name}": KT(f"payload__notification__{name}") for name in _CONTENT}
    return InboxEvent.objects.alias(**content).filter(
        inbox=OuterRef("recipient_id"), **{f"shown_{name}": OuterRef(name) for name in _CONTENT}
    )


def not_as_last_event(users: Sequence[Any]) -> dict[Any, dict[str, int]]:
    """Count the notifications of users that are there, gone, read or unread where their last event says otherwise.

    One row for each notification that the log has an event about comes from the database: a mark-all-read concerns
    them all, and to look for it from each row would have SQLite read the log again and again.
    """
    all_reads, none = _all_reads(users), _AllReads()
    bulk = _bulk_changes(users)
    counts: dict[Any, Counter[str]] = {}
    for inbox_id, notification_id, last in _last_events(users):
        marked = all_reads.get(inbox_id, none)
        last = last.joined_by(bulk.get((inbox_id, notification_id), {}))
        for flaw in _flaws(last, marked.cover(last)):
            counts.setdefault(inbox_id, Counter())[flaw] += 1
    return {user_id: dict(count) for user_id, count in counts.items()}


class _Last(NamedTuple):
    """What the log says last about a notification, and its row. The changes are sequences, 0 for none."""

    removed: int
    restored: int
    read: int
    unread: int
    archived: int
    snoozed: int
    grouped: int
    listed: int
    """The last event that put it into the inbox."""
    put_back: int
    """The last one of a move that did, and that left it read or unread as it was."""
    content: int
    """1 if an event has its content."""
    state: int | None
    """1 for a read notification, 0 for an unread one, None without one."""
    folder: str | None
    rank: int | None
    """Its place in lists; None without a row."""

    def joined_by(self, bulk: Mapping[str, int]) -> _Last:
        """Return what the log says last with the bulk changes that name the notification."""
        changes = {"many_deleted": "removed", "many_read": "read", "many_archived": "archived"}
        later = {
            changes[kind]: max(sequence, getattr(self, changes[kind]))
            for kind, sequence in bulk.items()
        }
        return self._replace(**later)

    @property
    def may_have_been_elsewhere(self) -> bool:
        """Whether it may have been in another folder than the inbox at some time since the log begins.

        The event that moved it there may be older than the log.
        """
        was_moved = bool(self.archived or self.snoozed or self.grouped or self.put_back)
        return was_moved or self.folder != Folder.INBOX.value

    @property
    def expected_folder(self) -> str:
        last = {
            Folder.INBOX: self.listed,
            Folder.ARCHIVE: self.archived,
            Folder.SNOOZED: self.snoozed,
            Folder.GROUPED: self.grouped,
        }
        return max(last, key=last.__getitem__).value

    @property
    def placed(self) -> int:
        """The last event that put it into a folder."""
        return max(self.archived, self.snoozed, self.grouped, self.listed)


def _flaws(last: _Last, was_marked_with_others: bool) -> Iterator[str]:
    is_removed = last.removed > last.restored
    if is_removed and last.state is None:
        if last.content:
            yield "not_erased"
        return
    if is_removed or last.state is None:
        yield "removed" if is_removed else "not_removed"
        return
    is_read = last.read > last.unread or was_marked_with_others
    # Without such an event, the log begins after it was marked, and has only moves and pins.
    # Of one that was restored, that event has its state.
    is_known = max(last.read, last.unread) > last.restored or was_marked_with_others
    # A mark-all-read is of the inbox only. Where the notification was at that time is not looked up.
    is_unsure = was_marked_with_others and last.may_have_been_elsewhere
    if is_known and is_read != bool(last.state) and not is_unsure:
        yield "read_state"
    # Without such an event, the log begins after it was put where it is.
    if last.placed > last.restored and last.expected_folder != last.folder:
        yield "folders"


def _last_events(users: Sequence[Any]) -> Iterator[tuple[Any, int, _Last]]:
    """Yield (inbox, notification, what is last said of it) of each notification that the log has an event about."""
    events = database.queryset(InboxEvent).filter(inbox__in=users, notification_id__isnull=False)
    about: Any = events.order_by().values("inbox_id", "notification_id")
    row = Notification.objects.filter(
        pk=OuterRef("notification_id"), recipient=OuterRef("inbox_id")
    )
    found = about.annotate(
        last_removed=Max(_sequence_if(kind__in=_REMOVALS)),
        last_restored=Max(_sequence_if(kind=Kind.RESTORED)),
        last_read=Max(_sequence_if(kind=Kind.READ)),
        last_unread=Max(_sequence_if(kind__in=(Kind.ADDED, Kind.UNREAD, Kind.RETURNED))),
        last_archived=Max(_sequence_if(kind=Kind.ARCHIVED)),
        last_snoozed=Max(_sequence_if(kind=Kind.SNOOZED)),
        last_grouped=Max(_sequence_if(kind=Kind.GROUPED)),
        last_listed=Max(_sequence_if(kind__in=_LISTING)),
        last_put_back=Max(_sequence_if(kind__in=_PUTTING_BACK)),
        content=Max(_one_if(payload__has_key="notification")),
        state=Subquery(row.values_list(_one_if(read_at__isnull=False))[:1]),
        row_folder=Subquery(row.values_list("folder")[:1]),
        row_rank=Subquery(row.values_list(rank())[:1]),
    )
    # Not by `iterator()`, whose server-side cursor does not outlive a statement behind PgBouncer.
    rows = found.values_list(
        "inbox_id",
        "notification_id",
        "last_removed",
        "last_restored",
        "last_read",
        "last_unread",
        "last_archived",
        "last_snoozed",
        "last_grouped",
        "last_listed",
        "last_put_back",
        "content",
        "state",
        "row_folder",
        "row_rank",
    )
    return ((inbox_id, number, _Last(*last)) for inbox_id, number, *last in rows)


def not_erased(user_id: Any) -> list[Gone]:
    """Return the notifications of a user that are gone, although the log has their content."""
    log = database.queryset(InboxEvent)
    removals = log.filter(
        inbox=OuterRef("inbox"), notification_id=OuterRef("notification_id"), kind__in=_REMOVALS
    )
    row = Notification.objects.filter(
        pk=OuterRef("notification_id"), recipient=OuterRef("inbox_id")
    )
    kept = log.filter(
        Exists(removals), ~Exists(row), inbox=user_id, payload__has_key="notification"
    )
    rows: Any = kept.values_list("notification_id", "kind", "sequence")
    sequences: dict[int, int] = {}
    for number, kind, sequence in rows:
        sequences[number] = sequence if kind == Kind.ADDED else sequences.get(number, 0)
    return [Gone(user_id, number, added) for number, added in sequences.items()]


def _one_if(**condition: Any) -> Case:
    return Case(When(**condition, then=1), default=0, output_field=IntegerField())


def _sequence_if(**condition: Any) -> Case:
    return Case(When(**condition, then=F("sequence")), default=0, output_field=BigIntegerField())


class _AllReads:
    """The mark-all-read events of one inbox."""

    def __init__(self, events: Sequence[tuple[int, int]] = ()) -> None:
        """Take (sequence, rank of the newest notification that was marked), in the order of the log."""
        self._sequences = [sequence for sequence, _ in events]
        newest_first = accumulate((through_rank for _, through_rank in reversed(events)), max)
        self._through_ranks = list(newest_first)[::-1]

    def cover(self, last: _Last) -> bool:
        """Whether one of them has marked a notification since it was last unread or restored, if it was in the inbox.

        It has had the same rank since then: what returns to the top is unread.
        """
        place = bisect_right(self._sequences, max(last.unread, last.restored))
        is_after = place < len(self._sequences)
        return is_after and last.rank is not None and last.rank <= self._through_ranks[place]


def _bulk_changes(users: Sequence[Any]) -> dict[tuple[Any, int], dict[str, int]]:
    """Return, by inbox and notification, the last sequence of each kind of bulk change that names it."""
    found: dict[tuple[Any, int], dict[str, int]] = {}
    kinds = [kind.value for kind in Kind if kind.payload is PayloadType.SEVERAL]
    log = database.queryset(InboxEvent).filter(inbox__in=users, kind__in=kinds)
    rows: Any = log.order_by("sequence").values_list("inbox_id", "sequence", "kind", "payload__ids")
    for inbox_id, sequence, kind, ids in rows:
        for each in ids:
            found.setdefault((inbox_id, each), {})[kind] = sequence
    return found


def _all_reads(users: Sequence[Any]) -> dict[Any, _AllReads]:
    found: dict[Any, list[tuple[int, int]]] = {}
    events = (
        database.queryset(InboxEvent)
        .filter(inbox__in=users, kind=Kind.ALL_READ)
        .order_by("sequence")
    )
    for inbox_id, sequence, through_rank in events.values_list(
        "inbox_id", "sequence", "payload__through"
    ):
        found.setdefault(inbox_id, []).append((sequence, through_rank))
    return {inbox_id: _AllReads(each) for inbox_id, each in found.items()}
