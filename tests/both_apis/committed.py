"""What the database holds after each change of an inbox, in the shapes in which both APIs send it.

Nothing of the product's encoding is used: rows are read, and each field is written as the pages of the APIs say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from live_inbox.models import Inbox, InboxEvent, Notification

GRAPHQL_TYPES = {
    "added": "NotificationAdded",
    "read": "NotificationUpdated",
    "unread": "NotificationUpdated",
    "deleted": "NotificationDeleted",
    "expired": "NotificationDeleted",
    "recalled": "NotificationDeleted",
    "all_read": "AllNotificationsRead",
    "archived": "NotificationUpdated",
    "snoozed": "NotificationUpdated",
    "returned": "NotificationUpdated",
    "pinned": "NotificationUpdated",
    "unpinned": "NotificationUpdated",
    "action": "NotificationUpdated",
    "seen": "NotificationsSeen",
}
JSON_TYPES = {
    "added": "notification",
    "read": "notification_marked_read",
    "unread": "notification_marked_unread",
    "deleted": "notification_deleted",
    "expired": "notification_deleted",
    "recalled": "notification_deleted",
    "all_read": "all_notifications_marked_read",
    "archived": "notification_deleted",
    "snoozed": "notification_deleted",
    "returned": "notification",
}
"""Of the other kinds, clients are sent nothing."""

Json = dict[str, Any]


@dataclass(frozen=True)
class CommittedEvent:
    """An event as clients should see it."""

    type: str | None
    """The type of the notification that it is about; None if it is about the whole inbox."""
    graphql: Json
    """As GraphQL sends it, every field; `position` is the pair of epoch and sequence."""
    json: Json
    """As the JSON API sends it."""

    @property
    def notification_id(self) -> int | None:
        """The notification whose content it has, if it has any."""
        shown = self.graphql.get("notification")
        return None if shown is None else int(shown["id"])

    def erased(self) -> CommittedEvent:
        """Return it as clients see it once the notification is gone: the JSON API sends nothing then."""
        names = ("position", "unreadCount", "unseenCount", "occurredAt")
        numbers = {name: self.graphql[name] for name in names}
        return CommittedEvent(self.type, {"__typename": "PositionAdvanced"} | numbers, {})


def graphql_moment(moment: datetime | None) -> str | None:
    """Return a time as GraphQL writes it."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def json_moment(moment: datetime) -> str:
    """Return a time as the JSON API writes it: in whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def graphql_notification(row: Notification) -> Json:
    """Return every field of GraphQL's Notification."""
    sender = row.sender
    return {
        "id": str(row.pk),
        "type": row.type,
        "title": row.title,
        "message": row.message,
        "link": row.link or None,
        "data": row.data,
        "read": row.read_at is not None,
        "readAt": graphql_moment(row.read_at),
        "createdAt": graphql_moment(row.created_at),
        "expiresAt": graphql_moment(row.expires_at),
        "sender": None
        if sender is None
        else {
            "id": f"user:{sender.pk}",
            "username": sender.get_username(),
            "name": sender.get_full_name(),
        },
        "priority": row.priority.upper(),
        "icon": row.icon or None,
        "actor": _graphql_actor(row.actor),
        "target": row.target and {"type": row.target["type"], "objectId": row.target["id"]},
        "actions": [
            {"label": each["label"], "actionId": each.get("id"), "link": each.get("link")}
            for each in row.actions or []
        ],
        "format": row.format.upper(),
        "folder": row.folder.upper(),
        "snoozedUntil": graphql_moment(row.snoozed_until),
        "pinned": row.pinned,
        "performedAction": row.performed_action,
        "performedAt": graphql_moment(row.performed_at),
        "rank": str(row.returned_rank or row.pk),
        "editedAt": graphql_moment(row.edited_at),
        "groupKey": row.group_key,
        "groupCount": row.group_count,
        "groupActors": [_graphql_actor(each) for each in row.group_actors or []],
    }


def _graphql_actor(actor: Json | None) -> Json | None:
    if actor is None:
        return None
    user = None if "user" not in actor else f"user:{actor['user']}"
    return {"userId": user, "name": actor["name"], "picture": actor.get("picture")}


