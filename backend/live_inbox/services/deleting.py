"""Deleting notifications."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from live_inbox import database
from live_inbox.events import Kind
from live_inbox.models import Notification
from live_inbox.services.event_recording import record
from live_inbox.services.group_members import members_of
from live_inbox.services.inbox_rows import lock_with_notification, moment_of
from live_inbox.services.removal_rows import RemovalRow
from live_inbox.services.removing import remove
from live_inbox.services.results import Deleted
from live_inbox.services.undo_steps import Undo


@database.transactional
def delete(
    *, user_id: Any, notification_id: int, undoable: bool = False, now: datetime | None = None
) -> Deleted:
    """Delete one of the user's notifications; raise NotFound if they have no such notification.

    What is folded under it is deleted with it, each with an event; its own is the last. Their content is removed from
    the log as well. With `undoable`, it is kept apart for UNDO_SECONDS.
    """
    inbox, notification = lock_with_notification(user_id, notification_id)
    gone = [*members_of([notification]), RemovalRow.of(notification)]
    undo = Undo.new() if undoable else None
    if undo is not None:
        ids = [row.id for row in gone]
        rows = Notification.unguarded.using(database.alias()).filter(pk__in=ids)
        undo.add(inbox, Kind.DELETED, ids, rows, now or moment_of(inbox))
    record(remove({inbox.pk: inbox}, gone, Kind.DELETED, now))
    return Deleted(
        notification.pk,
        inbox.unread_count,
        inbox.total_count,
        inbox.unseen_count,
        inbox.position,
        None if undo is None else undo.token,
    )
