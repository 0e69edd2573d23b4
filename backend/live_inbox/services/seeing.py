"""Seeing: the user has opened the list, and what has arrived until then is not new any more.

One number for each inbox: the highest rank that was in the list. So it costs the same whatever has arrived. A
notification is unseen while it is unread and its rank is above that number.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet, Value

from live_inbox import database
from live_inbox.delivery.position import Position
from live_inbox.events import Folder, Kind
from live_inbox.models import (
    UNREAD,
    Inbox,
    NegatedRank,
    NegatedRankOfUnread,
    Notification,
    rank,
)
from live_inbox.services.counting import Counts
from live_inbox.services.event_recording import event_of, record
from live_inbox.services.inbox_rows import allocate_sequence, lock, save_all
from live_inbox.services.results import Seen
from live_inbox.services.up_to import arrival, check_up_to


@database.transactional
def mark_seen(*, user_id: Any, up_to: Position | None = None, now: datetime | None = None) -> Seen:
    """Mark what is in the user's list as seen: all of it, or what had arrived at a position.

    With the position of the list that the user is looking at, what arrives meanwhile stays unseen. Raises InvalidInput
    if the position is not of this inbox. The cost is bounded by what has arrived after that position.
    """
    inbox = lock(user_id)
    check_up_to(inbox, up_to)
    if inbox is None:
        return Seen(0, 0, 0, 0, Position("", 0))
    through = _highest_rank(inbox, up_to)
    if through <= inbox.seen_through:
        return _result(inbox, 0)
    inbox.seen_through = through
    left = 0 if up_to is None else unseen_count(inbox)
    count = inbox.unseen_count - left
    if count:
        numbered = allocate_sequence(inbox, Counts(unseen=-count))
        record([event_of(Kind.SEEN, numbered, now, count=count, through_rank=through)])
    else:
        # Nothing that a device shows: without an event. It matters when one of them is marked as unread.
        save_all([inbox])
    return _result(inbox, count)


def unseen_count(inbox: Inbox) -> int:
    """Count the unseen notifications of a locked inbox. The cost is bounded by what arrived after it was last seen."""
    # In the terms of the index of unread ones, which has this order.
    unread = _list(inbox).filter(UNREAD).alias(order=NegatedRankOfUnread(rank()))
    seen_through = NegatedRankOfUnread(Value(inbox.seen_through))
    return unread.filter(order__lt=seen_through).count()


def _list(inbox: Inbox) -> QuerySet[Notification]:
    return database.queryset(Notification).filter(recipient=inbox.pk, folder=Folder.INBOX.value)


def _highest_rank(inbox: Inbox, up_to: Position | None) -> int:
    rows = _list(inbox)
    if up_to is not None:
        rows = rows.alias(at=arrival()).filter(at__lte=up_to.sequence)
    return rows.order_by(NegatedRank(rank())).values_list(rank(), flat=True).first() or 0


def _result(inbox: Inbox, count: int) -> Seen:
    return Seen(count, inbox.unread_count, inbox.total_count, inbox.unseen_count, inbox.position)
