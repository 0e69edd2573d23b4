"""Sends that wait for their time: scheduling one, finding it by its key, and cancelling it.

`maintenance.deliveries` turns their rows into notifications.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import IntegrityError

from live_inbox import database
from live_inbox.clock import clock
from live_inbox.content import Content
from live_inbox.errors import NotFound
from live_inbox.models import BulkSend, Notification, ScheduledSend
from live_inbox.services.bulk_record import add_chunk
from live_inbox.services.sent_notification import read_name
from live_inbox.services.stored_content import to_stored
from live_inbox.services.users import load_users
from live_inbox.storable import is_storable_integer


class KeyTaken(IntegrityError):
    """Raised when a notification has the key of a send that is being scheduled: it was delivered meanwhile."""


@database.reading
def find_scheduled(sender_id: Any, key: str | None) -> ScheduledSend | None:
    """Return the send of a sender that waits with this key.

    To be called before a notification with the key is looked for: the row becomes one.
    """
    if key is None:
        return None
    return database.queryset(ScheduledSend).filter(sender=sender_id, idempotency_key=key).first()


@database.transactional
def schedule(
    content: Content,
    *,
    recipient_id: Any,
    sender_id: Any,
    key: str | None,
    digest: str | None,
    deliver_at: datetime,
    now: datetime | None,
    known: Any,
) -> ScheduledSend:
    """Store a send to one user for later; return its row.

    Raises InvalidInput for users who do not exist, and IntegrityError for a key that is in use by now.
    """
    load_users(recipient_id, sender_id, known)
    row = database.queryset(ScheduledSend).create(
        recipient_id=recipient_id,
        sender_id=sender_id,
        deliver_at=deliver_at,
        content=to_stored(content.values()),
        idempotency_key=key,
        given_digest=digest,
        created_at=now or clock.now(),
    )
    # Only now: the row keeps others with the key away, or has waited until one of them was delivered.
    if key is not None and _is_used(sender_id, key):
        raise KeyTaken
    return row


def _is_used(sender_id: Any, key: str) -> bool:
    rows = database.queryset(Notification).filter(sender=sender_id, idempotency_key=key)
    return rows.exists()


def cancel(
    *,
    scheduled_id: int | None = None,
    sender_id: Any = None,
    idempotency_key: str | None = None,
    authorize: Callable[[ScheduledSend], None] | None = None,
) -> bool:
    """Cancel a send that is scheduled, which is named by its number or by its key; return whether that was in time.

    False: it has been delivered, or cancelled before, or there has never been one. Raises InvalidInput, and what
    `authorize` raises, which is called first with the row; its NotFound is False as well.
    """
    key, sender_key = read_name(scheduled_id, sender_id, idempotency_key, field="scheduled_id")
    found = _by_number(scheduled_id) if key is None else find_scheduled(sender_key, key)
    try:
        if found is not None and authorize is not None:
            authorize(found)
    except NotFound:
        return False
    return found is not None and _delete(found)


@database.reading
def _by_number(number: int | None) -> ScheduledSend | None:
    if number is None or not is_storable_integer(number):
        return None
    return database.queryset(ScheduledSend).filter(pk=number).first()


@database.transactional
def _delete(scheduled: ScheduledSend) -> bool:
    """Delete the row; return whether it was there. Waits for a delivery that is under way.

    The record of a bulk send says that its recipient has been dealt with: the same call does not schedule it again.
    """
    rows = database.queryset(ScheduledSend).filter(pk=scheduled.pk)
    # In the order of deliveries and of deletions of users: the row, and then its bulk send.
    if rows.select_for_update().first() is None:
        return False
    if scheduled.bulk_send_id is not None:
        bulk_sends = database.queryset(BulkSend).select_for_update(no_key=True)
        add_chunk(bulk_sends.get(pk=scheduled.bulk_send_id), {scheduled.recipient_id: None})
    rows.delete()
    return True