def json_notification(row: Notification) -> Json:
    """Return the notification object of the JSON API."""
    shown = {
        "id": row.pk,
        "title": row.title,
        "message": row.message,
        "type": row.type,
        "read": row.read_at is not None,
        "created_at": json_moment(row.created_at),
        "data": row.data,
        "link": row.link or None,
    }
    if row.expires_at is not None:
        shown["expires_at"] = json_moment(row.expires_at)
    if row.priority != "normal":
        shown["priority"] = row.priority
    shown |= {
        name: getattr(row, name)
        for name in ("icon", "actor", "target", "actions")
        if getattr(row, name)
    }
    if row.format != "plain":
        shown["format"] = row.format
    if row.folder != "inbox":
        shown["folder"] = row.folder
    if row.snoozed_until is not None:
        shown["snoozed_until"] = json_moment(row.snoozed_until)
    if row.pinned:
        shown["pinned"] = True
    if row.performed_at is not None:
        shown |= {
            "performed_action": row.performed_action,
            "performed_at": json_moment(row.performed_at),
        }
    if row.edited_at is not None:
        shown["edited_at"] = json_moment(row.edited_at)
    if row.group_key is not None:
        shown |= {"group_key": row.group_key, "group_count": row.group_count}
    if row.group_actors is not None:
        shown["group_actors"] = row.group_actors
    return shown


class CommittedEvents:
    """The events of one inbox, read after each change, when the rows are as the event left them."""

    def __init__(self, user_id: int) -> None:
        self._user_id = user_id
        self._read = 0
        self._unseen = 0
        self.events: list[CommittedEvent] = []

    def note(self) -> None:
        """Read what the last change has committed: one event, or several deletions of read notifications."""
        rows = list(self._new())
        inbox = Inbox.objects.get(pk=self._user_id)
        assert rows, "the change has left no event in the log"
        assert len(rows) == 1 or {row.kind for row in rows} == {"expired"}
        assert inbox.last_sequence == rows[-1].sequence
        for row in rows:
            self.events.append(self._event(row, inbox))
            self._read = row.sequence
        self._unseen = inbox.unseen_count

    def as_kept(self) -> list[CommittedEvent]:
        """Return the events as the log has them: without the content of what is gone by now."""
        left = set(
            Notification.objects.filter(recipient=self._user_id).values_list("pk", flat=True)
        )
        return [
            event if event.notification_id in (None, *left) else event.erased()
            for event in self.events
        ]

    def _new(self) -> Iterator[InboxEvent]:
        events = InboxEvent.objects.filter(inbox=self._user_id, sequence__gt=self._read)
        yield from events.order_by("sequence")

    def _event(self, event: InboxEvent, inbox: Inbox) -> CommittedEvent:
        shared = {
            "__typename": GRAPHQL_TYPES[event.kind],
            "position": (inbox.epoch, event.sequence),
            "unreadCount": inbox.unread_count,
            "unseenCount": inbox.unseen_count,
            "occurredAt": graphql_moment(event.created_at),
        }
        json: Json = {"type": JSON_TYPES.get(event.kind)}
        match event.kind:
            case "seen":
                seen = {
                    "count": self._unseen - inbox.unseen_count,
                    "throughRank": str(inbox.seen_through),
                }
                return CommittedEvent(None, shared | seen, {})
            case (
                "added"
                | "read"
                | "unread"
                | "archived"
                | "snoozed"
                | "returned"
                | "pinned"
                | "unpinned"
                | "action"
            ):
                row = self._row(event)
                shown = shared | {"notification": graphql_notification(row)}
                if event.kind != "added":
                    shown["change"] = event.kind.upper()
                about: Json = {"notification": json_notification(row)}
                changed = {"notification_id": row.pk, "success": True}
                said = about if event.kind in ("added", "returned") else changed
                is_said = event.kind in JSON_TYPES
                return CommittedEvent(row.type, shown, json | said if is_said else {})
            case "deleted" | "expired" | "recalled":
                number = event.notification_id
                shown = shared | {"notificationId": str(number)}
                gone: Json = {"notification_id": number, "success": True}
                return CommittedEvent(self._types[number], shown, json | gone)
        count, through = self._marked(event)
        shown = shared | {"count": count, "throughRank": str(through)}
        return CommittedEvent(None, shown, json | {"success": True, "count": count})

    def _row(self, event: InboxEvent) -> Notification:
        assert event.notification_id is not None
        row = Notification.objects.select_related("sender").get(pk=event.notification_id)
        assert row.recipient_id == self._user_id
        return row

    @property
    def _types(self) -> Mapping[Any, str]:
        """The types of the notifications that were added, some of which are no more."""
        return {
            each.json["notification"]["id"]: each.json["notification"]["type"]
            for each in self.events
            if "notification" in each.json
        }

    def _marked(self, event: InboxEvent) -> tuple[int, int]:
        """Return how many rows a mark-all-read has changed, and their highest rank."""
        marked = Notification.objects.filter(recipient=self._user_id, read_at=event.created_at)
        ranks = sorted(row.returned_rank or row.pk for row in marked)
        return len(ranks), ranks[-1]
