"""Recording: a change becomes an event in the log, and after the commit the doorbell is rung for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from backend import metrics
from backend.notifications.apps import doorbell
from backend.notifications.events import Event, Kind, encode, to_payload
from backend.notifications.inboxes import Numbered
from backend.notifications.models import InboxEvent


def event_of(kind: Kind, inbox: Numbered, now: datetime, **details: Any) -> Event:
    """Return the event of a change for which an inbox has just been numbered."""
    return Event(
        inbox=str(inbox.user_id),
        epoch=inbox.epoch,
        sequence=inbox.sequence,
        kind=kind,
        occurred_at=now,
        unread_count=inbox.unread_count,
        total_count=inbox.total_count,
        **details,
    )


def record(events: Sequence[Event]) -> None:
    """Write events into the log, and ring the doorbell when the transaction has been committed."""
    InboxEvent.objects.bulk_create(
        InboxEvent(
            inbox_id=event.inbox,
            sequence=event.sequence,
            kind=event.kind.value,
            notification_id=event.notification_id,
            payload=to_payload(event),
            created_at=event.occurred_at,
        )
        for event in events
    )
    # robust: whatever happens to the doorbell, the caller's request has succeeded. A lambda, because Django
    # reports the failure by the function's name, and a partial has none.
    transaction.on_commit(lambda: _ring(events), robust=True)


def _ring(events: Sequence[Event]) -> None:
    rung: dict[str, list[bytes]] = {}
    for event in events:
        metrics.EVENTS_COMMITTED.labels(event.kind.value).inc()
        rung.setdefault(event.inbox, []).append(encode(event))
    doorbell().ring(rung)
