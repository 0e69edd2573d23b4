"""The two changes, each one transaction: lock the inbox, change the notification and the counts, keep an event."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from benchmarks.peers.inbox_app.models import Inbox, InboxEvent, Notification


@transaction.atomic
def mark_read(user: User, notification_id: int) -> tuple[Notification, Inbox]:
    """Mark a notification of the user's inbox as read."""
    inbox = Inbox.objects.select_for_update().get(pk=user.pk)
    notification = Notification.objects.get(pk=notification_id, recipient=user)
    if notification.read_at is None:
        notification.read_at = timezone.now()
        notification.save(update_fields=["read_at"])
        inbox.unread_count -= 1
        _keep_event(inbox, "read", {"notification": notification.pk})
    return notification, inbox


@transaction.atomic
def send(user: User, sender: User, **content: Any) -> Notification:
    """Add a notification to a user's inbox."""
    inbox = Inbox.objects.select_for_update().get(pk=user.pk)
    notification = Notification.objects.create(recipient=user, sender=sender, **content)
    inbox.unread_count += 1
    inbox.total_count += 1
    _keep_event(inbox, "added", {"notification": notification.pk, **content})
    return notification


def _keep_event(inbox: Inbox, kind: str, payload: dict[str, Any]) -> None:
    inbox.last_sequence += 1
    inbox.save(update_fields=["last_sequence", "unread_count", "total_count"])
    InboxEvent.objects.create(inbox=inbox, sequence=inbox.last_sequence, kind=kind, payload=payload)
