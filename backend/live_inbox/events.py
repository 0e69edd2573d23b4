"""Events: the changes of an inbox, as the log keeps them, doorbells carry them and the APIs send them.

`Kind` is the one table of event kinds. Events are msgspec structures, not dataclasses: every process that has a socket
for an event decodes it from JSON, and so does every client's resume from the log. Decoding and checking by hand took
most of an event's cost.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import Annotated, Any, Literal, Self, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import Position

ReadT = TypeVar("ReadT")


class PayloadType(Enum):
    """What an event carries beside its place in the log and the counts."""

    NOTIFICATION = auto()
    """The notification as it was right after the event: `notification`, and its id in `notification_id`. Once it has
    been deleted, the log has its type in place of its content: see `Event.is_erased`."""
    REMOVAL = auto()
    """The notification that is gone: `notification_id` and `type`."""
    SEVERAL = auto()
    """Several notifications by their ids, `notification_ids`, all of which were changed alike."""
    UP_TO_RANK = auto()
    """Several notifications of the folder `inbox` at once: how many, `count`, and the highest rank, `through_rank`."""
    UNKNOWN = auto()
    """Nothing that this version can show: clients have to read the list anew."""


GraphQLType = Literal[
    "NotificationAdded",
    "NotificationUpdated",
    "NotificationDeleted",
    "AllNotificationsRead",
    "NotificationsSeen",
    "NotificationsUpdated",
    "NotificationsDeleted",
    "InboxReset",
]
JSONMessage = Literal[
    "notification",
    "notification_marked_read",
    "notification_marked_unread",
    "notification_deleted",
    "all_notifications_marked_read",
    "notifications_list",
]


class Folder(StrEnum):
    """Where a notification is. Each is in exactly one folder, and lists are of one folder."""

    INBOX = "inbox"
    ARCHIVE = "archive"
    SNOOZED = "snoozed"
    """Out of the inbox until `snoozed_until`. Then it returns to the top, unread."""
    GROUPED = "grouped"
    """Folded under a newer notification of its group, which stands for it in lists and counts."""


class Kind(StrEnum):
    """What happened. Each kind declares its payload, and how the GraphQL API and the JSON API show it.

    The APIs match on the payload, exhaustively: mypy reports a payload that one of them does not handle. The client
    module's event types are those of the GraphQL schema.
    """

    payload: PayloadType
    graphql_type: GraphQLType
    json_message: JSONMessage | None
    """None for what the clients of the JSON protocol need not know."""

    def __new__(
        cls,
        value: str,
        payload: PayloadType,
        graphql_type: GraphQLType,
        json_message: JSONMessage | None,
    ) -> Self:
        """Return a member with its declaration as attributes: they are read for every event."""
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.payload = payload
        kind.graphql_type = graphql_type
        kind.json_message = json_message
        return kind

    ADDED = "added", PayloadType.NOTIFICATION, "NotificationAdded", "notification"
    READ = "read", PayloadType.NOTIFICATION, "NotificationUpdated", "notification_marked_read"
    UNREAD = "unread", PayloadType.NOTIFICATION, "NotificationUpdated", "notification_marked_unread"
    DELETED = "deleted", PayloadType.REMOVAL, "NotificationDeleted", "notification_deleted"
    ALL_READ = (
        "all_read",
        PayloadType.UP_TO_RANK,
        "AllNotificationsRead",
        "all_notifications_marked_read",
    )
    EXPIRED = "expired", PayloadType.REMOVAL, "NotificationDeleted", "notification_deleted"
    RECALLED = "recalled", PayloadType.REMOVAL, "NotificationDeleted", "notification_deleted"
    # To a client of the JSON protocol, which has one list, a notification that leaves the inbox is gone, and one that
    # returns has arrived. No message of it puts one into the middle of the list: that takes a new list.
    ARCHIVED = "archived", PayloadType.NOTIFICATION, "NotificationUpdated", "notification_deleted"
    UNARCHIVED = (
        "unarchived",
        PayloadType.NOTIFICATION,
        "NotificationUpdated",
        "notifications_list",
    )
    SNOOZED = "snoozed", PayloadType.NOTIFICATION, "NotificationUpdated", "notification_deleted"
    RETURNED = "returned", PayloadType.NOTIFICATION, "NotificationUpdated", "notification"
    PINNED = "pinned", PayloadType.NOTIFICATION, "NotificationUpdated", None
    UNPINNED = "unpinned", PayloadType.NOTIFICATION, "NotificationUpdated", None
    ACTION = "action", PayloadType.NOTIFICATION, "NotificationUpdated", None
    # A new `notification` would be shown as one that has just come, so the list takes the place of the old text, too.
    EDITED = "edited", PayloadType.NOTIFICATION, "NotificationUpdated", "notifications_list"
    SEEN = "seen", PayloadType.UP_TO_RANK, "NotificationsSeen", None
    # What a bulk change has changed by one transaction. No message of the JSON protocol names several. Undoing has an
    # event for each, with its content: a device need not have it any more.
    MANY_READ = "many_read", PayloadType.SEVERAL, "NotificationsUpdated", "notifications_list"
    MANY_ARCHIVED = (
        "many_archived",
        PayloadType.SEVERAL,
        "NotificationsUpdated",
        "notifications_list",
    )
    MANY_DELETED = "many_deleted", PayloadType.SEVERAL, "NotificationsDeleted", "notifications_list"
    # A newer one of its group has come, which was added just before; or that one is gone.
    GROUPED = "grouped", PayloadType.NOTIFICATION, "NotificationUpdated", "notification_deleted"
    UNGROUPED = "ungrouped", PayloadType.NOTIFICATION, "NotificationUpdated", "notifications_list"
    RESTORED = "restored", PayloadType.NOTIFICATION, "NotificationUpdated", "notifications_list"
    # While servers are upgraded one after the other, the new ones may write kinds that the old ones do not know. These
    # two are what such an event is read as, with a notification or without. No event is written with them.
    OTHER_CHANGE = (
        "other_change",
        PayloadType.NOTIFICATION,
        "NotificationUpdated",
        "notifications_list",
    )
    OTHER = "other", PayloadType.UNKNOWN, "InboxReset", "notifications_list"


RECORDED: tuple[Kind, ...] = tuple(
    kind for kind in Kind if kind not in (Kind.OTHER_CHANGE, Kind.OTHER)
)
"""The kinds that this version writes."""


CHANGES = tuple(
    kind for kind in Kind if kind.payload is PayloadType.NOTIFICATION and kind is not Kind.ADDED
)
"""The kinds of events that repeat the content of a notification after it was added."""


NOT_CHANGES = (
    Kind.ADDED,
    Kind.DELETED,
    Kind.ALL_READ,
    Kind.EXPIRED,
    Kind.RECALLED,
    Kind.SEEN,
    Kind.MANY_READ,
    Kind.MANY_ARCHIVED,
    Kind.MANY_DELETED,
)
"""The other kinds of the first release. An event of a kind that is not here may repeat content, even if this version
does not know the kind.

