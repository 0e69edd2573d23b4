"""The steps of campaigns: each is one transaction, and one process at a time makes one."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum, auto
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from live_inbox import database, metrics
from live_inbox.bulk_states import BulkState
from live_inbox.models import BulkSend


class Step(Enum):
    """What has come of a step."""

    DONE = auto()
    """Something was done, and perhaps more is left."""
    LOCKED = auto()
    """Nothing was done: another process is at it, or others have locked the inboxes that are left."""
    ENDED = auto()
    """Nothing is left to do."""


class Busy(Exception):
    """Raised when another process is making a step of the same campaign."""


def lock_campaign(
    campaign_id: int, states: Collection[BulkState], *, may_wait: bool
) -> BulkSend | None:
    """Return the row of a campaign, locked until the transaction ends; None if it is not in one of these states.

    Raises Busy if somebody else has locked it, unless it may wait.
    """
    rows = database.queryset(BulkSend).filter(pk=campaign_id)
    row = rows.select_for_update(no_key=True, skip_locked=not may_wait).first()
    if row is None:
        if rows.exists():
            raise Busy
        return None
    return row if row.state in states else None


def save_campaign(row: BulkSend, **changes: Any) -> None:
    """Write changes of a locked campaign, and when it was changed."""
    database.queryset(BulkSend).filter(pk=row.pk).update(changed_at=Now(), **changes)


def count_on_commit(**results: int) -> None:
    """Count the recipients of a step by result, when its transaction is committed."""

    def count() -> None:
        for result, recipients in results.items():
            if recipients:
                metrics.CAMPAIGN_RECIPIENTS.labels(result).inc(recipients)

    transaction.on_commit(count, using=database.alias(), robust=True)
