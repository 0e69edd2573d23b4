"""Events: what happens in an inbox, as the log keeps it, the doorbell carries it and the doors tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from backend.delivery.log import Loss
from backend.delivery.position import Position

ResetReason = Loss


class Kind(StrEnum):
    """What happened."""

    ADDED = "added"
    READ = "read"
    UNREAD = "unread"
    DELETED = "deleted"
    ALL_READ = "all_read"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Person:
    """The sender of a notification, as they were when the event happened."""

    id: str
    username: str
    name: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A notification as it was right after an event. Doors need no query to tell it."""

    id: int
    type: str
    title: str
    message: str
    link: str
    data: dict[str, Any]
    created_at: datetime
    read_at: datetime | None
    sender: Person | None
    expires_at: datetime | None = None

    @property
    def read(self) -> bool:
        """Whether it was read."""
        return self.read_at is not None


@dataclass(frozen=True, slots=True)
class Event:
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
    occurred_at: datetime
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


def to_payload(event: Event) -> dict[str, Any]:
    """Return what the log keeps of an event beside its inbox, sequence, kind, notification id and time."""
    payload: dict[str, Any] = {"unread": event.unread_count, "total": event.total_count}
    if event.notification is not None:
        payload["notification"] = _snapshot_to_payload(event.notification)
    elif event.kind in (Kind.DELETED, Kind.EXPIRED):
        payload["type"] = event.notification_type
    elif event.kind is Kind.ALL_READ:
        payload |= {"count": event.count, "through": event.through_id}
    return payload


def from_payload(
    *,
    inbox: str,
    epoch: str,
    sequence: int,
    kind: str,
    notification_id: int | None,
    occurred_at: datetime,
    payload: dict[str, Any],
) -> Event:
    """Return the event of which `to_payload` made that payload."""
    raw = payload.get("notification")
    snapshot = None if raw is None else _snapshot_from_payload(raw)
    return Event(
        inbox=inbox,
        epoch=epoch,
        sequence=sequence,
        kind=Kind(kind),
        occurred_at=occurred_at,
        unread_count=payload["unread"],
        total_count=payload["total"],
        notification=snapshot,
        notification_id=notification_id,
        notification_type=payload.get("type") if snapshot is None else snapshot.type,
        count=payload.get("count", 0),
        through_id=payload.get("through"),
    )


def encode(event: Event, payload: bytes | None = None) -> bytes:
    """Return the event as the doorbell carries it; its payload may have been written as JSON before."""
    return orjson.dumps(
        {
            "inbox": event.inbox,
            "epoch": event.epoch,
            "sequence": event.sequence,
            "kind": event.kind.value,
            "notification_id": event.notification_id,
            "occurred_at": event.occurred_at,
            "payload": to_payload(event) if payload is None else orjson.Fragment(payload),
        }
    )


def decode(frame: bytes) -> Event:
    """Return the event that `encode` wrote; raise ValueError, TypeError or LookupError for anything else."""
    fields = orjson.loads(frame)
    fields["occurred_at"] = datetime.fromisoformat(fields["occurred_at"])
    if not isinstance(fields["payload"], dict) or not _has_place(fields):
        raise ValueError("not an event")
    return from_payload(**fields)


def _has_place(fields: dict[str, Any]) -> bool:
    """Whether what places an event in a log is of the right types: the hub compares and sorts by it."""
    return (
        isinstance(fields["inbox"], str)
        and isinstance(fields["epoch"], str)
        and type(fields["sequence"]) is int
    )


def _snapshot_to_payload(snapshot: Snapshot) -> dict[str, Any]:
    sender = snapshot.sender
    payload = {
        "id": snapshot.id,
        "type": snapshot.type,
        "title": snapshot.title,
        "message": snapshot.message,
        "link": snapshot.link,
        "data": snapshot.data,
        "created_at": snapshot.created_at.isoformat(),
        "read_at": None if snapshot.read_at is None else snapshot.read_at.isoformat(),
        "sender": sender and {"id": sender.id, "username": sender.username, "name": sender.name},
    }
    if snapshot.expires_at is not None:
        payload["expires_at"] = snapshot.expires_at.isoformat()
    return payload


def _snapshot_from_payload(raw: dict[str, Any]) -> Snapshot:
    sender = raw["sender"]
    read_at = raw["read_at"]
    # Most notifications have none, and logs that were written before there were any have no such key.
    expires_at = raw.get("expires_at")
    return Snapshot(
        id=raw["id"],
        type=raw["type"],
        title=raw["title"],
        message=raw["message"],
        link=raw["link"],
        data=raw["data"],
        created_at=datetime.fromisoformat(raw["created_at"]),
        read_at=None if read_at is None else datetime.fromisoformat(read_at),
        sender=None if sender is None else Person(**sender),
        expires_at=None if expires_at is None else datetime.fromisoformat(expires_at),
    )
