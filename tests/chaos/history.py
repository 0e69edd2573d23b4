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
    group_key: str = ""
    group_count: int = 1
    group_actors: str = "null"

    @property
    def rank(self) -> int:
        """Its place in lists, the highest first."""
        return int(self.returned_rank or self.id)

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
    """The content of an event. `number` is how many became read, or are seen, else 0; `ids` are those of several.

    Of all that are read or seen at once, `notification_id` is the highest rank. Kinds that remove a notification
    (deleted, expired, ...) are one: `deleted`. `total` is only in the log. Tests may leave out the notification and the
    time.
    """

    what: str
    notification_id: int
    unread: int
    title: str = ""
    number: int = 0
    notification: Notification | None = None
    occurred_at: str = ""
    total: int | None = None
    unseen: int = 0
    ids: tuple[int, ...] = ()

    def short(self) -> Message:
        """Return what the JSON API sends of it, if it sends anything: what leaves or enters its list."""
        what = JSON_MESSAGES.get(self.what, self.what)
        return (what, self.number if what == ALL_READ else self.notification_id)


EVENT = ("what", "notification_id", "unread", "title", "number", "occurred_at", "unseen", "ids")
"""The names of what is compared of an event, beside its notification."""


Message = tuple[str, int]
ADDED, READ, UNREAD, DELETED, ALL_READ = "added", "read", "unread", "deleted", "all_read"
ARCHIVED, UNARCHIVED, SNOOZED, RETURNED = "archived", "unarchived", "snoozed", "returned"
PINNED, UNPINNED, ACTION, EDITED, SEEN = "pinned", "unpinned", "action", "edited", "seen"
MANY_READ, MANY_ARCHIVED, MANY_DELETED = "many_read", "many_archived", "many_deleted"
RESTORED = "restored"
GROUPED, UNGROUPED = "grouped", "ungrouped"
WITH_CONTENT = (
    *(ADDED, READ, UNREAD, ARCHIVED, UNARCHIVED, SNOOZED, RETURNED, PINNED, UNPINNED, ACTION),
    *(EDITED, RESTORED, GROUPED, UNGROUPED),
)
"""What has the notification as it then was. Once that is deleted, the event may come without it."""
OF_ONE = {MANY_READ: READ, MANY_ARCHIVED: ARCHIVED, MANY_DELETED: DELETED}
"""What a change of several does to each."""
JSON_MESSAGES = {ARCHIVED: DELETED, SNOOZED: DELETED, GROUPED: DELETED, RETURNED: ADDED}
"""What the JSON API, whose clients have one list, makes of what leaves it and comes back."""
WITH_NEW_LIST = (
    *(UNARCHIVED, EDITED, RESTORED, UNGROUPED),
    *(MANY_READ, MANY_ARCHIVED, MANY_DELETED),
)
"""For these, the JSON API has no message: its clients get a new list, a little later."""
WITHOUT_MESSAGE = (*WITH_NEW_LIST, PINNED, UNPINNED, ACTION, SEEN)
"""For the others, they get nothing."""


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
            None
            if content.ids or content.what in (ALL_READ, SEEN)
            else known.get(content.notification_id, "")
            for content in self.events
        ]

    @cached_property
    def removals(self) -> dict[int, int]:
        """The sequence of the last deletion of each notification: what was deleted may be restored."""
        return {
            id: sequence
            for sequence, content in enumerate(self.events, 1)
            for id in removed_by(content)
        }

    def may_be_erased(self, sequence: int) -> bool:
        """Whether a client may receive an event without its content: the notification was deleted later."""
        content = self.events[sequence - 1]
        is_later = self.removals.get(content.notification_id, 0) > sequence
        return content.what in WITH_CONTENT and is_later

    @property
    def head(self) -> Place:
        """The place of its last event."""
        return Place(self.epoch, len(self.events))

    def list_at(self, sequence: int, folder: str = "inbox") -> list[Notification] | None:
        """Return the list of a folder after that event, newest first; None if the log is without content."""
        known: dict[int, Notification] = {}
        for content in self.events[:sequence]:
            if content.what in WITH_CONTENT and content.notification is None:
                return None
            apply(content, known)
        listed = [each for each in known.values() if each.folder == folder]
        return sorted(listed, key=lambda each: each.rank, reverse=True)