The condition of an index has them. So a new kind takes no place here, whether it has content or not.
"""


OF_ONE = {
    Kind.MANY_READ: Kind.READ,
    Kind.MANY_ARCHIVED: Kind.ARCHIVED,
    Kind.MANY_DELETED: Kind.DELETED,
}
"""For each kind of change of several, that of one."""


Moment = Annotated[datetime, msgspec.Meta(tz=True)]


# gc=False: these structures hold JSON only, so no reference cycle can run through them.
class Person(Struct, frozen=True, gc=False):
    """The sender of a notification, as they were when the event happened."""

    id: str
    username: str
    name: str


class Snapshot(Struct, frozen=True, omit_defaults=True, gc=False):
    """A notification as it was right after an event, complete enough to be sent without a query."""

    id: int
    type: str
    title: str
    message: str
    link: str
    data: dict[str, Any]
    created_at: Moment
    read_at: Moment | None
    sender: Person | None
    # What every list reads ends here: the fields after the last one that is read cost a list nothing.
    returned_rank: int | None = None
    expires_at: Moment | None = None
    folder: Folder = Folder.INBOX
    snoozed_until: Moment | None = None
    pinned: bool = False
    priority: str = "normal"
    icon: str = ""
    actor: dict[str, Any] | None = None
    target: dict[str, Any] | None = None
    actions: list[dict[str, Any]] | None = None
    format: str = "plain"
    performed_action: str | None = None
    performed_at: Moment | None = None
    edited_at: Moment | None = None
    group_key: str | None = None
    group_count: int = 1
    group_actors: list[dict[str, Any]] | None = None

    @property
    def rank(self) -> int:
        """Its place in lists, the highest first: the id, or a newer number of the same series since it came back."""
        return self.id if self.returned_rank is None else self.returned_rank

    @property
    def read(self) -> bool:
        """Whether it was read."""
        return self.read_at is not None


class Event(
    Struct,
    frozen=True,
    gc=False,
    rename={
        "unread_count": "unread",
        "total_count": "total",
        "through_rank": "through",
        "previous_fingerprint": "previous",
        "is_erased": "erased",
        "unseen_count": "unseen",
        "notification_ids": "ids",
    },
):
    """One change of an inbox.

    `unread_count`, `unseen_count` and `total_count` are those of the folder `inbox` right after the change. The payload
    of the kind says which of the other fields are set. `fingerprint` is a random number, and `previous_fingerprint`
    that of the event before, so that two events of the same sequence can be told apart, and what follows them; 0 is
    unknown.

    `is_erased` says that the notification has been deleted since, and its content removed from this event.

    `traceparent` is the context in which it was recorded, if that is sampled (`live_inbox.tracing`). Doorbells alone
    carry it: in the log, which keeps events for days, it would outlive what it refers to.
    """

    inbox: str
    epoch: str
    sequence: int
    kind: Kind
    occurred_at: Moment
    unread_count: int
    total_count: int
    notification: Snapshot | None = None
    notification_id: int | None = None
    type: str | None = None
    count: int = 0
    through_rank: int | None = None
    fingerprint: int = 0
    previous_fingerprint: int = 0
    is_erased: bool = False
    unseen_count: int = 0
    notification_ids: list[int] | None = None
    traceparent: str | None = None

    @property
    def notification_type(self) -> str | None:
        """The type of the notification that it is about, if it is about one."""
        return self.type if self.notification is None else self.notification.type

    @property
    def position(self) -> Position:
        """The position of a client that has seen this event."""
        return Position(self.epoch, self.sequence, self.fingerprint)

    @property
    def reason(self) -> ResetReason:
        """Why clients have to reload the list after this event, if it is one of the kind `other`."""
        return ResetReason.UNKNOWN_EVENT

    @property
    def removes(self) -> Collection[int]:
        """The ids of the notifications that this event removed. No earlier event keeps their content."""
        if self.kind.payload is PayloadType.REMOVAL:
            return () if self.notification_id is None else (self.notification_id,)
        return self.notification_ids or () if self.kind is Kind.MANY_DELETED else ()

    @property
    def restores(self) -> int | None:
        """The id of the notification that this event brought back after its deletion, if it did."""
        return self.notification_id if self.kind is Kind.RESTORED else None

    def without(self, removed: Collection[int]) -> Self:
        """Return the event as the log has it once these notifications are gone."""
        if self.notification is None or self.notification_id not in removed:
            return self
        return replace(self, notification=None, type=self.notification.type, is_erased=True)

    def is_same(self, other: Self) -> bool:
        """Whether both are the same event: equal, or would be if both were erased, whatever their `traceparent`."""
        if self == other:
            return True
        one, another = self.traced(None), other.traced(None)
        if one == another:
            return True
        if self.is_erased == other.is_erased or self.notification_id is None:
            return False
        removed = (self.notification_id,)
        return one.without(removed) == another.without(removed)

    def traced(self, traceparent: str | None) -> Self:
        """Return the event with this context."""
        return self if self.traceparent == traceparent else replace(self, traceparent=traceparent)


@dataclass(frozen=True, slots=True)
class Reset:
    """The answer to a position that cannot be resumed: the client reloads, then continues after `position`."""

    position: Position
    reason: ResetReason
    unread_count: int
    unseen_count: int
    occurred_at: datetime


class _AnyKind(Struct, frozen=True, gc=False):
    """The part of an event that shows whether this version knows its kind, and what it can be read as."""

    kind: str
    notification: dict[str, Any] | None = None
    erased: bool = False


class _LogColumns(Struct, frozen=True, gc=False):
    """The part of an event that the log keeps in columns."""

    inbox: str
    epoch: str
    sequence: int
    kind: Kind
    occurred_at: Moment
    notification_id: int | None
    fingerprint: int
    previous: int


class _LogPayload(Struct, frozen=True, omit_defaults=True, gc=False):
    """The part of an event that the log keeps as JSON: the rest of its fields, by the same names."""

    unread: int
    total: int
    notification: Snapshot | None = None
    type: str | None = None
    count: int = 0
    through: int | None = None
    erased: bool = False
    unseen: int = 0
    ids: list[int] | None = None


_json = msgspec.json.Encoder()
_payloads = msgspec.json.Decoder(_LogPayload)
_events = msgspec.json.Decoder(Event)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_kinds = msgspec.json.Decoder(_AnyKind)
_KNOWN = {kind.value: kind for kind in RECORDED}


def to_payload(event: Event) -> bytes:
    """Return, as JSON, what the log keeps of an event beside its inbox, sequence, kind, notification id and time."""
    return _json.encode(
        _LogPayload(
            unread=event.unread_count,
            total=event.total_count,
            notification=event.notification,
            type=event.type,
            count=event.count,
            through=event.through_rank,
            erased=event.is_erased,
            unseen=event.unseen_count,
            ids=event.notification_ids,
        )
    )


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Return a notification as it is in a payload, as JSON."""
    return _json.encode(snapshot)


