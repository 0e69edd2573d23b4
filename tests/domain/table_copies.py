"""A copy of the inbox's tables, as a backup or a lagging replica is: writes after it are lost when it is restored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Model

from live_inbox.models import (
    BulkSend,
    BulkSendChunk,
    CampaignOrder,
    Inbox,
    InboxEvent,
    Notification,
)

TABLES: tuple[type[Model], ...] = (
    Inbox,
    Notification,
    InboxEvent,
    BulkSend,
    BulkSendChunk,
    CampaignOrder,
)

Copy = Sequence[tuple[type[Model], Sequence[Any]]]


def copy_tables() -> Copy:
    """Return all rows as they are now."""
    return [(model, list(model._base_manager.all())) for model in TABLES]


@transaction.atomic
def restore_tables(copy: Copy) -> None:
    """Replace all rows by those of a copy."""
    for model in reversed(TABLES):
        model._base_manager.all().delete()
    for model, rows in copy:
        manager: Any = getattr(model, "unguarded", model._base_manager)
        manager.bulk_create(rows)
