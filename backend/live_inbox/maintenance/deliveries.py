"""Delivery of scheduled sends: each row becomes a notification, as one that is sent at that moment.

The transaction that inserts the notification deletes the row, so it is delivered once, wherever a process is killed and
however many run at the same time. It waits for no lock: rows, bulk sends and inboxes that others have locked are left
for the next run. Until then a row whose time has come is like any other, and can be cancelled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from live_inbox import database
from live_inbox.bulk_states import STOPPED
from live_inbox.maintenance.due import Due, counted_steps
from live_inbox.maintenance.steps import result_of
from live_inbox.models import BulkSend, Notification, ScheduledSend
from live_inbox.services.bulk_record import add_chunk
from live_inbox.services.inbox_rows import lock_free
from live_inbox.services.inserting import Draft, insert_notifications, unsaved
from live_inbox.services.stored_content import content_in

BATCH = 200
"""Scheduled sends that one transaction delivers. Writers of the same inboxes wait for one such transaction."""

DRAFTS = 25
"""Different contents that one statement inserts: it names each of them for each of their columns."""


def deliver_due(*, now: datetime | None = None, batch: int = BATCH) -> int:
    """Deliver the scheduled sends whose time has come; return how many notifications that made.

    Can run at any time, and concurrently. A recipient who does not want the type by now gets nothing, and what has
    expired by now is not delivered.
    """
    return result_of(deliver_in_steps(now=now, batch=batch), 0)


def deliver_in_steps(*, now: datetime | None = None, batch: int = BATCH) -> Iterator[int]:
    """Do what `deliver_due` does, one transaction for each step; yield how many have been delivered so far."""
    return counted_steps("deliver_at", _deliver, now=now, batch=batch)


@database.transactional
def _deliver(due: Sequence[Due], horizon: datetime, now: datetime | None) -> int:
    rows = _still_due([each.id for each in due], horizon)
    bulk_sends = _lock_bulk_sends({row.bulk_send_id for row in rows} - {None})
    rows = [row for row in rows if row.bulk_send_id is None or row.bulk_send_id in bulk_sends]
    locked = lock_free({row.recipient_id for row in rows})
    rows = [row for row in rows if row.recipient_id not in locked]
    # Who cancels or recalls a bulk send changes its state first, and may die before the rows are gone.
    open_rows = [row for row in rows if not _is_stopped(row, bulk_sends)]
    used = _used_keys(open_rows)
    sent: dict[int, int] = {
        row.pk: used[row.sender_id, row.idempotency_key]
        for row in open_rows
        if (row.sender_id, row.idempotency_key) in used
    }
    new = [row for row in open_rows if row.pk not in sent and not _has_expired(row, horizon)]
    delivered = 0
    for group in _groups(new):
        inserted = _insert(group, now)
        sent |= inserted
        delivered += len(inserted)
    _record(bulk_sends, open_rows, sent)
    database.queryset(ScheduledSend).filter(pk__in=[row.pk for row in rows]).delete()
    return delivered


def _still_due(ids: Collection[int], horizon: datetime) -> list[ScheduledSend]:
    """Read the batch again, and lock it: another process may have delivered or cancelled some of it."""
    free = database.queryset(ScheduledSend).select_for_update(skip_locked=True, of=("self",))
    rows = free.filter(pk__in=ids, deliver_at__lte=horizon).select_related("sender")
    return list(rows.order_by("deliver_at", "pk"))


def _lock_bulk_sends(ids: Collection[Any]) -> dict[int, BulkSend]:
    """Lock the bulk sends that nobody else has locked: a chunk of theirs is about to be recorded."""
    if not ids:
        return {}
    free = database.queryset(BulkSend).select_for_update(skip_locked=True, no_key=True)
    return {row.pk: row for row in free.filter(pk__in=ids).order_by("pk")}


def _is_stopped(row: ScheduledSend, bulk_sends: Mapping[int, BulkSend]) -> bool:
    return row.bulk_send_id is not None and bulk_sends[row.bulk_send_id].state in STOPPED


def _used_keys(rows: Sequence[ScheduledSend]) -> dict[tuple[Any, str | None], int]:
    """Return the notifications that have the key of a row already: a send without a time has used it."""
    keys = [row.idempotency_key for row in rows if row.idempotency_key is not None]
    if not keys:
        return {}
    found = database.queryset(Notification).filter(idempotency_key__in=keys)
    columns = found.values_list("sender_id", "idempotency_key", "pk")
    return {(sender_id, key): id for sender_id, key, id in columns}


def _has_expired(row: ScheduledSend, horizon: datetime) -> bool:
    expires_at = content_in(row.content).expires_at
    return expires_at is not None and expires_at <= horizon


def _groups(rows: Sequence[ScheduledSend]) -> Iterator[list[ScheduledSend]]:
    """Yield rows that can be inserted together: of one type, each to another recipient, with few contents.

    What one recipient gets stays in the order in which it is due.
    """
    rounds: dict[tuple[int, str], list[ScheduledSend]] = defaultdict(list)
    count: dict[Any, int] = defaultdict(int)
    for row in rows:
        rounds[count[row.recipient_id], row.content["type"]].append(row)
        count[row.recipient_id] += 1
    for round in sorted(rounds):
        group: list[ScheduledSend] = []
        contents = set[bytes]()
        for row in rounds[round]:
            contents.add(_sameness(row))
            if len(contents) > DRAFTS:
                yield group
                group, contents = [], {_sameness(row)}
            group.append(row)
        yield group


def _sameness(row: ScheduledSend) -> bytes:
    """Return what is equal for rows that are copies of one notification."""
    return orjson.dumps(
        [row.content, str(row.sender_id), row.given_digest], option=orjson.OPT_SORT_KEYS
    )


def _insert(rows: Sequence[ScheduledSend], now: datetime | None) -> dict[int, int]:
    """Insert the notifications; return their ids by those of the rows, but for types that are not wanted."""
    copies: dict[bytes, list[ScheduledSend]] = defaultdict(list)
    for row in rows:
        copies[_sameness(row)].append(row)
    drafts = [
        Draft(
            unsaved(content_in(same[0].content), same[0].sender, now, same[0].given_digest),
            {row.recipient_id: row.idempotency_key for row in same},
        )
        for same in copies.values()
    ]
    by_recipient = {inbox.user_id: id for inbox, id in insert_notifications(drafts, now)}
    return {
        row.pk: by_recipient[row.recipient_id] for row in rows if row.recipient_id in by_recipient
    }


def _record(
    bulk_sends: Mapping[int, BulkSend], rows: Sequence[ScheduledSend], sent: Mapping[int, int]
) -> None:
    """Record what became of the recipients of bulk sends, as the chunks of a send do."""
    outcomes: dict[int, dict[Any, int | None]] = defaultdict(dict)
    for row in rows:
        if row.bulk_send_id is not None:
            outcomes[row.bulk_send_id][row.recipient_id] = sent.get(row.pk)
    for id, of_recipients in outcomes.items():
        add_chunk(bulk_sends[id], of_recipients)
