"""Recording: writes events into the log; after the commit, rings the doorbell and sends the signals for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from django.db import transaction

from live_inbox import database, metrics, tracing
from live_inbox.apps import doorbell
from live_inbox.events import Event, Kind, encode, to_payload
from live_inbox.models import InboxEvent
from live_inbox.services.event_signals import has_receivers, send_signals
from live_inbox.services.inbox_rows import SequencedInbox
from live_inbox.sql_rows import key_type, key_value, rows_of, table_of


def event_of(kind: Kind, inbox: SequencedInbox, now: datetime | None, **details: Any) -> Event:
    """Return the event of a change for which a sequence has just been taken, by default at that moment."""
    return Event(
        inbox=str(inbox.user_id),
        epoch=inbox.epoch,
        sequence=inbox.sequence,
        kind=kind,
        occurred_at=now or inbox.at,
        unread_count=inbox.unread_count,
        total_count=inbox.total_count,
        fingerprint=inbox.fingerprint,
        previous_fingerprint=inbox.previous_fingerprint,
        unseen_count=inbox.unseen_count,
        **details,
    )


def record(events: Sequence[Event]) -> None:
    """Write events into the log; ring the doorbell and send the signals when the transaction has been committed."""
    payloads = [to_payload(event) for event in events]
    _write(events, payloads)
    _announce(events, payloads)


def announce(event: Event) -> None:
    """Ring the doorbell and send the signals of an event that is in the log, when it has been committed."""
    _announce([event], [to_payload(event)])


def _announce(events: Sequence[Event], payloads: Sequence[bytes]) -> None:
    # robust: whatever happens to the doorbell, the commit has succeeded. A lambda, because Django logs the
    # function's name when it fails, and a partial has none.
    using = database.alias()
    # Of now: a transaction of the caller's may end when the span of the send has ended.
    traceparent = tracing.current_traceparent()
    transaction.on_commit(lambda: _ring(events, payloads, traceparent), using=using, robust=True)
    # After the doorbell: devices do not wait for receivers.
    if has_receivers(events):
        transaction.on_commit(lambda: send_signals(events), using=using, robust=True)


def _write(events: Sequence[Event], payloads: Sequence[bytes]) -> None:
    connection = database.connection()
    given, document = rows_of(
        connection,
        {
            "inbox_id": key_type(connection),
            "sequence": "bigint",
            "kind": "text",
            "notification_id": "bigint",
            "payload": "jsonb",
            "created_at": "timestamptz",
            "fingerprint": "integer",
            "previous_fingerprint": "integer",
        },
        (
            (
                key_value(connection, event.inbox),
                event.sequence,
                event.kind.value,
                event.notification_id,
                orjson.Fragment(payload),
                connection.ops.adapt_datetimefield_value(event.occurred_at),
                event.fingerprint,
                event.previous_fingerprint,
            )
            for event, payload in zip(events, payloads, strict=True)
        ),
    )
    columns = (
        "inbox_id, sequence, kind, notification_id, payload, created_at,"
        " fingerprint, previous_fingerprint"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table_of(connection, InboxEvent)} ({columns}) SELECT {columns} FROM {given}",
            [document],
        )


def _ring(events: Sequence[Event], payloads: Sequence[bytes], traceparent: str | None) -> None:
    event_batch: dict[str, list[bytes]] = {}
    for event, payload in zip(events, payloads, strict=True):
        encoded = encode(event, payload, traceparent=traceparent)
        event_batch.setdefault(event.inbox, []).append(encoded)
    for kind, count in Counter(event.kind for event in events).items():
        metrics.EVENTS_COMMITTED.labels(kind.value).inc(count)
    doorbell().ring(event_batch, traceparent=traceparent)
