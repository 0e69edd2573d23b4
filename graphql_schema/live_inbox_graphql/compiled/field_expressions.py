"""Where the fields of each GraphQL type are found in an event, in a page of the list, or in the result of a change.

The table repeats what `events.to_graphql` and the `of` methods of the types do, without making their objects. A field
that is missing here leaves a document to graphql-core, which is slower and never wrong.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from strawberry.utils.str_converters import to_camel_case

from live_inbox import services
from live_inbox.content import CONTENT_FIELDS, PRIORITIES
from live_inbox.content_parts import FORMATS
from live_inbox.declared_types import declared_type
from live_inbox.delivery.position import position_text
from live_inbox.events import CHANGES, OF_ONE, Folder, Kind
from live_inbox_graphql import cursors, ids
from live_inbox_graphql.events import NotificationChange, ResetReason
from live_inbox_graphql.types import MessageFormat, NotificationFolder, NotificationPriority

_EVERY_EVENT: Mapping[str, str] = {
    "position": "position_text(it.epoch, it.sequence, it.fingerprint)",
    "unreadCount": "it.unread_count",
    "unseenCount": "it.unseen_count",
    "occurredAt": "it.occurred_at",
}

_EVERY_CHANGE: Mapping[str, str] = {
    "unreadCount": "it.unread_count",
    "unseenCount": "it.unseen_count",
    "position": "str(it.position)",
}
_MARKED: Mapping[str, str] = {"notification": "snapshot(it.notification)", **_EVERY_CHANGE}

SOURCES: Mapping[str, Mapping[str, str]] = {
    "NotificationAdded": {**_EVERY_EVENT, "notification": "it.notification"},
    "NotificationUpdated": {
        **_EVERY_EVENT,
        "notification": "it.notification",
        "change": "CHANGES[it.kind]",
    },
    "NotificationDeleted": {
        **_EVERY_EVENT,
        "notificationId": "notification_id(it.notification_id)",
    },
    "AllNotificationsRead": {
        **_EVERY_EVENT,
        "count": "it.count",
        "throughRank": "notification_id(it.through_rank)",
    },
    "NotificationsSeen": {
        **_EVERY_EVENT,
        "count": "it.count",
        "throughRank": "notification_id(it.through_rank)",
    },
    "NotificationsUpdated": {
        **_EVERY_EVENT,
        "change": "CHANGES_OF_MANY[it.kind]",
        "notificationIds": "map(notification_id, it.notification_ids)",
    },
    "NotificationsDeleted": {
        **_EVERY_EVENT,
        "notificationIds": "map(notification_id, it.notification_ids)",
    },
    "InboxReset": {
        **_EVERY_EVENT,
        "position": "str(it.position)",
        "reason": "ResetReason(it.reason.value)",
    },
    "PositionAdvanced": {**_EVERY_EVENT, "position": "str(it.position)"},
    "Notification": {
        **{to_camel_case(name): f"it.{name}" for name in CONTENT_FIELDS},
        "id": "str(it.id)",
        "link": "it.link or None",
        "read": "it.read_at is not None",
        "readAt": "it.read_at",
        "createdAt": "it.created_at",
        "sender": "it.sender",
        "priority": "PRIORITIES[it.priority]",
        "icon": "it.icon or declared_type(it.type).icon or None",
        "actions": "it.actions or ()",
        "format": "FORMATS[it.format]",
        "folder": "FOLDERS[it.folder]",
        "snoozedUntil": "it.snoozed_until",
        "pinned": "it.pinned",
        "performedAction": "it.performed_action",
        "performedAt": "it.performed_at",
        "editedAt": "it.edited_at",
        "groupCount": "it.group_count",
        "groupActors": "it.group_actors or ()",
        "rank": "str(it.id if it.returned_rank is None else it.returned_rank)",
    },
    "NotificationActor": {
        "userId": "None if (user := it.get('user')) is None else user_id(user)",
        "name": "it['name']",
        "picture": "it.get('picture')",
    },
    "NotificationTarget": {
        "type": "it['type']",
        "objectId": "it['id']",
    },
    "NotificationAction": {
        "label": "it['label']",
        "actionId": "it.get('id')",
        "link": "it.get('link')",
    },
    "NotificationConnection": {
        "edges": "it.notifications",
        "nodes": "it.notifications",
        "pageInfo": "it",
        "stoppedEarly": "it.examined_to is not None",
        "totalCount": "it.inbox.total_count",
        "unreadCount": "it.inbox.unread_count",
        "unseenCount": "it.inbox.unseen_count",
        "archivedCount": "it.inbox.archived_count",
        "snoozedCount": "it.inbox.snoozed_count",
        "position": "str(it.inbox.position)",
    },
    "NotificationEdge": {
        "cursor": "cursor(it.rank)",
        "node": "it",
    },
    "PageInfo": {
        "hasNextPage": "it.has_older",
        "hasPreviousPage": "it.has_newer",
        "startCursor": "None if it.newest_rank is None else cursor(it.newest_rank)",
        "endCursor": "None if it.oldest_rank is None else cursor(it.oldest_rank)",
    },
    "SendPayload": {
        "notification": "it.notification",
        "suppressed": "it.suppressed",
        "replayed": "it.replayed",
        "scheduled": "it.scheduled",
    },
    "ScheduledSend": {"id": "scheduled_id(it.pk)", "deliverAt": "it.deliver_at"},
    **{
        f"{name}Payload": _MARKED
        for name in (
            *("MarkRead", "MarkUnread", "Archive", "Unarchive"),
            *("Unsnooze", "Pin", "Unpin"),
        )
    },
    "MarkAllReadPayload": {
        "count": "it.count",
        "hasMore": "it.has_more",
        "undoToken": "it.undo_token",
        **_EVERY_CHANGE,
    },
    "MarkSeenPayload": {"count": "it.count", **_EVERY_CHANGE},
    "DeletePayload": {
        "notificationId": "notification_id(it.notification_id)",
        "undoToken": "it.undo_token",
        **_EVERY_CHANGE,
    },
    "InboxUser": {
        "id": "user_id(it.id)",
        "username": "it.username",
        "name": "it.name",
    },
}
"""By the classes' names, an expression for each field, in which `it` is an event, a snapshot, a person, a page, or what
a service returns."""

_ATTRIBUTES = {
    "Notification": re.compile(r"\bit\.(\w+)"),
    "NotificationConnection": re.compile(r"\bit\.inbox\.(\w+)"),
}


def attributes_of_lists(selected: Collection[str]) -> frozenset[str]:
    """Return which attributes of notifications, and of the inbox's state, the fields with these names are found in."""
    return frozenset(
        attribute
        for type_name, pattern in _ATTRIBUTES.items()
        for field, text in SOURCES[type_name].items()
        if field in selected
        for attribute in pattern.findall(text)
    )


NAMES: Mapping[str, object] = {
    "CHANGES": {kind: NotificationChange(kind.value) for kind in CHANGES},
    "CHANGES_OF_MANY": {
        kind: NotificationChange(one.value)
        for kind, one in OF_ONE.items()
        if kind is not Kind.MANY_DELETED
    },
    "FOLDERS": {folder: NotificationFolder(folder.value) for folder in Folder},
    "PRIORITIES": {name: NotificationPriority(name) for name in PRIORITIES},
    "FORMATS": {name: MessageFormat(name) for name in FORMATS},
    "ResetReason": ResetReason,
    "cursor": cursors.encode,
    "declared_type": declared_type,
    "notification_id": ids.notification_id,
    "position_text": position_text,
    "scheduled_id": ids.scheduled_id,
    "snapshot": services.snapshot,
    "user_id": ids.user_id,
}
"""The names that the expressions use beside `it`."""
