"""The quota of an inbox: the setting MAX_INBOX_NOTIFICATIONS.

The transaction that adds a notification to a full inbox deletes the oldest ones that are read, and unread ones only if
there are no others. Each deletion is an event, so devices show the same. While an inbox has room, the quota costs a
comparison with the count that adding has returned anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from live_inbox import database, metrics
from live_inbox.conf import inbox_settings
from live_inbox.events import Event, Kind
from live_inbox.models import READ, UNREAD, Inbox, NegatedId, Notification
from live_inbox.services.inbox_rows import SequencedInbox, lock_skip_locked
from live_inbox.services.removing import REMOVAL_COLUMNS, RemovalRow, can_lose, remove

BATCH = 500
"""Notifications that one transaction deletes, or one of each full inbox if those are more. An inbox that is far above
the quota, after an import or because the setting was lowered, gets there by steps."""

_SHARE = 100
"""A full inbox makes room for this part of the quota, as far as read ones go: not each addition pays for a deletion."""


def make_room(inboxes: Sequence[SequencedInbox], now: datetime | None) -> list[Event]:
    """Delete what is above the quota of inboxes to which a notification has just been added; return the events.

    The inboxes are locked by this transaction. The caller records the events after those of the additions.
    """
    most = inbox_settings().max_inbox_notifications
    full = [inbox.user_id for inbox in inboxes if inbox.total_count > most]
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
    metrics.NOTIFICATIONS_EVICTED.inc(len(rows))
    return remove(locked, rows, Kind.DELETED, now)


def _oldest(inbox: Inbox, most: int, longest: int) -> list[RemovalRow]:
    excess = min(inbox.total_count - most, longest)
    found = _first(inbox, READ, min(max(excess, most // _SHARE), longest))
    if len(found) < excess:
        found += _first(inbox, UNREAD, excess - len(found))
    return found


def _first(inbox: Inbox, state: Q, count: int) -> list[RemovalRow]:
    rows = database.queryset(Notification).filter(state, recipient=inbox.pk)
    oldest = rows.alias(order=NegatedId("id")).order_by("-order")
    return [RemovalRow(*row) for row in oldest.values_list(*REMOVAL_COLUMNS)[:count]]
