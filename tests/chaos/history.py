"""What the checker compares: the log as it was committed, what writers recorded, and what clients received."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an inbox's log: the epoch and sequence of a position."""

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.sequence}"

    @classmethod
    def parse(cls, position: str) -> Place:
        """Return the place that a position names. Its fingerprint is random, so it is left out."""
        if position == "0":
            return cls("", 0)
        epoch, sequence, *_ = position.split(".")
        return cls(epoch, int(sequence))


@dataclass(frozen=True, slots=True)
class EventContent:
    """The content of an event. `number` is how many became read, or 0.

    Kinds that remove a notification (deleted, expired, ...) are one: `deleted`.
    """

    what: str
    notification_id: int
    unread: int
    title: str = ""
    number: int = 0

    def short(self) -> Message:
        """Return what the JSON API sends of it."""
        return (self.what, self.number if self.what == ALL_READ else self.notification_id)


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

    @cached_property
    def states(self) -> list[State]:
        """The inbox after each event; the first is before any."""
        return list(_replayed(self.events))

    @property
    def head(self) -> Place:
        """The place of its last event."""
        return Place(self.epoch, len(self.events))


@dataclass
class Inbox:
    """An inbox after a run: the logs of its epochs, its list (id, whether read) and the counts of its row."""

    epoch_logs: list[EpochLog]
    notifications: dict[int, bool]
    unread: int
    total: int

    @property
    def last(self) -> EpochLog:
        """The log of the present epoch."""
        return self.epoch_logs[-1]

    @cached_property
    def digest(self) -> int:
        """The digest of the list."""
        return digest_of(self.notifications)

    def epoch_log(self, epoch: str) -> EpochLog | None:
        """Return the log of an epoch, or None if there never was one."""
        return next((epoch_log for epoch_log in self.epoch_logs if epoch_log.epoch == epoch), None)


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
    """A client has read the counts of its inbox, at a place."""

    at: float
    place: Place
    unread: int
    total: int


@dataclass(frozen=True, slots=True)
class Received:
    """A client has received an event."""

    at: float
    place: Place
    content: EventContent


@dataclass(frozen=True, slots=True)
class Reset:
    """A client has received a reset."""

    at: float
    place: Place
    reason: str


Item = Opened | Closed | Listed | Received | Reset


@dataclass(frozen=True)
class Follower:
    """The history of a client that holds positions. `expected_reset`: the reason of a reset that must have come."""

    name: str
    inbox: int
    items: Sequence[Item]
    expected_reset: str | None = None


@dataclass(frozen=True)
class Segment:
    """What a client of the JSON API received from one list to the next, or to the end of a connection.

    `digest` is that of the list as it then was; None if the list was not complete yet. `at` is when
    that was.
    """

    messages: Sequence[Message]
    digest: int | None
    at: float = 0.0
    since: float = 0.0


@dataclass(frozen=True)
class Original:
    """The history of a client of the JSON API, which has no positions.

    `mismatches` are messages that did not fit its list.
    """

    name: str
    inbox: int
    segments: Sequence[Segment]
    mismatches: Sequence[str] = ()


# -- what writers recorded -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that a writer did to one inbox, and the outcome as the writer knows it.

    `sequence` is 0 where the writer does not know it; `key` says that it was, or could be, tried again.
    """

    writer: str
    inbox: int
    what: str
    outcome: str
    title: str = ""
    notification_id: int = 0
    sequence: int = 0
    key: bool = False


COMMITTED, ROLLED_BACK, UNKNOWN = "committed", "rolled back", "unknown"
