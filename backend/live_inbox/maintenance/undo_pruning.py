"""Removing what is kept to undo bulk changes, once its time has passed: then what was deleted is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from live_inbox import database
from live_inbox.maintenance.old_rows import remove_in_steps
from live_inbox.maintenance.steps import result_of
from live_inbox.models import UndoStep

BATCH = 20
"""Steps that one transaction removes: each may hold 500 notifications."""


def prune_undo(*, now: datetime | None = None, batch: int = BATCH) -> int:
    """Remove what can be undone no more; return how many steps. Can run at any time, and concurrently."""
    return result_of(prune_undo_in_steps(now=now, batch=batch), 0)


def prune_undo_in_steps(*, now: datetime | None = None, batch: int = BATCH) -> Iterator[int]:
    """Do what `prune_undo` does, one transaction for each step; yield how many have been removed so far."""
    horizon = now or database.now()
    old = database.queryset(UndoStep).filter(expires_at__lte=horizon).order_by("expires_at")
    yield from remove_in_steps(old, batch)
