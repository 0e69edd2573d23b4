"""Marking notifications as read and unread."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from live_inbox import database
from live_inbox.delivery.position import Position, is_other_event
from live_inbox.errors import InvalidInput
from live_inbox.events import Kind
from live_inbox.models import Inbox, InboxEvent, NegatedId, Notification
from live_inbox.services import one_statement
from live_inbox.services.event_recording import event_of, record
from live_inbox.services.inbox_rows import (
    allocate_sequence,
    lock,
    lock_with_notification,
    moment_of,
    read_with_notification,
)
from live_inbox.services.results import AllRead, Changed
from live_inbox.snapshots import snapshot
from live_inbox.sql_rows import table_of


def mark_read(*, user_id: Any, notification_id: int, now: datetime | None = None) -> Changed:
    """Mark one of the user's notifications as read; raise NotFound if they have no such notification."""
    return _mark(user_id, notification_id, read=True, now=now)


def mark_unread(*, user_id: Any, notification_id: int, now: datetime | None = None) -> Changed:
    """Mark one of the user's notifications as not read; raise NotFound if they have no such notification."""
    return _mark(user_id, notification_id, read=False, now=now)


def _mark(user_id: Any, notification_id: int, *, read: bool, now: datetime | None) -> Changed:
    done = _mark_in_one_statement(user_id, notification_id, read, now)
    return done or _mark_under_lock(user_id, notification_id, read, now)


@one_statement.in_one_statement
def _mark_in_one_statement(
    user_id: Any, notification_id: int, read: bool, now: datetime | None
) -> Changed | None:
    inbox, notification = read_with_notification(user_id, notification_id)
    changed = notification.read != read
    if changed and not one_statement.mark(inbox, notification, read, now):
        return None
    return Changed(notification, changed, inbox.unread_count, inbox.total_count, inbox.position)


@database.transactional
def _mark_under_lock(
    user_id: Any, notification_id: int, read: bool, now: datetime | None
) -> Changed:
    inbox, notification = lock_with_notification(user_id, notification_id)
    changed = notification.read != read
    if changed:
        read_at = (now or moment_of(inbox)) if read else None
        notification.read_at = read_at
        _set_read_at(notification.pk, read_at)
        numbered = allocate_sequence(inbox, unread=-1 if read else 1)
        kind = Kind.READ if read else Kind.UNREAD
        about = snapshot(notification)
        moment = read_at or now
        event = event_of(
            kind, numbered, moment, notification=about, notification_id=notification.pk
        )
        record([event])
    return Changed(notification, changed, inbox.unread_count, inbox.total_count, inbox.position)


def _set_read_at(notification_id: int, read_at: datetime | None) -> None:
    connection = database.connection()
    table = table_of(connection, Notification)
    moment = connection.ops.adapt_datetimefield_value(read_at)
    with connection.cursor() as cursor:
        # The ORM composes an update for longer than the database carries it out.
        cursor.execute(f"UPDATE {table} SET read_at = %s WHERE id = %s", [moment, notification_id])


@database.transactional
def mark_all_read(
    *, user_id: Any, up_to: Position | None = None, now: datetime | None = None
) -> AllRead:
    """Mark the user's notifications as read: all of them, or those that had arrived at a position.

    With the position of the list that the user is looking at, what arrives meanwhile stays unread. Raises
    InvalidInput if the position is not of this inbox. The cost is bounded by what is unread.
    """
    inbox = lock(user_id)
    if inbox is None:
        _check_up_to(None, up_to)
        return AllRead(0, 0, 0, Position("", 0))
    moment = now or moment_of(inbox)
    _check_up_to(inbox, up_to)
    notifications = database.queryset(Notification)
    unread = notifications.filter(recipient=user_id, read_at__isnull=True)
    if up_to is not None:
        unread = unread.filter(added_sequence__lte=up_to.sequence)
    # Read along the index, and no further than the unread count: otherwise PostgreSQL, which does not know
    # how many there are, may visit every row that was ever marked since its last vacuum.
    ids = unread.order_by(NegatedId("id")).values_list("id", flat=True)[: inbox.unread_count]
    through_id = ids.first()
    count = 0
    if through_id is not None:
        count = (
            Notification.unguarded.using(database.alias()).filter(id__in=ids).update(read_at=moment)
        )
        numbered = allocate_sequence(inbox, unread=-count)
        event = event_of(Kind.ALL_READ, numbered, moment, count=count, through_id=through_id)
        record([event])
    return AllRead(count, inbox.unread_count, inbox.total_count, inbox.position)


def _check_up_to(inbox: Inbox | None, up_to: Position | None) -> None:
    if up_to is None or up_to.is_origin:
        return
    if (
        inbox is None
        or up_to.epoch != inbox.epoch
        or up_to.sequence > inbox.last_sequence
        or (up_to.fingerprint and is_other_event(up_to.fingerprint, _fingerprint_at(inbox, up_to)))
    ):
        raise InvalidInput("This is not a position of your inbox.", field="up_to")


def _fingerprint_at(inbox: Inbox, up_to: Position) -> int:
    """Return the fingerprint that the inbox's own event of that sequence has; 0 if it is known no more."""
    if up_to.sequence == inbox.last_sequence:
        return inbox.fingerprint
    # Asked of the event that follows, which is retained longer.
    following = database.queryset(InboxEvent).filter(inbox=inbox, sequence=up_to.sequence + 1)
    return following.values_list("previous_fingerprint", flat=True).first() or 0
