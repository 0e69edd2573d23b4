"""Counting the recipients who did not get a notification because they had turned its type off."""

from __future__ import annotations

from datetime import datetime

from django.db.models.functions import Now

from live_inbox import database
from live_inbox.models import SuppressedSend


def count_suppressed(*, type: str, recipients: int, now: datetime | None) -> None:
    """Count so many recipients in the transaction that passes them over; none need no statement."""
    if recipients:
        rows = database.queryset(SuppressedSend)
        rows.create(type=type, recipients=recipients, created_at=now or Now())
