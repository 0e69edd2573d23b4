"""Deleting notifications."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from live_inbox import database
from live_inbox.events import Kind
from live_inbox.models import Notification
from live_inbox.services.counting import NONE, counts_of
from live_inbox.services.erasing import Gone, erase
from live_inbox.services.event_recording import event_of, record
from live_inbox.services.inbox_rows import allocate_sequence, lock_with_notification, moment_of
from live_inbox.services.results import Deleted
from live_inbox.services.undo_steps import Undo


@database.transactional
def delete(
    *, user_id: Any, notification_id: int, undoable: bool = False, now: datetime | None = None
) -> Deleted:
    """Delete one of the user's notifications; raise NotFound if they have no such notification.

    Its content is removed from the log as well. With `undoable`, it is kept apart for UNDO_SECONDS.
    """
    inbox, notification = lock_with_notification(user_id, notification_id)
    row = Notification.unguarded.using(database.alias()).filter(pk=notification.pk)
    undo = Undo.new() if undoable else None
    if undo is not None:
        undo.add(inbox, Kind.DELETED, [notification.pk], row, now or moment_of(inbox))
    row.delete()
    erase([Gone(inbox.pk, notification.pk, notification.added_sequence)])
    lost = counts_of(notification, inbox.seen_through)
    numbered = allocate_sequence(inbox, NONE.minus(lost))
    event = event_of(
        Kind.DELETED,
        numbered,
        now,
        notification_id=notification.pk,
        type=notification.type,
    )
    record([event])
    return Deleted(
        notification.pk,
        inbox.unread_count,
        inbox.total_count,
        inbox.unseen_count,
        inbox.position,
        None if undo is None else undo.token,
    )
