"""Marking notifications as read and unread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from django.db.models import Value

from live_inbox import database
from live_inbox.delivery.position import Position
from live_inbox.events import Folder, Kind
from live_inbox.listing.filters import EVERYTHING
from live_inbox.models import UNREAD, Inbox, NegatedRankOfUnread, Notification, rank
from live_inbox.services import one_statement
from live_inbox.services.bulk_changes import mark_all_read_of
from live_inbox.services.changing import change_one
from live_inbox.services.counting import Counts
from live_inbox.services.event_recording import event_of, record
from live_inbox.services.inbox_rows import (
    allocate_sequence,
    lock,
    moment_of,
    read_with_notification,
)
from live_inbox.services.results import AllRead, Changed, changed_result
from live_inbox.services.seeing import unseen_count
from live_inbox.services.undo_steps import Undo
from live_inbox.services.up_to import arrival, check_up_to

MOST_UNDOABLE = 10_000
"""Notifications that are marked at once and can be undone: more would have to be written down one by one."""


def mark_read(*, user_id: Any, notification_id: int, now: datetime | None = None) -> Changed:
    """Mark one of the user's notifications as read; raise NotFound if they have no such notification."""
    return _mark(user_id, notification_id, read=True, now=now)


def mark_unread(*, user_id: Any, notification_id: int, now: datetime | None = None) -> Changed:
    """Mark one of the user's notifications as not read; raise NotFound if they have no such notification."""
    return _mark(user_id, notification_id, read=False, now=now)


def mark_found(found: tuple[Inbox, Notification], *, read: bool) -> Changed:
    """Mark a notification that has just been read together with its inbox; see `mark_read` and `mark_unread`."""
    inbox, notification = found
    return _mark(inbox.pk, notification.pk, read=read, now=None, found=found)


def _mark(
    user_id: Any,
    notification_id: int,
    *,
    read: bool,
    now: datetime | None,
    found: tuple[Inbox, Notification] | None = None,
) -> Changed:
    done = _mark_in_one_statement(user_id, notification_id, read, now, found)
    if done is not None:
        return done

    def change(notification: Notification, inbox: Inbox, at: datetime) -> Kind | None:
        if notification.read is read:
            return None
        notification.read_at = at if read else None
        return Kind.READ if read else Kind.UNREAD

    return change_one(user_id, notification_id, change, now)


@one_statement.in_one_statement
def _mark_in_one_statement(
    user_id: Any,
    notification_id: int,
    read: bool,
    now: datetime | None,
    found: tuple[Inbox, Notification] | None,
) -> Changed | None:
    inbox, notification = found or read_with_notification(user_id, notification_id)
    changed = notification.read != read
    if changed and not one_statement.mark(inbox, notification, read, now):
        return None
    return changed_result(inbox, notification, changed)


@database.transactional
def mark_all_read(
    *,
    user_id: Any,
    up_to: Position | None = None,
    undoable: bool = False,
    now: datetime | None = None,
) -> AllRead:
    """Mark the user's notifications as read: all of them, or those that had arrived at a position.

    With the position of the list that the user is looking at, what arrives meanwhile stays unread. Raises
    InvalidInput if the position is not of this inbox. The cost is bounded by what is unread.

    With `undoable`, the result has a token that undoes it, unless there are more than MOST_UNDOABLE.
    """
    inbox = lock(user_id)
    if inbox is None:
        check_up_to(None, up_to)
        return AllRead(0, 0, 0, 0, Position("", 0))
    moment = now or moment_of(inbox)
    check_up_to(inbox, up_to)
    notifications = database.queryset(Notification)
    unread = notifications.filter(UNREAD, recipient=user_id, folder=Folder.INBOX.value)
    if up_to is not None:
        unread = unread.alias(at=arrival()).filter(at__lte=up_to.sequence)
    # Read along the index, and no further than the unread count: otherwise PostgreSQL, which does not know
    # how many there are, may visit every row that was ever marked since its last vacuum.
    newest = unread.order_by(NegatedRankOfUnread(rank()))
    ids = newest.values_list("id", flat=True)[: inbox.unread_count]
    through_rank = None
    if inbox.unread_count:
        through_rank = newest.values_list(rank(), flat=True).first()
    undoable = undoable and inbox.unread_count <= MOST_UNDOABLE
    if through_rank is not None and up_to is not None and _is_mixed(inbox, through_rank, up_to):
        done = mark_all_read_of(
            user_id=user_id, filter=EVERYTHING, up_to=up_to, undoable=undoable, now=moment
        )
        return AllRead(**{field.name: getattr(done, field.name) for field in fields(done)})
    count, token = 0, None
    if through_rank is not None:
        if undoable:
            token = _undo_token(inbox, list(ids), moment)
        count = (
            Notification.unguarded.using(database.alias()).filter(id__in=ids).update(read_at=moment)
        )
        left = 0 if up_to is None else unseen_count(inbox)
        numbered = allocate_sequence(inbox, Counts(unread=-count, unseen=left - inbox.unseen_count))
        event = event_of(Kind.ALL_READ, numbered, moment, count=count, through_rank=through_rank)
        record([event])
    return AllRead(
        count,
        inbox.unread_count,
        inbox.total_count,
        inbox.unseen_count,
        inbox.position,
        undo_token=token,
    )


def _is_mixed(inbox: Inbox, through_rank: int, up_to: Position) -> bool:
    """Whether something unread is not above that rank, and yet has come back after the position.

    It was deleted and restored in between, at its old place: a rank cannot say that it stays unread.
    """
    order = NegatedRankOfUnread(rank())
    unread = database.queryset(Notification).filter(UNREAD, recipient=inbox.pk, folder=Folder.INBOX)
    older = unread.alias(order=order).filter(order__gte=NegatedRankOfUnread(Value(through_rank)))
    return older.alias(at=arrival()).filter(at__gt=up_to.sequence).exists()


def _undo_token(inbox: Inbox, ids: Sequence[int], moment: datetime) -> str:
    undo = Undo.new()
    undo.add(inbox, Kind.ALL_READ, ids, None, moment)
    return undo.token
