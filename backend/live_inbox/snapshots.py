"""Notifications and users as events, and so clients, see them."""

from __future__ import annotations

from typing import Any

from live_inbox.content import CONTENT_FIELDS
from live_inbox.events import Person, Snapshot
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
        **{name: getattr(notification, name) for name in CONTENT_FIELDS},
    )


def person(user: Any) -> Person:
    """Return a user as others see them."""
    username, name = shown_names(user)
    return Person(id=display_text(user.pk), username=username, name=name)
