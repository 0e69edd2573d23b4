"""What the checker compares: the log as it was committed, what writers recorded, and what clients received."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

_POSITION = re.compile(r"(?:(?P<epoch>[0-9a-z]+)\.)?(?P<sequence>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an inbox's log: the epoch and sequence of a position."""

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.sequence}"

    @classmethod
    def parse(cls, position: str) -> Place:
        """Return the place that a position names. What a position says beyond that is for the server."""
        match = _POSITION.match(position)
        if match is None:
            raise ValueError(f"not a position: {position}")
        return cls(match["epoch"] or "", int(match["sequence"]))


# -- content ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification in the one form in which all sources are compared: numbers and texts.

    `data`, `sender`, `actor`, `target` and `actions` are JSON with sorted keys; times are ISO 8601 in UTC with
    microseconds. What is absent is empty.
    """

    id: int
    type: str
    title: str
    message: str
    link: str
    data: str
    sender: str
    created_at: str
    expires_at: str
    read_at: str
    priority: str = "normal"
    icon: str = ""
    actor: str = "null"
    target: str = "null"
    actions: str = "null"
    format: str = "plain"
    folder: str = "inbox"
    snoozed_until: str = ""
    pinned: bool = False
    performed_action: str = ""
    performed_at: str = ""
    returned_rank: str = ""
    edited_at: str = ""

    def as_json(self) -> Notification:
        """Return what the JSON API shows of it: no sender, whole seconds, and read or not read."""
        return replace(
            self,
            sender="",
            created_at=self.created_at[:19],
            expires_at=self.expires_at[:19],
            read_at="read" if self.read_at else "",
            snoozed_until=self.snoozed_until[:19],
            performed_at=self.performed_at[:19],
            returned_rank="",
            edited_at=self.edited_at[:19],
        )


CONTENT = tuple(each.name for each in fields(Notification))
"""The names of what is compared of a notification."""


def canonical_json(value: Any) -> str:
    """Return JSON that two equal values share."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def sender_text(sender: Sequence[Any] | None) -> str:
    """Return the id, username and name of a sender as one text; nothing for none."""
    return canonical_json([str(each) for each in sender]) if sender else ""


def canonical_time(value: str | datetime | None) -> str:
    """Return a moment as ISO 8601 in UTC with microseconds; nothing for None."""
    if not value:
        return ""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


@dataclass(frozen=True, slots=True)
class EventContent:
    """The content of an event. `number` is how many became read, or 0.

    Kinds that remove a notification (deleted, expired, ...) are one: `deleted`. `total` is only in the log. Tests may
    leave out the notification and the time.
    """

    what: str
    notification_id: int
    unread: int
    title: str = ""
    number: int = 0
    notification: Notification | None = None
    occurred_at: str = ""
    total: int | None = None

    def short(self) -> Message:
        """Return what the JSON API sends of it."""
        return (self.what, self.number if self.what == ALL_READ else self.notification_id)


EVENT = ("what", "notification_id", "unread", "title", "number", "occurred_at")
"""The names of what is compared of an event, beside its notification."""


Message = tuple[str, int]
ADDED, READ, UNREAD, DELETED, ALL_READ = "added", "read", "unread", "deleted", "all_read"


def mark(notification_id: int, read: bool) -> int:
    """Return a number for a notification's state. A list's digest is the exclusive or of them."""
    return hash((notification_id, read))


@dataclass(frozen=True, slots=True)
class State:
    """The state of an inbox at one place of its log, computed from the log."""

    unread: int
    total: int
    digest: int


@dataclass
class EpochLog:
    """One epoch of an inbox: everything that was committed in it, event 1 first, and when.

    `first` is where its log began at the end: what is before it was pruned.
    """

    epoch: str
    events: list[EventContent]
    first: int = 1
    moments: list[float] = field(default_factory=list)
    was_cut: bool = False
    """Whether the database has lost its end: it was restored, or it failed over to a copy that lagged behind."""

    @cached_property
    def states(self) -> list[State]:
        """The inbox after each event; the first is before any."""
        return list(_replayed(self.events))

    @cached_property
    def types(self) -> list[str | None]:
        """The type of the notification that each event is about; None for an event of the whole inbox."""
        known: dict[int, str] = {}
        for content in self.events:
            if content.notification is not None:
                known[content.notification_id] = content.notification.type
        return [
            None if content.what == ALL_READ else known.get(content.notification_id, "")
            for content in self.events
        ]

    @cached_property
    def removals(self) -> dict[int, int]:
        """The sequences of the deletions, by notification."""
        return {
            content.notification_id: sequence
            for sequence, content in enumerate(self.events, 1)
            if content.what == DELETED
        }

    def may_be_erased(self, what: str, notification_id: int, sequence: int) -> bool:
        """Whether a client may receive an event without its content: the notification was deleted later."""
        is_about_one = what in (ADDED, READ, UNREAD)
        return is_about_one and self.removals.get(notification_id, 0) > sequence

    @property
    def head(self) -> Place:
        """The place of its last event."""
        return Place(self.epoch, len(self.events))

    def list_at(self, sequence: int) -> list[Notification] | None:
        """Return the list after that event, newest first; None if the log is without content."""
        known: dict[int, Notification] = {}
        for content in self.events[:sequence]:
            shown = content.notification
            if content.what == ALL_READ:
                for id, each in known.items():
                    if not each.read_at and id <= content.notification_id:
                        known[id] = replace(each, read_at=content.occurred_at)
            elif content.what == DELETED:
                known.pop(content.notification_id, None)
            elif shown is None:
                return None
            else:
                known[shown.id] = shown
        return [known[id] for id in sorted(known, reverse=True)]


