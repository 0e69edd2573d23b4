"""Moving notifications between folders: archive and unarchive, snooze and return."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from live_inbox.content import clean_moment
from live_inbox.errors import InvalidInput
from live_inbox.events import Folder, Kind
from live_inbox.models import Inbox, Notification
from live_inbox.services.changing import change_one
from live_inbox.services.group_members import check_not_folded
from live_inbox.services.ranks import next_ranks
from live_inbox.services.results import Changed

LONGEST_SNOOZE = timedelta(days=366)


def archive(*, user_id: Any, notification_id: int, now: datetime | None = None) -> Changed:
    """Move one of the user's notifications to the archive; raise NotFound if they have no such notification.

    It stays as it is, read or unread. A snoozed one does not return. Raises Conflict for one that is folded under
    another.
    """

    def move(notification: Notification, inbox: Inbox, at: datetime) -> Kind | None:
        if notification.folder == Folder.ARCHIVE:
            return None
        check_not_folded(notification)
        notification.folder, notification.snoozed_until = Folder.ARCHIVE, None
        return Kind.ARCHIVED

    return change_one(user_id, notification_id, move, now)


def unarchive(*, user_id: Any, notification_id: int, now: datetime | None = None) -> Changed:
    """Move one of the user's notifications from the archive back to its place in the list.

    Does nothing if it is not in the archive. Raises NotFound if the user has no such notification.
    """

    def move(notification: Notification, inbox: Inbox, at: datetime) -> Kind | None:
        if notification.folder != Folder.ARCHIVE:
            return None
        notification.folder = Folder.INBOX
        return Kind.UNARCHIVED

    return change_one(user_id, notification_id, move, now)


def snooze(
    *, user_id: Any, notification_id: int, until: datetime, now: datetime | None = None
) -> Changed:
    """Take one of the user's notifications out of the list until a moment, when it returns to the top, unread.

    It returns a few seconds after that moment. A snoozed one gets the new moment. Raises InvalidInput for a moment that
    has passed, that is more than LONGEST_SNOOZE away, or that has no time zone; NotFound if the user has no such
    notification; Conflict for one that is folded under another.
    """
    moment = clean_moment("until", until)

    def move(notification: Notification, inbox: Inbox, at: datetime) -> Kind | None:
        check_snooze(moment, at)
        if notification.snoozed_until == moment:
            return None
        check_not_folded(notification)
        notification.folder, notification.snoozed_until = Folder.SNOOZED, moment
        return Kind.SNOOZED

    return change_one(user_id, notification_id, move, now)


def check_snooze(until: datetime, now: datetime) -> None:
    """Raise InvalidInput for a moment that has passed, or that is more than LONGEST_SNOOZE away."""
    left = until - now
    if left <= timedelta(0):
        raise InvalidInput("until must be later than now.", field="until")
    if left > LONGEST_SNOOZE:
        raise InvalidInput(f"until must be at most {LONGEST_SNOOZE.days} days away.", field="until")


def unsnooze(*, user_id: Any, notification_id: int, now: datetime | None = None) -> Changed:
    """Return one of the user's notifications to the top of the list now, unread.

    Does nothing if it is not snoozed. Raises NotFound if the user has no such notification.
    """

    def move(notification: Notification, inbox: Inbox, at: datetime) -> Kind | None:
        if notification.folder != Folder.SNOOZED:
            return None
        (new_rank,) = next_ranks(1)
        put_on_top(notification, inbox, new_rank)
        return Kind.RETURNED

    return change_one(user_id, notification_id, move, now)


def put_on_top(notification: Notification, inbox: Inbox, new_rank: int) -> None:
    """Return a notification to the inbox, unread, as the next event of the inbox will say. Saves nothing."""
    notification.folder, notification.snoozed_until = Folder.INBOX, None
    notification.read_at = None
    notification.returned_rank = new_rank
    notification.returned_sequence = inbox.last_sequence + 1
