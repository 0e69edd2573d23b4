"""The state of an inbox: its counts and its position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from live_inbox import database
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.models import Inbox


@dataclass(frozen=True, slots=True)
class InboxState:
    """The counts of a whole inbox and the position at which they were so."""

    position: Position
    unread_count: int
    total_count: int
    unseen_count: int
    archived_count: int
    snoozed_count: int


EMPTY = InboxState(ORIGIN, 0, 0, 0, 0, 0)


@database.reading
def inbox_state(*, user_id: Any) -> InboxState:
    """Return the counts of an inbox and its position, in one snapshot."""
    inbox = database.queryset(Inbox).filter(pk=user_id).first()
    if inbox is None:
        return EMPTY
    return InboxState(
        inbox.position,
        inbox.unread_count,
        inbox.total_count,
        inbox.unseen_count,
        inbox.archived_count,
        inbox.snoozed_count,
    )
