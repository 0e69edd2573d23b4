"""Pinning: a mark that keeps a few notifications at hand, in a list of their own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.errors import Conflict
from live_inbox.events import Kind
from live_inbox.models import Inbox, Notification
from live_inbox.services.changing import change_one
from live_inbox.services.group_members import check_not_folded
from live_inbox.services.results import Changed


def pin(*, user_id: Any, notification_id: int, now: datetime | None = None) -> Changed:
    """Pin one of the user's notifications: it stays in its place, and is also in the list of those that are pinned.

    Raises Conflict when MAX_PINNED_NOTIFICATIONS are pinned already, and for a notification that is folded under
    another one; NotFound if the user has no such notification.
    """

    def change(notification: Notification, inbox: Inbox, at: datetime) -> Kind | None:
        if notification.pinned:
            return None
        check_not_folded(notification)
        _check_may_pin(inbox)
        notification.pinned = True
        return Kind.PINNED

    return change_one(user_id, notification_id, change, now)


def unpin(*, user_id: Any, notification_id: int, now: datetime | None = None) -> Changed:
    """Unpin one of the user's notifications; raise NotFound if they have no such notification."""

    def change(notification: Notification, inbox: Inbox, at: datetime) -> Kind | None:
        if not notification.pinned:
            return None
        notification.pinned = False
        return Kind.UNPINNED

    return change_one(user_id, notification_id, change, now)


def _check_may_pin(inbox: Inbox) -> None:
    most = inbox_settings().max_pinned_notifications
    # The index of pinned ones begins with the recipient, so no more than these are read.
    pinned = database.queryset(Notification).filter(recipient=inbox.pk, pinned=True)
    if pinned.order_by()[:most].count() >= most:
        raise Conflict(f"At most {most} notifications can be pinned: unpin another one first.")
