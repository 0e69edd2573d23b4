"""The outbox of the webhook of actions: what users have chosen, until the receiver has it.

A row is written in the transaction that records the choice. `maintenance.action_webhook` delivers it.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import UTC, datetime

import orjson
from django.db.models.functions import Now

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.models import Notification, WebhookDelivery

TYPE = "notification.action_performed"
"""The type of the message, as Standard Webhooks has it."""


def enqueue(notification: Notification, *, now: datetime) -> None:
    """Put the chosen action of a notification into the outbox; does nothing without an ACTION_WEBHOOK_URL.

    Call it in the transaction that records the action.
    """
    if not inbox_settings().action_webhook_url:
        return
    database.queryset(WebhookDelivery).create(
        message_id=f"msg_{secrets.token_hex(16)}",
        notification_id=notification.pk,
        body=_body(notification, now),
        next_attempt_at=now,
        created_at=now,
    )


def deliver_again(ids: Collection[int], *, now: datetime | None = None) -> int:
    """Have those of some deliveries attempted again that have failed; return how many. Their ids stay the same."""
    failed = database.queryset(WebhookDelivery).filter(pk__in=ids, failed_at__isnull=False)
    return failed.update(attempts=0, failed_at=None, next_attempt_at=now or Now())


def _body(notification: Notification, now: datetime) -> str:
    """Return the message. It names things and has none of their texts: a deleted notification leaves none here."""
    message = {
        "type": TYPE,
        "timestamp": now.astimezone(UTC),
        "data": {
            "notification_id": notification.pk,
            "notification_type": notification.type,
            "action_id": notification.performed_action,
            "user_id": str(notification.recipient_id),
            "target": notification.target,
            "idempotency_key": notification.idempotency_key,
        },
    }
    return orjson.dumps(message, option=orjson.OPT_UTC_Z).decode()
