"""The end of snoozes: returns notifications to the top of their lists, each with an event of its own.

Until it is returned, a notification whose `snoozed_until` has passed is like any other that is snoozed. So lists,
counts and positions always agree, and no reader needs to compare times.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from live_inbox import database
from live_inbox.events import Event, Kind
from live_inbox.maintenance.due import Due, counted_steps
from live_inbox.maintenance.steps import result_of
from live_inbox.models import Inbox, Notification
from live_inbox.services.changing import Change, changed_event, save_changed
from live_inbox.services.event_recording import record
from live_inbox.services.inbox_rows import lock_skip_locked, save_all
from live_inbox.services.moving import put_on_top
from live_inbox.services.ranks import next_ranks

BATCH = 500
"""Notifications that one transaction returns. Writers of the same inboxes wait for one such transaction."""


def return_due(*, now: datetime | None = None, batch: int = BATCH) -> int:
    """Return the notifications whose snooze has ended, with an event for each; return their number.

    Can run at any time, and concurrently. It skips inboxes that are locked at that moment until the next run, so it
    never waits.
    """
    return result_of(return_in_steps(now=now, batch=batch), 0)


def return_in_steps(*, now: datetime | None = None, batch: int = BATCH) -> Iterator[int]:
    """Do what `return_due` does, one transaction for each step; yield how many have returned so far."""
    return counted_steps("snoozed_until", _return, now=now, batch=batch)


@database.transactional
def _return(due: Sequence[Due], horizon: datetime, now: datetime | None) -> int:
    inboxes = lock_skip_locked({each.user_id for each in due})
    found = _still_due([each.id for each in due], inboxes, horizon)
    events: list[Event] = []
    changed: list[Notification] = []
    for user_id, notifications in found.items():
        inbox = inboxes[user_id]
        for notification, new_rank in zip(
            notifications, next_ranks(len(notifications)), strict=True
        ):
            event = changed_event(inbox, notification, _returning(new_rank), now)
            assert event is not None
            events.append(event)
            changed.append(notification)
    if events:
        save_all([inboxes[user_id] for user_id in found])
        save_changed(Kind.RETURNED, changed)
        record(events)
    return len(events)


def _returning(new_rank: int) -> Change:
    def change(notification: Notification, inbox: Inbox, at: datetime) -> Kind:
        put_on_top(notification, inbox, new_rank)
        return Kind.RETURNED

    return change


def _still_due(
    ids: Collection[int], inboxes: Mapping[Any, Inbox], horizon: datetime
) -> dict[Any, list[Notification]]:
    """Read the batch again under the locks: another process may have changed it.

    Skips rows that are locked although their inbox is not: their recipient or sender is being deleted.
    """
    found: dict[Any, list[Notification]] = defaultdict(list)
    free = database.queryset(Notification).select_for_update(skip_locked=True, of=("self",))
    rows = free.filter(pk__in=ids, recipient__in=inboxes, snoozed_until__lte=horizon)
    # In the order in which their snoozes end: the last one is on top.
    for row in rows.select_related("sender").order_by("recipient_id", "snoozed_until", "pk"):
        found[row.recipient_id].append(row)
    return found