@dataclass
class Inbox:
    """An inbox after a run: the logs of its epochs, its list (id, whether read) and the counts of its row.

    Two logs have the same epoch if the database failed over to a copy that lagged behind: they begin alike and go on
    differently. `rows` is the list in full, newest first; None where a test has none. `too_early` names what has
    expired before its time.
    """

    epoch_logs: list[EpochLog]
    notifications: dict[int, bool]
    unread: int
    total: int
    rows: list[Notification] | None = None
    too_early: list[str] = field(default_factory=list)

    @property
    def last(self) -> EpochLog:
        """The log of the present epoch."""
        return self.epoch_logs[-1]

    @cached_property
    def digest(self) -> int:
        """The digest of the list."""
        return digest_of(self.notifications)

    def logs_of(self, epoch: str) -> list[EpochLog]:
        """Return the logs of an epoch, the newest one last; none if there never was one."""
        return [each for each in self.epoch_logs if each.epoch == epoch]

    def epoch_log(self, epoch: str) -> EpochLog | None:
        """Return the newest log of an epoch, or None if there never was one."""
        return next(reversed(self.logs_of(epoch)), None)


def digest_of(notifications: Mapping[int, bool]) -> int:
    """Return a number that two lists share if they are the same, whatever their order."""
    digest = 0
    for notification_id, read in notifications.items():
        digest ^= mark(notification_id, read)
    return digest


def _replayed(events: Iterable[EventContent]) -> Iterator[State]:
    known: dict[int, bool] = {}
    unread = digest = 0
    yield State(0, 0, 0)
    for content in events:
        for notification_id, before, after in _changes(content, known):
            if before is not None:
                digest ^= mark(notification_id, before)
                unread -= not before
                del known[notification_id]
            if after is not None:
                digest ^= mark(notification_id, after)
                unread += not after
                known[notification_id] = after
        yield State(unread, len(known), digest)


def _changes(
    content: EventContent, known: Mapping[int, bool]
) -> list[tuple[int, bool | None, bool | None]]:
    """Return what an event does to a list: the notification, its state before and after; None is not there."""
    if content.what == ALL_READ:
        through = content.notification_id
        return [(id, False, True) for id, read in known.items() if not read and id <= through]
    after = {ADDED: False, READ: True, UNREAD: False}.get(content.what)
    return [(content.notification_id, known.get(content.notification_id), after)]


# -- what clients received -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """A client has asked for what follows a place; it began to connect at `since`."""

    at: float
    after: Place
    since: float


@dataclass(frozen=True, slots=True)
class Closed:
    """A connection has ended, closed by either side."""

    at: float
    why: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A client has read the counts of its inbox, at a place, and so many of its newest notifications.

    `is_final` says that it has read all, at the end of the run.
    """

    at: float
    place: Place
    unread: int
    total: int
    notifications: Sequence[Notification] = ()
    first: int = 0
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """A client has received an event."""

    at: float
    place: Place
    content: EventContent


@dataclass(frozen=True, slots=True)
class Advanced:
    """A client that is limited by types has received the position of an event of another type."""

    at: float
    place: Place
    unread: int
    occurred_at: str


ADVANCE = ("unread", "occurred_at")
"""The names of what is compared of it."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A client has received a reset."""

    at: float
    place: Place
    reason: str


Item = Opened | Closed | Listed | Received | Advanced | Reset


@dataclass(frozen=True)
class Follower:
    """The history of a client that holds positions. `expected_reset`: the reason of a reset that must have come.

    `types` are those that its subscription is limited to.
    """

    name: str
    inbox: int
    items: Sequence[Item]
    expected_reset: str | None = None
    types: frozenset[str] | None = None

    @property
    def kind(self) -> str:
        """The kind of the client, by which comparisons are counted."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True)
class Segment:
    """What a client of the JSON API received from one list to the next, or to the end of a connection.

    `digest` is that of the list as it then was; None if the list was not complete yet. `at` is when
    that was. `shown` is every notification that a message or a list has shown, in the form of `as_json`.
    """

    messages: Sequence[Message]
    digest: int | None
    at: float = 0.0
    since: float = 0.0
    shown: Sequence[Notification] = ()
    was_replaced: bool = False
    """Whether a list that the client had not asked for has replaced its list."""
    mismatches: Sequence[str] = ()
    """Messages that did not fit the list that was then replaced."""


@dataclass(frozen=True)
class Original:
    """The history of a client of the JSON API, which has no positions.

    `mismatches` are messages that did not fit its list. `rows` is its list at the end, newest first; None in tests.
    """

    name: str
    inbox: int
    segments: Sequence[Segment]
    mismatches: Sequence[str] = ()
    rows: Sequence[Notification] | None = None

    @property
    def kind(self) -> str:
        """The kind of the client, by which comparisons are counted."""
        return self.name.partition(" ")[0]


# -- what writers recorded -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that a writer did to one inbox, and the outcome as the writer knows it.

    `sequence` is 0 where the writer does not know it; `key` says that it was, or could be, tried again. `content` is
    what was sent, by the names of a notification's fields, as far as the writer decides them; `sender` is the
    sender's primary key. `operation` and `path` say what was called and how: "send", "service".
    """

    writer: str
    inbox: int
    what: str
    outcome: str
    title: str = ""
    notification_id: int = 0
    sequence: int = 0
    key: bool = False
    content: Mapping[str, str] | None = None
    path: str = ""
    operation: str = ""
    reason: str = ""


COMMITTED, ROLLED_BACK, UNKNOWN = "committed", "rolled back", "unknown"
SUPPRESSED, REFUSED, UNCHANGED = "suppressed", "refused", "unchanged"
"""Nothing was written: the recipient does not want the type; an error that says why; it was so already."""
PREFERENCE = "preference"
"""What was done: a preference was set. No event."""
