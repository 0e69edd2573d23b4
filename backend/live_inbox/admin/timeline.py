"""The newest events of an inbox, for its admin page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString

from live_inbox import database
from live_inbox.admin.rendering import kind_badge, type_badge
from live_inbox.models import Inbox, InboxEvent, Notification

MAX_EVENTS = 50


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One event. `url` is the page of its notification, if it exists and the user may view it."""

    sequence: int
    kind: SafeString
    summary: str
    type: SafeString | None
    url: str | None
    unread_count: int | None
    total_count: int | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Timeline:
    """The newest events, newest first. `log_url` is the page of older events, if there are any."""

    rows: list[TimelineRow]
    log_url: str | None


def timeline(inbox: Inbox, *, linked: bool) -> Timeline:
    """Return the newest events of an inbox, with two queries. `linked` adds the URLs of notifications.

    It reads rows, not decoded events, so an event that a newer version of the code wrote is shown as well.
    """
    rows = database.queryset(InboxEvent).filter(inbox=inbox).order_by("-sequence")
    newest = list(rows[: MAX_EVENTS + 1])
    shown = newest[:MAX_EVENTS]
    existing = _existing_ids(shown) if linked else set()
    log = _log_url(inbox) if len(newest) > len(shown) else None
    return Timeline([_timeline_row(row, existing) for row in shown], log)


def _existing_ids(rows: list[InboxEvent]) -> set[int]:
    """Return the ids of the notifications that still exist."""
    ids = {row.notification_id for row in rows if row.notification_id is not None}
    notifications = database.queryset(Notification).filter(pk__in=ids)
    return set(notifications.values_list("pk", flat=True))


def _timeline_row(row: InboxEvent, existing: Collection[int]) -> TimelineRow:
    content = row.payload.get("notification") or row.payload
    type_ = content.get("type")
    url = None
    if row.notification_id in existing:
        url = reverse("admin:live_inbox_notification_change", args=[row.notification_id])
    return TimelineRow(
        sequence=row.sequence,
        kind=kind_badge(row.kind),
        summary=_summary(row, content),
        type=None if type_ is None else type_badge(str(type_)),
        url=url,
        unread_count=row.payload.get("unread"),
        total_count=row.payload.get("total"),
        occurred_at=row.created_at,
    )


def _summary(row: InboxEvent, content: dict[str, Any]) -> str:
    """Return the title, or else the id or count that the event has."""
    if "title" in content:
        return str(content["title"])
    if row.notification_id is not None:
        return f"Notification {row.notification_id}"
    if (count := row.payload.get("count")) is not None:
        return "1 notification" if count == 1 else f"{count} notifications"
    return ""


def _log_url(inbox: Inbox) -> str:
    name = inbox.user.get_username()
    return reverse("admin:live_inbox_inboxevent_changelist", query={"q": name})
