"""Removing the counts of suppressed sends: after LOG_KEEP_DAYS, as the events with which statistics show them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from live_inbox import database
from live_inbox.maintenance.old_rows import remove_after_keep_days
from live_inbox.maintenance.steps import result_of
from live_inbox.models import SuppressedSend

BATCH = 500
"""Rows that one transaction removes."""


def prune_suppressed(*, now: datetime | None = None, batch: int = BATCH) -> int:
    """Remove the counts from more than LOG_KEEP_DAYS ago; return how many rows that were.

    Can run at any time, and concurrently.
    """
    return result_of(prune_suppressed_in_steps(now=now, batch=batch), 0)


def prune_suppressed_in_steps(*, now: datetime | None = None, batch: int = BATCH) -> Iterator[int]:
    """Do what `prune_suppressed` does, one transaction for each step; yield how many are removed so far."""
    rows = database.queryset(SuppressedSend)
    yield from remove_after_keep_days(rows, "created_at", now=now, batch=batch)
