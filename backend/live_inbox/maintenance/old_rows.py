"""Removing rows whose time has passed, in transactions of a bounded number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from live_inbox import database
from live_inbox.conf import inbox_settings


def remove_in_steps(old: QuerySet[Any], batch: int) -> Iterator[int]:
    """Delete the rows of a query set, one transaction for each step; yield how many have been removed so far.

    The first `batch` rows of its order go first. Rows that are locked at that moment are skipped.
    """
    total = 0
    while removed := _remove(old, batch):
        total += removed
        yield total


def remove_after_keep_days(
    rows: QuerySet[Any], moment: str, *, now: datetime | None, batch: int
) -> Iterator[int]:
    """Do so with the rows whose field `moment` is more than LOG_KEEP_DAYS ago, the oldest first."""
    horizon = (now or database.now()) - timedelta(days=inbox_settings().log_keep_days)
    yield from remove_in_steps(rows.filter((f"{moment}__lt", horizon)).order_by(moment), batch)


@database.transactional
def _remove(old: QuerySet[Any], batch: int) -> int:
    ids = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:batch])
    database.queryset(old.model).filter(pk__in=ids).delete()
    return len(ids)
