"""Performing an action of a notification: its outcome is recorded once, whichever device comes first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from live_inbox.errors import InvalidInput
from live_inbox.events import Kind
from live_inbox.models import Inbox, Notification
from live_inbox.services.action_webhook import enqueue
from live_inbox.services.changing import change_one
from live_inbox.services.results import Changed


def perform_action(
    *, user_id: Any, notification_id: int, action_id: str, now: datetime | None = None
) -> Changed:
    """Record that the user has chosen one of the notification's actions, unless one was recorded before.

    The inbox is locked meanwhile: of two devices, one is first. To the other one, `changed` is false, and
    `notification.performed_action` is what was recorded. Raises InvalidInput for an action that the notification does
    not have, or that is a link, and NotFound if the user has no such notification.
    """

    def change(notification: Notification, inbox: Inbox, at: datetime) -> Kind | None:
        if action_id not in [action.get("id") for action in notification.actions or ()]:
            raise InvalidInput("The notification has no such action.", field="action_id")
        if notification.performed_action is not None:
            return None
        notification.performed_action = action_id
        notification.performed_at = at
        enqueue(notification, now=at)
        return Kind.ACTION

    return change_one(user_id, notification_id, change, now)
