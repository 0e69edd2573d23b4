"""Scheduling a bulk send: a row for each recipient, in transactions of one chunk of recipients each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError

from live_inbox import database
from live_inbox.clock import clock
from live_inbox.models import ScheduledSend
from live_inbox.services.bulk_call import BulkCall
from live_inbox.services.bulk_record import Overtaken
from live_inbox.services.stored_content import to_stored
from live_inbox.services.users import existing_users, load_sender

CANCELLED_ROWS = 5000
"""Scheduled sends that one transaction cancels."""


@database.reading
def scheduled_recipients(sender_id: Any, key: str) -> set[Any]:
    """Return who waits for a bulk send with this key. To be called before its record is read: rows go there."""
    rows = database.queryset(ScheduledSend).filter(
        bulk_send__sender=sender_id, bulk_send__idempotency_key=key
    )
    return set(rows.order_by().values_list("recipient_id", flat=True))


class BulkScheduling:
    """Schedules for one chunk of recipients after the other. It locks no inboxes."""

    def __init__(self, bulk: BulkCall, deliver_at: datetime, chunk: int) -> None:
        self._bulk = bulk
        self._deliver_at = deliver_at
        self._chunk = chunk

    def chunks(self, recipients: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield the recipients of each transaction. `send` has to be called with each."""
        for start in range(0, len(recipients), self._chunk):
            yield list(recipients[start : start + self._chunk])

    def send(self, chunk: Sequence[Any]) -> None:
        """Schedule for the recipients of one chunk, and add them to the progress.

        Raises InvalidInput if the sender has been deleted, and BulkCancelled.
        """
        bulk, record, skipped = self._bulk, self._bulk.record, set[Any]()
        while True:
            earlier, left = bulk.split(chunk, skipped)
            try:
                opened = _insert(bulk, self._deliver_at, left) if left else None
                break
            except Overtaken:
                if record is None or not record.read():
                    raise
            except IntegrityError:
                # A concurrent call has begun the record, or users were deleted. Both have been committed by now.
                is_news = record is not None and record.read()
                load_sender(bulk.sender and bulk.sender.pk)
                gone = set(left) - existing_users(left)
                if not is_news and not gone:
                    raise
                skipped |= gone
        if record is not None and opened is not None:
            record.committed(opened, {})
        bulk.progress.add(sent={}, suppressed=0, earlier=earlier, skipped=skipped, scheduled=left)


@database.transactional
def _insert(bulk: BulkCall, deliver_at: datetime, recipients: Sequence[Any]) -> int | None:
    """Insert the rows in one transaction; return the number of the record if this has begun it."""
    id, has_begun = (None, False) if bulk.record is None else bulk.record.hold()
    waiting = set() if id is None else _waiting(id, recipients)
    created_at = bulk.now or clock.now()
    rows = [
        ScheduledSend(
            recipient_id=recipient,
            sender=bulk.sender,
            bulk_send_id=id,
            deliver_at=deliver_at,
            content=stored,
            idempotency_key=bulk.keys[recipient],
            given_digest=bulk.digest,
            created_at=created_at,
        )
        for content, group in bulk.contents.grouped(recipients)
        for stored in (to_stored(content.values()),)
        for recipient in group
        if recipient not in waiting
    ]
    database.queryset(ScheduledSend).bulk_create(rows)
    return id if has_begun else None


def _waiting(bulk_send_id: int, recipients: Collection[Any]) -> set[Any]:
    rows = database.queryset(ScheduledSend).filter(bulk_send=bulk_send_id, recipient__in=recipients)
    return set(rows.order_by().values_list("recipient_id", flat=True))


def cancel_waiting(bulk_send_id: int) -> None:
    """Delete all that a bulk send has scheduled. Its state keeps it from being delivered meanwhile."""
    while cancel_some(bulk_send_id):
        pass


@database.transactional
def cancel_some(bulk_send_id: int) -> int:
    """Delete some of what a bulk send has scheduled, by one transaction; return how many.

    It leaves rows that are locked: those who have locked them deliver or delete them, or leave them to be dropped when
    they are due. So it may be called with the bulk send locked.
    """
    rows = database.queryset(ScheduledSend)
    free = rows.filter(bulk_send=bulk_send_id).select_for_update(skip_locked=True)
    ids = list(free.values_list("pk", flat=True)[:CANCELLED_ROWS])
    rows.filter(pk__in=ids).delete()
    return len(ids)
