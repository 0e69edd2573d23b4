"""What a user's inbox holds, for assertions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async

from live_inbox import database, selectors
from live_inbox.delivery.position import Position
from live_inbox.models import Notification
from live_inbox.testing.sent import key_of


@dataclass(frozen=True, slots=True)
class InboxContents:
    """An inbox at one moment. The notifications are in the order of the APIs: newest first."""

    notifications: list[Notification]
    unread_count: int
    total_count: int
    position: Position

    @property
    def titles(self) -> list[str]:
        """The titles, newest first."""
        return [notification.title for notification in self.notifications]

    @property
    def unread(self) -> list[Notification]:
        """The unread ones, newest first."""
        return [notification for notification in self.notifications if not notification.read]

    def __len__(self) -> int:
        return len(self.notifications)

    def __iter__(self) -> Iterator[Notification]:
        return iter(self.notifications)


def inbox_of(user: Any) -> InboxContents:
    """Return what the inbox of a user holds now: all of it, without pages. `user` may be a primary key."""
    key = key_of(user)
    rows = (
        database.queryset(Notification)
        .filter(recipient=key)
        .select_related("sender")
        .order_by("-pk")
    )
    state = selectors.inbox_state(user_id=key)
    return InboxContents(list(rows), state.unread_count, state.total_count, state.position)


async def ainbox_of(user: Any) -> InboxContents:
    """Do what `inbox_of` does, from asynchronous code."""
    return await sync_to_async(inbox_of)(user)
