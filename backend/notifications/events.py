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

from backend.delivery.log import Loss
from backend.delivery.position import Position

ResetReason = Loss
DecodedT = TypeVar("DecodedT")


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


class Event(Struct, frozen=True, gc=False):
    """One change of an inbox.

    `unread_count` and `total_count` are those of the whole inbox right after the change. Which of the other
    fields are set depends on the kind: `notification` for added, read and unread; its id and type for those
    and for deleted and expired; `count` (how many became read) and `through_id` (every notification up to this id is
    read now) for all_read.
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
    notification_type: str | None = None
    count: int = 0
    through_id: int | None = None

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


class _Payload(Struct, frozen=True, omit_defaults=True, gc=False):
    """What the log keeps of an event as JSON."""

    unread: int
    total: int
    notification: Snapshot | None = None
    type: str | None = None
    count: int = 0
    through: int | None = None


class _Frame(Struct, frozen=True, gc=False):
    """An event as the doorbell carries it, but for its payload."""

    inbox: str
    epoch: str
    sequence: int
    kind: Kind
    notification_id: int | None
    occurred_at: Moment


class _WrittenFrame(_Frame, frozen=True, gc=False):
    payload: msgspec.Raw


class _ReadFrame(_Frame, frozen=True, gc=False):
    payload: _Payload


_json = msgspec.json.Encoder()
_payloads = msgspec.json.Decoder(_Payload)
_frames = msgspec.json.Decoder(_ReadFrame)


def to_payload(event: Event) -> bytes:
    """Return, as JSON, what the log keeps of an event beside its inbox, sequence, kind, notification id and time."""
    return _json.encode(
        _Payload(
            unread=event.unread_count,
            total=event.total_count,
            notification=event.notification,
            type=event.notification_type if event.kind in GONE else None,
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
    place = _Frame(inbox, epoch, sequence, Kind(kind), notification_id, occurred_at)
    return _event(place, _decoded(_payloads, payload))


def encode(event: Event, payload: bytes | None = None) -> bytes:
    """Return the event as the doorbell carries it; its payload may have been written before."""
    return _json.encode(
        _WrittenFrame(
            inbox=event.inbox,
            epoch=event.epoch,
            sequence=event.sequence,
            kind=event.kind,
            notification_id=event.notification_id,
            occurred_at=event.occurred_at,
            payload=msgspec.Raw(to_payload(event) if payload is None else payload),
        )
    )


def decode(frame: bytes) -> Event:
    """Return the event that `encode` wrote; raise ValueError for anything else."""
    said = _decoded(_frames, frame)
    return _event(said, said.payload)


def _decoded(decoder: msgspec.json.Decoder[DecodedT], text: str | bytes) -> DecodedT:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not an event: {error}") from None


def _event(frame: _Frame, payload: _Payload) -> Event:
    snapshot = payload.notification
    # By place: names cost a third more.
    return Event(
        frame.inbox,
        frame.epoch,
        frame.sequence,
        frame.kind,
        frame.occurred_at,
        payload.unread,
        payload.total,
        snapshot,
        frame.notification_id,
        payload.type if snapshot is None else snapshot.type,
        payload.count,
        payload.through,
    )
