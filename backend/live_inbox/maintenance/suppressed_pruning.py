"""Removing the counts of suppressed sends: after LOG_KEEP_DAYS, as the events with which statistics show them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.maintenance.old_rows import remove_in_steps
from live_inbox.models import SuppressedSend

BATCH = 500
"""Rows that one transaction removes."""


def prune_suppressed(*, now: datetime | None = None, batch: int = BATCH) -> int:
    """Remove the counts from more than LOG_KEEP_DAYS ago; return how many rows that were.

    Can run at any time, and concurrently.
    """
    return [0, *prune_suppressed_in_steps(now=now, batch=batch)][-1]


def prune_suppressed_in_steps(*, now: datetime | None = None, batch: int = BATCH) -> Iterator[int]:
    """Do what `prune_suppressed` does, one transaction for each step; yield how many are removed so far."""
    horizon = (now or database.now()) - timedelta(days=inbox_settings().log_keep_days)
    old = database.queryset(SuppressedSend).filter(created_at__lt=horizon).order_by("created_at")
    yield from remove_in_steps(old, batch)
