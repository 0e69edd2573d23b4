"""Removing rows whose time has passed, in transactions of a bounded number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from live_inbox import database


def remove_in_steps(old: QuerySet[Any], batch: int) -> Iterator[int]:
    """Delete the rows of a query set, one transaction for each step; yield how many have been removed so far.

    The first `batch` rows of its order go first. Rows that are locked at that moment are skipped.
    """
    total = 0
    while removed := _remove(old, batch):
        total += removed
        yield total


@database.transactional
def _remove(old: QuerySet[Any], batch: int) -> int:
    ids = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:batch])
    database.queryset(old.model).filter(pk__in=ids).delete()
    return len(ids)
