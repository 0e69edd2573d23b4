"""Inserting a notification into inboxes, with its events: what both ways of sending share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from live_inbox.conf import inbox_settings
from live_inbox.content import Content
from live_inbox.events import Kind
from live_inbox.models import Notification
from live_inbox.services.bulk_insert import insert_copies
from live_inbox.services.event_recording import event_of, record
from live_inbox.services.inbox_rows import SequencedInbox, allocate_sequences
from live_inbox.services.snapshots import snapshot


def unsaved(content: Content, sender: Any, created_at: datetime) -> Notification:
    """Return a notification without a recipient, not saved."""
    return Notification(sender=sender, created_at=created_at, **content.values())


def insert_notifications(
    notification: Notification, recipient_ids: Mapping[Any, str | None], now: datetime
) -> list[tuple[SequencedInbox, int]]:
    """Insert a copy of a notification, and its event, into each inbox whose user wants the type.

    `recipient_ids` gives each recipient the idempotency key of their copy. Returns the inboxes and the ids of the
    copies. Makes three statements for any number of recipients.
    """
    is_required = notification.type in inbox_settings().required_types
    inboxes = allocate_sequences(
        recipient_ids, unless_off=None if is_required else notification.type
    )
    if not inboxes:
        return []
    ids = insert_copies(notification, inboxes, [recipient_ids[inbox.user_id] for inbox in inboxes])
    shared = snapshot(notification)
    record(
        [
            event_of(
                Kind.ADDED, inbox, now, notification=replace(shared, id=id), notification_id=id
            )
            for inbox, id in zip(inboxes, ids, strict=True)
        ]
    )
    return list(zip(inboxes, ids, strict=True))
