"""Notifications and users as events, and so clients, see them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from live_inbox.content import CONTENT_FIELDS
from live_inbox.declared_types import declared_type
from live_inbox.events import Folder, Person, Snapshot
from live_inbox.models import Notification
from live_inbox.plain_values import display_text
from live_inbox.shown_names import shown_names


def snapshot(notification: Notification) -> Snapshot:
    """Return a notification as its events carry it. Makes a query unless its sender is loaded."""
    sender = notification.sender
    return Snapshot(
        id=notification.pk,
        created_at=notification.created_at,
        read_at=notification.read_at,
        sender=None if sender is None else person(sender),
        folder=Folder(notification.folder),
        snoozed_until=notification.snoozed_until,
        pinned=notification.pinned,
        returned_rank=notification.returned_rank,
        performed_action=notification.performed_action,
        performed_at=notification.performed_at,
        edited_at=notification.edited_at,
        group_count=notification.group_count,
        group_actors=notification.group_actors,
        **{name: getattr(notification, name) for name in CONTENT_FIELDS},
    )


def as_sent(shown: Snapshot) -> Snapshot:
    """Return the notification as it was sent, whatever its recipient has done with it and others have sent."""
    return replace(
        shown,
        read_at=None,
        folder=Folder.INBOX,
        snoozed_until=None,
        pinned=False,
        returned_rank=None,
        performed_action=None,
        performed_at=None,
        group_count=1,
        group_actors=None,
    )


def shown_icon(shown: Snapshot) -> str | None:
    """Return the icon of a notification: its own, or that of its type; None without either."""
    return shown.icon or declared_type(shown.type).icon or None


def person(user: Any) -> Person:
    """Return a user as others see them."""
    username, name = shown_names(user)
    return Person(id=display_text(user.pk), username=username, name=name)
