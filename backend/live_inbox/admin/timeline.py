"""What happened in an inbox lately, for its page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString

from live_inbox.admin.rendering import kind_badge, type_badge
from live_inbox.events import Kind
from live_inbox.models import Inbox, InboxEvent, Notification

MOST_EVENTS = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One event; `address` is the page of its notification, if that can be visited."""

    sequence: int
    kind: SafeString
    what: str
    type: SafeString | None
    address: str | None
    unread_count: int | None
    total_count: int | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Timeline:
    """The newest events, newest first; `log` is the page where the others are, if there are others."""

    entries: list[Entry]
    log: str | None


def timeline(inbox: Inbox, *, linked: bool) -> Timeline:
    """Return the newest events of an inbox, at the price of two queries.

    It reads rows, not events: one that a newer version of the code has written is shown as far as it is known.
    """
    rows = InboxEvent.objects.filter(inbox=inbox).order_by("-sequence")
    newest = list(rows[: MOST_EVENTS + 1])
    shown = newest[:MOST_EVENTS]
    present = _present(shown) if linked else set()
    log = _log_of(inbox) if len(newest) > len(shown) else None
    return Timeline([_entry(row, present) for row in shown], log)


def _present(rows: list[InboxEvent]) -> set[int]:
    """Return which of the notifications have not been deleted."""
    ids = {row.notification_id for row in rows if row.notification_id is not None}
    return set(Notification.objects.filter(pk__in=ids).values_list("pk", flat=True))


def _entry(row: InboxEvent, present: Collection[int]) -> Entry:
    content = row.payload.get("notification") or row.payload
    type_ = content.get("type")
    address = None
    if row.notification_id in present:
        address = reverse("admin:live_inbox_notification_change", args=[row.notification_id])
    return Entry(
        sequence=row.sequence,
        kind=kind_badge(row.kind),
        what=_what(row, content),
        type=None if type_ is None else type_badge(str(type_)),
        address=address,
        unread_count=row.payload.get("unread"),
        total_count=row.payload.get("total"),
        occurred_at=row.created_at,
    )


def _what(row: InboxEvent, content: dict[str, Any]) -> str:
    """Return the title, or else what the log knows."""
    if "title" in content:
        return str(content["title"])
    if row.notification_id is not None:
        return f"Notification {row.notification_id}"
    if row.kind == Kind.ALL_READ:
        count = row.payload.get("count", 0)
        return "1 notification" if count == 1 else f"{count} notifications"
    return ""


def _log_of(inbox: Inbox) -> str:
    name = inbox.user.get_username()
    return reverse("admin:live_inbox_inboxevent_changelist", query={"q": name})
