"""Removing the deliveries to the webhook that have failed: after LOG_KEEP_DAYS, nobody will repair them any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from live_inbox import database
from live_inbox.maintenance.old_rows import remove_after_keep_days
from live_inbox.maintenance.steps import result_of
from live_inbox.models import WebhookDelivery

BATCH = 500
"""Rows that one transaction removes."""


def prune_failed_deliveries(*, now: datetime | None = None, batch: int = BATCH) -> int:
    """Remove the deliveries that failed more than LOG_KEEP_DAYS ago; return how many.

    Can run at any time, and concurrently.
    """
    return result_of(prune_failed_in_steps(now=now, batch=batch), 0)


def prune_failed_in_steps(*, now: datetime | None = None, batch: int = BATCH) -> Iterator[int]:
    """Do what `prune_failed_deliveries` does, one transaction for each step; yield how many are removed so far."""
    rows = database.queryset(WebhookDelivery)
    yield from remove_after_keep_days(rows, "failed_at", now=now, batch=batch)
