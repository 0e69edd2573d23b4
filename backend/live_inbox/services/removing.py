"""Removing several notifications, each with an event of its own: for expiry, recalls and the quota of an inbox."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import reduce
from typing import Any

from live_inbox import database
from live_inbox.events import Event, Kind
from live_inbox.models import Inbox, Notification
from live_inbox.services.counting import NONE, Counts, counts_of, counts_of_inbox
from live_inbox.services.erasing import Gone, erase
from live_inbox.services.event_recording import event_of
from live_inbox.services.group_members import unfold
from live_inbox.services.inbox_rows import advance, save_all
from live_inbox.services.removal_rows import REMOVAL_COLUMNS, RemovalRow


def rows_in_locked_inboxes(
    ids: Collection[int], user_ids: Collection[Any], **condition: Any
) -> dict[Any, list[RemovalRow]]:
    """Read notifications again under the locks of their inboxes, by user: others may have changed or deleted them.

    Skips rows that are locked although their inbox is not: their recipient or sender is being deleted.
    """
    found: dict[Any, list[RemovalRow]] = defaultdict(list)
    free = database.queryset(Notification).select_for_update(skip_locked=True)
    rows = free.filter(pk__in=ids, recipient__in=user_ids, **condition)
    for row in rows.order_by("recipient_id", "pk").values_list(*REMOVAL_COLUMNS):
        found[row[1]].append(RemovalRow(*row))
    return found


def can_lose(inbox: Inbox, rows: Sequence[RemovalRow]) -> bool:
    """Whether the inbox's counts allow these deletions. If not, they are damaged."""
    lost = reduce(Counts.plus, (counts_of(row, inbox.seen_through) for row in rows), NONE)
    left = counts_of_inbox(inbox).minus(lost)
    return min(left) >= 0 and left.unseen <= left.unread <= left.total


def remove(
    inboxes: Mapping[Any, Inbox], rows: Sequence[RemovalRow], kind: Kind, now: datetime | None
) -> list[Event]:
    """Delete notifications of locked inboxes, and their content in the logs. Return the events, to be recorded.

    What expires or is recalled is replaced by what is folded under it, if something is. Makes four statements for any
    number of rows, seven with such groups.
    """
    if not rows:
        return []
    Notification.unguarded.using(database.alias()).filter(pk__in=[row.id for row in rows]).delete()
    erase([Gone(row.user_id, row.id, row.added_sequence) for row in rows])
    events = [_event(kind, inboxes[row.user_id], row, now) for row in rows]
    if kind is not Kind.DELETED:
        events += unfold(inboxes, rows, now)
    save_all([inboxes[user_id] for user_id in dict.fromkeys(row.user_id for row in rows)])
    return events


def _event(kind: Kind, inbox: Inbox, row: RemovalRow, now: datetime | None) -> Event:
    numbered = advance(inbox, NONE.minus(counts_of(row, inbox.seen_through)))
    return event_of(kind, numbered, now, notification_id=row.id, type=row.type)
