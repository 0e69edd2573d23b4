"""Where the fields of what is told are in an event.

The table says again what `events.present` and the `of` of the types say, without making their objects. A field
that is missing here makes a document one for graphql-core: slower, and never wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

from live_inbox.delivery.position import position_text
from live_inbox.events import GONE, Event, Kind, Reset
from live_inbox_graphql import ids
from live_inbox_graphql.events import ResetReason

_EVERY_EVENT: Mapping[str, str] = {
    "position": "position_text(it.epoch, it.sequence)",
    "unreadCount": "it.unread_count",
    "occurredAt": "it.occurred_at",
}

SOURCES: Mapping[str, Mapping[str, str]] = {
    "NotificationAdded": {**_EVERY_EVENT, "notification": "it.notification"},
    "NotificationUpdated": {**_EVERY_EVENT, "notification": "it.notification"},
    "NotificationDeleted": {
        **_EVERY_EVENT,
        "notificationId": "notification_id(it.notification_id)",
    },
    "AllNotificationsRead": {
        **_EVERY_EVENT,
        "count": "it.count",
        "throughId": "notification_id(it.through_id)",
    },
    "InboxReset": {
        **_EVERY_EVENT,
        "position": "str(it.position)",
        "reason": "ResetReason(it.reason.value)",
    },
    "Notification": {
        "id": "str(it.id)",
        "type": "it.type",
        "title": "it.title",
        "message": "it.message",
        "link": "it.link or None",
        "data": "it.data",
        "read": "it.read_at is not None",
        "readAt": "it.read_at",
        "createdAt": "it.created_at",
        "sender": "it.sender",
        "expiresAt": "it.expires_at",
    },
    "User": {
        "id": "user_id(it.id)",
        "username": "it.username",
        "name": "it.name",
    },
}
"""How the fields of each type are read: expressions of Python, in which `it` is an event, a snapshot or a person."""

NAMES: Mapping[str, object] = {
    "ResetReason": ResetReason,
    "notification_id": ids.notification_id,
    "position_text": position_text,
    "user_id": ids.user_id,
}
"""What the expressions use besides."""

# Looked up for every event otherwise, and in an enumeration that is slow.
_ADDED, _ALL_READ = Kind.ADDED, Kind.ALL_READ


def event_type_name(item: Event | Reset) -> str:
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
