"""Events: what happens in an inbox, as the log keeps it, the doorbell carries it and the doors tell it.

They are msgspec's structures, not dataclasses: each event is read from JSON in every process that has a socket for it,
and again from the log by whoever comes back, and checked and built by hand that took most of what an event costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Struct

from live_inbox.delivery.log import Loss
from live_inbox.delivery.position import Position

ResetReason = Loss
ReadT = TypeVar("ReadT")


class Kind(StrEnum):
    """What happened."""

    ADDED = "added"
    READ = "read"
    UNREAD = "unread"
    DELETED = "deleted"
    ALL_READ = "all_read"
    EXPIRED = "expired"


GONE = frozenset({Kind.DELETED, Kind.EXPIRED})
"""The kinds after which there is no such notification any more."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


# What is below holds JSON and no more, so no cycle can run through it, and the garbage collector need not look.
class Person(Struct, frozen=True, gc=False):
    """The sender of a notification, as they were when the event happened."""

    id: str
    username: str
    name: str


class Snapshot(Struct, frozen=True, gc=False):
    """A notification as it was right after an event. Doors need no query to tell it."""

    id: int
    type: str
    title: str
    message: str
    link: str
    data: dict[str, Any]
    created_at: Moment
    read_at: Moment | None
    sender: Person | None
    expires_at: Moment | None = None

    @property
    def read(self) -> bool:
        """Whether it was read."""
        return self.read_at is not None


class Event(
    Struct,
    frozen=True,
    gc=False,
    rename={"unread_count": "unread", "total_count": "total", "through_id": "through"},
):
    """One change of an inbox.

    `unread_count` and `total_count` are those of the whole inbox right after the change. Which of the other
    fields are set depends on the kind: `notification` for added, read and unread, and its id for those and for
    deleted and expired, with its type where there is no snapshot to tell it; `count` (how many became read) and
    `through_id` (every notification up to this id is read now) for all_read.
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
    through_id: int | None = None

    @property
    def notification_type(self) -> str | None:
        """The type of the notification that it is about, if it is about one."""
        return self.type if self.notification is None else self.notification.type

    @property
    def position(self) -> Position:
        """The position of a client that has seen this event."""
        return Position(self.epoch, self.sequence)


@dataclass(frozen=True, slots=True)
class Reset:
    """The honest answer to a position that cannot be resumed: reload, then go on from `position`."""

    position: Position
    reason: ResetReason
    unread_count: int
    occurred_at: datetime


class _Place(Struct, frozen=True, gc=False):
    """What the log keeps of an event in columns of their own."""

    inbox: str
    epoch: str
    sequence: int
    kind: Kind
    occurred_at: Moment
    notification_id: int | None


class _Payload(Struct, frozen=True, omit_defaults=True, gc=False):
    """What the log keeps of an event as JSON: the rest of its fields, by the same names."""

    unread: int
    total: int
    notification: Snapshot | None = None
    type: str | None = None
    count: int = 0
    through: int | None = None


_json = msgspec.json.Encoder()
_payloads = msgspec.json.Decoder(_Payload)
_events = msgspec.json.Decoder(Event)


def to_payload(event: Event) -> bytes:
    """Return, as JSON, what the log keeps of an event beside its inbox, sequence, kind, notification id and time."""
    return _json.encode(
        _Payload(
            unread=event.unread_count,
            total=event.total_count,
            notification=event.notification,
            type=event.type,
            count=event.count,
            through=event.through_id,
        )
    )


def from_payload(
    *,
    inbox: str,
    epoch: str,
    sequence: int,
    kind: str,
    notification_id: int | None,
    occurred_at: datetime,
    payload: str | bytes,
) -> Event:
    """Return the event of which `to_payload` made that payload; raise ValueError for anything else."""
    kept = _read(_payloads, payload)
    # By place: names cost a third more.
    return Event(
        inbox,
        epoch,
        sequence,
        Kind(kind),
        occurred_at,
        kept.unread,
        kept.total,
        kept.notification,
        notification_id,
        kept.type,
        kept.count,
        kept.through,
    )


def encode(event: Event, payload: bytes | None = None) -> bytes:
    """Return the event as the doorbell carries it: one JSON object. Its payload may have been written before."""
    place = _Place(
        event.inbox,
        event.epoch,
        event.sequence,
        event.kind,
        event.occurred_at,
        event.notification_id,
    )
    kept = to_payload(event) if payload is None else payload
    # One object out of two: neither is empty.
    return b"%b,%b" % (_json.encode(place)[:-1], kept[1:])


def decode(frame: bytes) -> Event:
    """Return the event that `encode` wrote; raise ValueError for anything else."""
    return _read(_events, frame)


def _read(decoder: msgspec.json.Decoder[ReadT], text: str | bytes) -> ReadT:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not an event: {error}") from None
