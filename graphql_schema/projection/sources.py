"""Where the fields of what is told are in an event.

The table says again what `events.present` and the `of` of the types say, without making their objects. A field
that is missing here makes a document one for graphql-core: slower, and never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from backend.notifications.events import GONE, Event, Kind, Person, Reset, Snapshot
from graphql_schema import ids
from graphql_schema.events import ResetReason

Read = Callable[[Any], Any]
"""Takes a value out of its source: an event for the types of events, otherwise a snapshot or a person."""


def _position(item: Event | Reset) -> str:
    return str(item.position)


def _deleted_id(event: Event) -> str | None:
    number = event.notification_id
    return None if number is None else ids.notification_id(number)


def _through_id(event: Event) -> str | None:
    number = event.through_id
    return None if number is None else ids.notification_id(number)


def _reason(reset: Reset) -> ResetReason:
    return ResetReason(reset.reason.value)


def _snapshot_id(snapshot: Snapshot) -> str:
    return ids.notification_id(snapshot.id)


def _link(snapshot: Snapshot) -> str | None:
    return snapshot.link or None


def _person_id(person: Person) -> str:
    return ids.user_id(person.id)


_EVERY_EVENT: Mapping[str, Read] = {
    "position": _position,
    "unreadCount": attrgetter("unread_count"),
    "occurredAt": attrgetter("occurred_at"),
}

SOURCES: Mapping[str, Mapping[str, Read]] = {
    "NotificationAdded": {**_EVERY_EVENT, "notification": attrgetter("notification")},
    "NotificationUpdated": {**_EVERY_EVENT, "notification": attrgetter("notification")},
    "NotificationDeleted": {**_EVERY_EVENT, "notificationId": _deleted_id},
    "AllNotificationsRead": {
        **_EVERY_EVENT,
        "count": attrgetter("count"),
        "throughId": _through_id,
    },
    "InboxReset": {**_EVERY_EVENT, "reason": _reason},
    "Notification": {
        "id": _snapshot_id,
        "type": attrgetter("type"),
        "title": attrgetter("title"),
        "message": attrgetter("message"),
        "link": _link,
        "data": attrgetter("data"),
        "read": attrgetter("read"),
        "readAt": attrgetter("read_at"),
        "createdAt": attrgetter("created_at"),
        "sender": attrgetter("sender"),
        "expiresAt": attrgetter("expires_at"),
    },
    "User": {
        "id": _person_id,
        "username": attrgetter("username"),
        "name": attrgetter("name"),
    },
}
"""How the fields of each type are read."""

# Looked up for every event otherwise, and in an enumeration that is slow.
_ADDED, _ALL_READ = Kind.ADDED, Kind.ALL_READ


def told_as(item: Event | Reset) -> str:
    """Return the type that tells an event; raise ValueError if the event lacks what its kind promises."""
    if isinstance(item, Reset):
        return "InboxReset"
    if item.notification is not None:
        return "NotificationAdded" if item.kind is _ADDED else "NotificationUpdated"
    if item.kind is _ALL_READ and item.through_id is not None:
        return "AllNotificationsRead"
    if item.kind in GONE and item.notification_id is not None:
        return "NotificationDeleted"
    raise ValueError(f"event {item.sequence} of inbox {item.inbox} lacks what its kind promises")
