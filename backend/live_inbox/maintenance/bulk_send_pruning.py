"""Removing the records of old bulk sends: after that, the same call no longer knows whom it has reached.

A record is kept for LOG_KEEP_DAYS after its last chunk, and that of a campaign until nothing is due of it. The keys of
the notifications stay: who still has the notification does not get it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from live_inbox import database, metrics
from live_inbox.bulk_states import SENDING, BulkState
from live_inbox.conf import inbox_settings
from live_inbox.maintenance.steps import result_of
from live_inbox.models import BulkSend, ScheduledSend

BATCH = 20
"""Bulk sends that one transaction removes: each may have many chunks."""


def prune_bulk_sends(*, now: datetime | None = None, batch: int = BATCH) -> int:
    """Remove the records that are older than LOG_KEEP_DAYS; return how many.

    Can run at any time, and concurrently. It skips bulk sends that are locked at that moment.
    """
    return result_of(prune_bulk_sends_in_steps(now=now, batch=batch), 0)


def prune_bulk_sends_in_steps(*, now: datetime | None = None, batch: int = BATCH) -> Iterator[int]:
    """Do what `prune_bulk_sends` does, one transaction for each step; yield how many have been removed so far."""
    horizon = (now or database.now()) - timedelta(days=inbox_settings().log_keep_days)
    total = 0
    while removed := _remove(horizon, batch):
        total += removed
        metrics.BULK_SENDS_PRUNED.inc(removed)
        yield total


@database.transactional
def _remove(horizon: datetime, batch: int) -> int:
    due = Q(state=BulkState.RECALLING) | Q(state__in=SENDING, order__isnull=False)
    # With its record, what is scheduled would go.
    waiting = Exists(database.queryset(ScheduledSend).filter(bulk_send=OuterRef("pk")))
    old = database.queryset(BulkSend).filter(~waiting, changed_at__lt=horizon).exclude(due)
    rows = old.order_by("changed_at").select_for_update(skip_locked=True, of=("self",))
    ids = list(rows.values_list("pk", flat=True)[:batch])
    database.queryset(BulkSend).filter(pk__in=ids).delete()
    return len(ids)