@dataclass
class Inbox:
    """An inbox after a run: the logs of its epochs, its list (id, whether read) and the counts of its row.

    `elsewhere` are the lists of the other folders, by the folder. `folder_counts` are the counts of the row as it has
    them, and as they are: unseen, archived, snoozed.

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
    pending: set[str] = field(default_factory=set)
    """The titles of scheduled sends whose time is still to come, by the clock of whoever made them."""
    elsewhere: Mapping[str, list[Notification]] = field(default_factory=dict)
    folder_counts: tuple[Sequence[int], Sequence[int]] = ((), ())

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


def removed_by(content: EventContent) -> tuple[int, ...]:
    """Return the notifications that an event deletes."""
    if content.what == MANY_DELETED:
        return content.ids
    return (content.notification_id,) if content.what == DELETED else ()


def apply(content: EventContent, known: dict[int, Notification]) -> None:
    """Do to the notifications of all folders what an event says, as a client does that has them."""
    for id in removed_by(content):
        known.pop(id, None)
    if content.what in WITH_CONTENT:
        known[content.notification_id] = _shown(content, known.get(content.notification_id))
    elif content.what == ALL_READ:
        for id, each in known.items():
            is_listed = each.folder == "inbox" and each.rank <= content.notification_id
            if is_listed and not each.read_at:
                known[id] = replace(each, read_at=content.occurred_at or "some time")
    elif content.what == MANY_READ:
        for id in content.ids:
            known[id] = replace(known[id], read_at=content.occurred_at)
    elif content.what == MANY_ARCHIVED:
        for id in content.ids:
            known[id] = replace(known[id], folder="archive", snoozed_until="")


def _shown(content: EventContent, before: Notification | None) -> Notification:
    """Return what an event shows. In tests without content, no more is known than whether it is read."""
    if content.notification is not None:
        return content.notification
    read_at = "some time" if content.what == READ else ""
    return replace(before or _UNKNOWN, id=content.notification_id, read_at=read_at)


_UNKNOWN = Notification(0, "", "", "", "", "", "", "", "", "")


def _replayed(events: Iterable[EventContent]) -> Iterator[State]:
    known: dict[int, Notification] = {}
    unread = total = digest = 0
    yield State(0, 0, 0)
    for content in events:
        concerned = _concerned(content, known)
        before = {id: known[id] for id in concerned if id in known}
        apply(content, known)
        after = {id: known[id] for id in concerned if id in known}
        for sign, notifications in ((-1, before), (1, after)):
            for each in notifications.values():
                if each.folder == "inbox":
                    digest ^= mark(each.id, bool(each.read_at))
                    unread += sign * (not each.read_at)
                    total += sign
        yield State(unread, total, digest)


def _concerned(content: EventContent, known: Mapping[int, Notification]) -> Sequence[int]:
    """Return the notifications that an event may change."""
    if content.what == ALL_READ:
        return [id for id, each in known.items() if not each.read_at]
    if content.what == SEEN:
        return []
    return content.ids or [content.notification_id]


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
    folder: str = "inbox"


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
    number: int = 0
    """How many notifications a change of several has changed, or its undoing."""
    undoes: int = 0
    """The sequence of the change that was undone; 0 if the writer does not know it."""


UNDONE = "undone"
"""What was done: a change was undone, with an event for each notification."""
COMMITTED, ROLLED_BACK, UNKNOWN = "committed", "rolled back", "unknown"
SUPPRESSED, REFUSED, UNCHANGED = "suppressed", "refused", "unchanged"
"""Nothing was written: the recipient does not want the type; an error that says why; it was so already."""
SCHEDULED, CANCELLED = "scheduled", "cancelled"
"""It has to come before the end of the run; it must never come. Unless the database has lost what was committed."""
PREFERENCE = "preference"
"""What was done: a preference was set. No event."""
