"""What the checker compares: the log as it was committed, what writers were told, and what clients saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an inbox's log: what a position says."""

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.sequence}"

    @classmethod
    def parse(cls, position: str) -> Place:
        """Return the place that a position names."""
        epoch, _, sequence = position.rpartition(".")
        return cls(epoch, int(sequence))


@dataclass(frozen=True, slots=True)
class Said:
    """What an event tells a client. `number` is how many became read, or 0.

    Kinds that only say that a notification is gone (deleted, expired, ...) are one: `deleted`.
    """

    what: str
    notification_id: int
    unread: int
    title: str = ""
    number: int = 0

    def short(self) -> Message:
        """Return what the original protocol tells of it."""
        return (self.what, self.number if self.what == ALL_READ else self.notification_id)


Message = tuple[str, int]
ADDED, READ, UNREAD, DELETED, ALL_READ = "added", "read", "unread", "deleted", "all_read"


def mark(notification_id: int, read: bool) -> int:
    """Return a number for a notification's state. A list's digest is the exclusive or of them."""
    return hash((notification_id, read))


@dataclass(frozen=True, slots=True)
class State:
    """What an inbox is at one place of its log, as far as one can tell from the log."""

    unread: int
    total: int
    digest: int


@dataclass
class Life:
    """One epoch of an inbox: everything that was committed in it, event 1 first, and when.

    `first` is where its log began at the end: what is before it was pruned.
    """

    epoch: str
    events: list[Said]
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
    """An inbox after a run: its lives in order, and its list (id, whether read) with the counts of its row."""

    lives: list[Life]
    notifications: dict[int, bool]
    unread: int
    total: int

    @property
    def last(self) -> Life:
        """The life that goes on."""
        return self.lives[-1]

    @cached_property
    def digest(self) -> int:
        """The digest of the list."""
        return digest_of(self.notifications)

    def life(self, epoch: str) -> Life | None:
        """Return the life of that name."""
        return next((life for life in self.lives if life.epoch == epoch), None)


def digest_of(notifications: Mapping[int, bool]) -> int:
    """Return a number that two lists share if they are the same, whatever their order."""
    digest = 0
    for notification_id, read in notifications.items():
        digest ^= mark(notification_id, read)
    return digest


def _replayed(events: Iterable[Said]) -> Iterator[State]:
    known: dict[int, bool] = {}
    unread = digest = 0
    yield State(0, 0, 0)
    for said in events:
        for notification_id, before, after in _changes(said, known):
            if before is not None:
                digest ^= mark(notification_id, before)
                unread -= not before
                del known[notification_id]
            if after is not None:
                digest ^= mark(notification_id, after)
                unread += not after
                known[notification_id] = after
        yield State(unread, len(known), digest)


def _changes(said: Said, known: Mapping[int, bool]) -> list[tuple[int, bool | None, bool | None]]:
    """Return what an event does to a list: the notification, its state before and after; None is not there."""
    if said.what == ALL_READ:
        through = said.notification_id
        return [(id, False, True) for id, read in known.items() if not read and id <= through]
    after = {ADDED: False, READ: True, UNREAD: False}.get(said.what)
    return [(said.notification_id, known.get(said.notification_id), after)]


# -- what clients saw ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """A client has asked for what follows a place; it began to connect at `since`."""

    at: float
    after: Place
    since: float


@dataclass(frozen=True, slots=True)
class Closed:
    """A connection has ended, by whoever."""

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
class Told:
    """A client was told an event."""

    at: float
    place: Place
    said: Said


@dataclass(frozen=True, slots=True)
class Reset:
    """A client was told to reload."""

    at: float
    place: Place
    reason: str


Item = Opened | Closed | Listed | Told | Reset


@dataclass(frozen=True)
class Follower:
    """The history of a client that holds positions. `owed` is a reset that it must have had."""

    name: str
    inbox: int
    items: Sequence[Item]
    owed: str | None = None


@dataclass(frozen=True)
class Stretch:
    """What a client of the original door was told from one list to the next, or to the end of a connection.

    `digest` is that of the list as it then was; None if the client had not got the whole list yet. `at` is when
    that was.
    """

    messages: Sequence[Message]
    digest: int | None
    at: float = 0.0
    since: float = 0.0


@dataclass(frozen=True)
class Original:
    """The history of a client of the original door, which has no positions.

    `surprises` is what it noticed itself: messages that did not fit its list.
    """

    name: str
    inbox: int
    stretches: Sequence[Stretch]
    surprises: Sequence[str] = ()


# -- what writers were told ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that a writer did to one inbox, and the outcome that it was told.

    `sequence` is 0 where the writer was not told; `key` says that it was, or could be, tried again.
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
