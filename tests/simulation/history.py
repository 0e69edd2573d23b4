"""The history: every event that was ever committed, and what each inbox was at every moment. It is what is true."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from live_inbox.delivery.log import Head
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.events import Event, Kind, Snapshot

_WHEN = datetime(2026, 1, 1, tzinfo=UTC)
_GRACE_SECONDS = 10.0
"""How long an answer of the database can be under way: a reset may have its cause that long before."""


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One inbox in a database, with its log. Never changed: each commit makes a new one."""

    epoch: str
    position: Position
    events: tuple[Event, ...] = ()
    """What is retained, oldest first."""
    last_id: int | None = None
    """The content of the newest event; None when there never was one."""
    unread: int = 0

    @property
    def head(self) -> Head:
        """Where its log begins and ends."""
        return Head(self.position, self.position.sequence - len(self.events) + 1)


@dataclass(frozen=True, slots=True)
class Moment:
    """What an inbox has been since a time, until the next moment."""

    since: float
    row: InboxRow | None


class Violation(AssertionError):
    """Raised when a promise is broken."""


class History:
    """Events have an id that is never used twice, so a sequence that was given to two events is noticed.

    `previous` maps each id to that of the event before it, which is all that "without gap, twice or order" needs.
    """

    def __init__(self) -> None:
        self.committed: dict[tuple[str, int, int], Event] = {}
        self.previous: dict[int, int | None] = {}
        self.removed: set[int] = set()
        """The notifications that have ever been deleted: only events about them may come without their content."""
        self.moments: dict[str, list[Moment]] = defaultdict(list)
        self.commits = 0

    def note(self, now: float, inbox: str, row: InboxRow | None) -> None:
        """Note what an inbox is from now on."""
        self.moments[inbox].append(Moment(now, row))

    def add(self, event: Event, previous: int | None) -> None:
        """Note a committed event. An inbox with a new epoch shows its retained events again, in that epoch."""
        self.committed[event.epoch, event.sequence, id_of(event)] = event
        self.previous.setdefault(id_of(event), previous)
        self.removed.update(event.removes)
        self.commits += 1

    def require_committed(self, event: Event) -> None:
        """Raise Violation unless exactly this event was committed, or erased since."""
        committed = self.committed.get((event.epoch, event.sequence, id_of(event)))
        if committed is None or committed.without(self.removed if event.is_erased else ()) != event:
            raise Violation(f"{name_of(event)} was never committed")

    def require_next(self, event: Event, last_id: int | None) -> None:
        """Raise Violation unless this event comes right after the one with the id `last_id`."""
        expected = self.previous[id_of(event)]
        if expected != last_id:
            raise Violation(f"{name_of(event)} follows #{expected}, and came after #{last_id}")

    def contains(self, last_id: int | None, event: Event) -> bool:
        """Whether an event is among those that led to the one with the id `last_id`."""
        while last_id is not None and last_id != id_of(event):
            last_id = self.previous[last_id]
        return last_id is not None

    def has_cause(self, inbox: str, at: Place, *, expired: bool) -> bool:
        """Whether the inbox has been, since the client is at a place, one from which the client cannot go on."""
        moments = self.moments[inbox]
        rows = [moment.row for moment in moments if moment.since > at.since - _GRACE_SECONDS]
        before = [moment.row for moment in moments if moment.since <= at.since - _GRACE_SECONDS]
        rows += before[-1:] or [None]
        return any(self._is_lost(row, at, expired=expired) for row in rows)

    def _is_lost(self, row: InboxRow | None, at: Place, *, expired: bool) -> bool:
        """Whether a row is a reason for a reset. Not `Head.loss`, which is what is checked."""
        epoch, last, first = ("", 0, 1)
        if row is not None:
            epoch, last = row.position.epoch, row.position.sequence
            first = last - len(row.events) + 1
        if expired:
            return at.position.sequence < first - 1
        is_foreign = not at.position.is_origin and at.position.epoch != epoch
        return is_foreign or at.position.sequence > last or not self._is_on(row, at)

    def _is_on(self, row: InboxRow | None, at: Place) -> bool:
        """Whether the events up to a place are those of a row's log, too: one that went on differently has others."""
        if row is None or at.position.is_origin:
            return True
        event_id = row.last_id
        for _ in range(row.position.sequence - at.position.sequence):
            event_id = self.previous[event_id] if event_id is not None else None
        return event_id == at.last_id


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client is: its position, the content that it has seen last, and since when."""

    position: Position
    last_id: int | None
    since: float


NOWHERE = Place(ORIGIN, None, 0.0)


def make_event(inbox: str, row: InboxRow | None, epoch: str, event_id: int) -> Event:
    """Return the event that follows a row's newest: each third deletes one that was added, if there is one."""
    sequence = (0 if row is None else row.position.sequence) + 1
    removed = _removable(row, event_id) if event_id % 3 == 0 else None
    added = Snapshot(event_id, "note", f"content {event_id}", "", "", {}, _WHEN, None, None)
    return Event(
        inbox=inbox,
        epoch=epoch,
        sequence=sequence,
        kind=Kind.ADDED if removed is None else Kind.DELETED,
        occurred_at=_WHEN,
        unread_count=event_id % 7,
        total_count=event_id,
        notification=added if removed is None else None,
        notification_id=event_id if removed is None else removed,
        type=None if removed is None else "note",
        fingerprint=event_id,
        previous_fingerprint=0 if row is None else row.position.fingerprint,
    )


def _removable(row: InboxRow | None, event_id: int) -> int | None:
    """Return a notification that the log has the content of: nearly always one of the newest."""
    kept = [] if row is None else [each for each in row.events if each.notification is not None]
    return kept[-1 - event_id % min(5, len(kept))].notification_id if kept else None


def id_of(event: Event) -> int:
    """Return the id of an event, which is one of its numbers."""
    return event.total_count


def with_epoch(row: InboxRow, epoch: str) -> InboxRow:
    """Return a row, with its log, in another epoch."""
    events = tuple(msgspec.structs.replace(event, epoch=epoch) for event in row.events)
    position = (
        events[-1].position
        if events
        else Position(epoch, row.position.sequence, row.position.fingerprint)
    )
    return InboxRow(epoch, position, events, row.last_id, row.unread)


def name_of(event: Event) -> str:
    """Return an event's name in a trace."""
    return f"event {event.epoch}.{event.sequence} (#{id_of(event)}) of inbox {event.inbox}"
