"""Recalling: deletes what was sent to one user, for its sender's side. `campaign_recall` does it for many."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from live_inbox import database
from live_inbox.errors import NotFound
from live_inbox.events import Kind
from live_inbox.models import Notification
from live_inbox.services.event_recording import record
from live_inbox.services.inbox_rows import lock_all
from live_inbox.services.removal_rows import REMOVAL_COLUMNS, RemovalRow
from live_inbox.services.removing import can_lose, remove
from live_inbox.services.scheduling import cancel
from live_inbox.services.sent_notification import find_sent


def recall(
    *,
    notification_id: int | None = None,
    sender_id: object = None,
    idempotency_key: str | None = None,
    now: datetime | None = None,
    authorize: Callable[[Notification], None] | None = None,
) -> bool:
    """Delete a notification, which is named by its number or by the key of its send; return whether it was there.

    A send with the key that is still scheduled is cancelled.

    A repeated call returns False; so does one for an inbox with wrong counts, which must be repaired first. Raises
    InvalidInput, and what `authorize` raises, which is called first with the notification; its NotFound is False as
    well.
    """
    # First: a row that is delivered meanwhile is a notification then.
    is_by_key = idempotency_key is not None and notification_id is None
    if is_by_key and cancel(sender_id=sender_id, idempotency_key=idempotency_key):
        return True
    try:
        sent = find_sent(
            notification_id=notification_id, sender_id=sender_id, idempotency_key=idempotency_key
        )
        if authorize is not None:
            authorize(sent)
    except NotFound:
        return False
    return _delete(sent, now)


@database.transactional
def _delete(sent: Notification, now: datetime | None) -> bool:
    inboxes = lock_all([sent.recipient_id])
    # Read again under the lock: its recipient may have deleted it.
    found = database.queryset(Notification).filter(pk=sent.pk, recipient__in=list(inboxes))
    rows = [RemovalRow(*row) for row in found.values_list(*REMOVAL_COLUMNS)]
    if not rows or not can_lose(inboxes[sent.recipient_id], rows):
        return False
    record(remove(inboxes, rows, Kind.RECALLED, now))
    return True
