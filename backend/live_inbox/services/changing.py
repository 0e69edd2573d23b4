"""Changing one notification: the transaction that marks, moves and pins have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from live_inbox import database
from live_inbox.content import EDITABLE
from live_inbox.events import Event, Kind
from live_inbox.models import Inbox, Notification
from live_inbox.services.counting import counts_of
from live_inbox.services.event_recording import event_of, record
from live_inbox.services.inbox_rows import advance, lock_with_notification, moment_of, save_all
from live_inbox.services.results import Changed, changed_result
from live_inbox.snapshots import snapshot
from live_inbox.sql_rows import table_of

Change = Callable[[Notification, Inbox, datetime], Kind | None]
"""Changes the object of a notification of a locked inbox, at a moment; returns the kind of the event, None if nothing
changed."""

_CHANGED_FIELDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.READ: ("read_at",),
    Kind.UNREAD: ("read_at",),
    Kind.ARCHIVED: ("folder", "snoozed_until"),
    Kind.UNARCHIVED: ("folder",),
    Kind.SNOOZED: ("folder", "snoozed_until"),
    Kind.RETURNED: ("folder", "snoozed_until", "read_at", "returned_rank", "returned_sequence"),
    Kind.PINNED: ("pinned",),
    Kind.UNPINNED: ("pinned",),
    Kind.ACTION: ("performed_action", "performed_at"),
    Kind.EDITED: (*EDITABLE, "edited_at"),
}
"""What each kind of change saves: an index of an unchanged column need not be touched."""


@database.transactional
def change_one(user_id: Any, notification_id: int, change: Change, now: datetime | None) -> Changed:
    """Change one of the user's notifications, and record it; raise NotFound if they have no such notification."""
    inbox, notification = lock_with_notification(user_id, notification_id)
    event = changed_event(inbox, notification, change, now)
    if event is not None:
        save_all([inbox])
        save_changed(event.kind, [notification])
        record([event])
    return changed_result(inbox, notification, event is not None)


def changed_event(
    inbox: Inbox, notification: Notification, change: Change, now: datetime | None
) -> Event | None:
    """Change the objects of a notification and of its inbox; return the event, None if nothing changed.

    The caller saves both and records the event.
    """
    at = now or moment_of(inbox)
    before = counts_of(notification, inbox.seen_through)
    kind = change(notification, inbox, at)
    if kind is None:
        return None
    after = counts_of(notification, inbox.seen_through)
    numbered = advance(inbox, after.minus(before))
    return event_of(
        kind,
        numbered,
        at,
        notification=snapshot(notification),
        notification_id=notification.pk,
    )


def save_changed(kind: Kind, notifications: Sequence[Notification]) -> None:
    """Save what a kind of change has changed of notifications, in statements that are sent together."""
    save_fields(_CHANGED_FIELDS[kind], notifications)


def save_fields(names: Sequence[str], notifications: Sequence[Notification]) -> None:
    """Save fields of notifications, likewise."""
    connection = database.connection()
    fields: list[Any] = [Notification._meta.get_field(name) for name in names]
    assignments = ", ".join(f"{field.column} = %s" for field in fields)
    rows = [
        [
            *(field.get_db_prep_save(getattr(each, field.attname), connection) for field in fields),
            each.pk,
        ]
        for each in notifications
    ]
    with connection.cursor() as cursor:
        # The ORM composes an update for longer than the database carries it out.
        cursor.executemany(
            f"UPDATE {table_of(connection, Notification)} SET {assignments} WHERE id = %s", rows
        )
