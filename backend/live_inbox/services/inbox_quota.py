"""The quota of an inbox: the setting MAX_INBOX_NOTIFICATIONS.

The transaction that adds a notification to a full inbox deletes the oldest ones that are read, those of the archive
first, and unread and snoozed ones only if there are no others. Each deletion is an event, so devices show the same.
While an inbox has room, the quota costs a comparison with the count that adding has returned anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from live_inbox import database, metrics
from live_inbox.conf import inbox_settings
from live_inbox.events import Event, Folder, Kind
from live_inbox.models import (
    READ,
    UNREAD,
    Inbox,
    NegatedRankOfRead,
    NegatedRankOfUnread,
    Notification,
    rank,
)
from live_inbox.services.group_members import members_of
from live_inbox.services.inbox_rows import SequencedInbox, lock_skip_locked
from live_inbox.services.removal_rows import REMOVAL_COLUMNS, RemovalRow
from live_inbox.services.removing import can_lose, remove

BATCH = 500
"""Notifications that one transaction deletes, or one of each full inbox if those are more. An inbox that is far above
the quota, after an import or because the setting was lowered, gets there by steps."""

_SHARE = 100
"""A full inbox makes room for this part of the quota, as far as read ones go: not each addition pays for a deletion."""


_ORDER = (
    (READ, Folder.ARCHIVE),
    (READ, Folder.INBOX),
    (UNREAD, Folder.ARCHIVE),
    (UNREAD, Folder.INBOX),
    (READ, Folder.SNOOZED),
    (UNREAD, Folder.SNOOZED),
)
"""What goes first: what the user is done with, and last what they want to come back."""


def make_room(inboxes: Sequence[SequencedInbox], now: datetime | None) -> list[Event]:
    """Delete what is above the quota of inboxes to which a notification has just been added; return the events.

    The inboxes are locked by this transaction. The caller records the events after those of the additions.
    """
    most = inbox_settings().max_inbox_notifications
    full = [inbox.user_id for inbox in inboxes if inbox.stored_count > most]
    if not full:
        return []
    # Not locked by others: `allocate_sequences` has locked them.
    locked = lock_skip_locked(full)
    longest = max(1, BATCH // len(full))
    rows: list[RemovalRow] = []
    for inbox in locked.values():
        oldest = _oldest(inbox, most, longest)
        # Damaged counts are left to check_inboxes: they must not stop what is sent.
        rows += oldest if can_lose(inbox, oldest) else []
    rows += members_of(rows)
    metrics.NOTIFICATIONS_EVICTED.inc(len(rows))
    return remove(locked, rows, Kind.DELETED, now)


def _oldest(inbox: Inbox, most: int, longest: int) -> list[RemovalRow]:
    excess = min(inbox.stored_count - most, longest)
    wanted = min(max(excess, most // _SHARE), longest)
    found: list[RemovalRow] = []
    counts = {
        Folder.INBOX: inbox.total_count,
        Folder.ARCHIVE: inbox.archived_count,
        Folder.SNOOZED: inbox.snoozed_count,
    }
    for state, folder in _ORDER:
        if state is not READ:
            wanted = excess
        if counts[folder] and len(found) < wanted:
            found += _first(inbox, state, folder, wanted - len(found))
    return found


def _first(inbox: Inbox, state: Q, folder: Folder, count: int) -> list[RemovalRow]:
    rows = database.queryset(Notification).filter(state, recipient=inbox.pk, folder=folder.value)
    order = NegatedRankOfRead(rank()) if state is READ else NegatedRankOfUnread(rank())
    oldest = rows.alias(order=order).order_by("-order")
    return [RemovalRow(*row) for row in oldest.values_list(*REMOVAL_COLUMNS)[:count]]
