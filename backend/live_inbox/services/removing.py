"""Removing several notifications at once, each with an event of its own: for expiry and for the quota of an inbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from live_inbox import database
from live_inbox.events import Event, Kind
from live_inbox.models import Inbox, Notification
from live_inbox.services.erasing import Gone, erase
from live_inbox.services.event_recording import event_of
from live_inbox.services.inbox_rows import advance, save_all


class RemovalRow(NamedTuple):
    """What is needed of a notification to remove it, read under the lock of its inbox."""

    id: int
    user_id: Any
    type: str
    read_at: datetime | None
    added_sequence: int


REMOVAL_COLUMNS = ("id", "recipient_id", "type", "read_at", "added_sequence")
"""The columns of a RemovalRow, for `values_list`."""


def can_lose(inbox: Inbox, rows: Sequence[RemovalRow]) -> bool:
    """Whether the inbox's counts allow these deletions. If not, they are damaged."""
    unread = inbox.unread_count - sum(row.read_at is None for row in rows)
    return 0 <= unread <= inbox.total_count - len(rows)


def remove(
    inboxes: Mapping[Any, Inbox], rows: Sequence[RemovalRow], kind: Kind, now: datetime | None
) -> list[Event]:
    """Delete notifications of locked inboxes, and their content in the logs. Return the events, to be recorded.

    Makes four statements for any number of rows.
    """
    if not rows:
        return []
    Notification.unguarded.using(database.alias()).filter(pk__in=[row.id for row in rows]).delete()
    erase([Gone(row.user_id, row.id, row.added_sequence) for row in rows])
    events = [_event(kind, inboxes[row.user_id], row, now) for row in rows]
    save_all([inboxes[user_id] for user_id in dict.fromkeys(row.user_id for row in rows)])
    return events


def _event(kind: Kind, inbox: Inbox, row: RemovalRow, now: datetime | None) -> Event:
    numbered = advance(inbox, unread=-1 if row.read_at is None else 0, total=-1)
    return event_of(kind, numbered, now, notification_id=row.id, type=row.type)