def from_payload(
    *,
    inbox: str,
    epoch: str,
    sequence: int,
    kind: str,
    notification_id: int | None,
    occurred_at: datetime,
    payload: str | bytes,
    fingerprint: int = 0,
    previous_fingerprint: int = 0,
) -> Event:
    """Return the event of which `to_payload` made that payload; raise ValueError for anything else.

    A kind that only a newer version knows is read as `Kind.OTHER_CHANGE` or `Kind.OTHER`.
    """
    kept = _read(_payloads, payload)
    known = _KNOWN.get(kind)
    if known is None:
        known = _unknown(has_content=kept.notification is not None or kept.erased)
    # By position: keyword arguments cost a third more.
    return Event(
        inbox,
        epoch,
        sequence,
        known,
        occurred_at,
        kept.unread,
        kept.total,
        kept.notification,
        notification_id,
        kept.type,
        kept.count,
        kept.through,
        fingerprint,
        previous_fingerprint,
        kept.erased,
        kept.unseen,
        kept.ids,
    )


def encode(event: Event, payload: bytes | None = None, *, traceparent: str | None = None) -> bytes:
    """Return the event as the doorbell carries it: one JSON object. `payload` is that of `to_payload`, if known.

    Versions that do not know `traceparent` read the event without it: `decode` ignores fields that it does not know.
    """
    columns = _LogColumns(
        event.inbox,
        event.epoch,
        event.sequence,
        event.kind,
        event.occurred_at,
        event.notification_id,
        event.fingerprint,
        event.previous_fingerprint,
    )
    kept = to_payload(event) if payload is None else payload
    # Joins two JSON objects, neither of which is empty.
    known = _json.encode(columns)[:-1]
    if traceparent is not None:
        known += b',"traceparent":%b' % _json.encode(traceparent)
    return b"%b,%b" % (known, kept[1:])


def decode(frame: bytes) -> Event:
    """Return the event that `encode` wrote; raise ValueError for anything else.

    A kind that only a newer version knows is read as `from_payload` reads it.
    """
    try:
        return _read(_events, frame)
    except ValueError:
        given = _read(_kinds, frame)
        if given.kind in _KNOWN:
            raise
    kind = _unknown(has_content=given.notification is not None or given.erased)
    return _read(_events, _with_kind(frame, kind))


def _unknown(*, has_content: bool) -> Kind:
    """Return the kind for one that this version does not know.

    A notification is complete, whatever has happened to it: clients can show it. What else there is, is not known.
    """
    return Kind.OTHER_CHANGE if has_content else Kind.OTHER


def _with_kind(frame: bytes, kind: Kind) -> bytes:
    fields: dict[str, msgspec.Raw] = _read(_fields, frame)
    return _json.encode(fields | {"kind": kind})


def _read(decoder: msgspec.json.Decoder[ReadT], text: str | bytes) -> ReadT:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not an event: {error}") from None
