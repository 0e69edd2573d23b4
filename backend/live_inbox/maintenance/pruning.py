"""Pruning: removes old events, so that the logs do not grow without limit.

It removes only the beginning of a log, and moves `Inbox.first_sequence` in the same transaction, under the inbox's
lock. So the rest has no holes, and a client with an older position gets a reset (`ResetReason.EXPIRED`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from live_inbox import database, metrics
from live_inbox.conf import inbox_settings
from live_inbox.maintenance.steps import result_of
from live_inbox.models import Inbox, InboxEvent
from live_inbox.sql_rows import key_value, table_of

BATCH = 500
"""Events that one transaction removes. Writers of the same inboxes wait for one such transaction."""

Cut = Mapping[Any, int]
"""The first sequence that each user's log keeps."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many events were removed, and from how many inboxes."""

    inboxes: int
    events: int


@dataclass(slots=True)
class _Tally:
    """The number of removed events, and the inboxes that had them, so far."""

    inboxes: set[Any] = field(default_factory=set)
    events: int = 0


def prune_events(
    *,
    now: datetime | None = None,
    keep_days: int | None = None,
    keep_events: int | None = None,
    batch: int = BATCH,
) -> Pruned:
    """Remove events older than `keep_days`, and all but the newest `keep_events` of each inbox.

    The settings LOG_KEEP_DAYS and LOG_KEEP_EVENTS are the defaults. Can run at any time, and concurrently; an
    interrupted run is continued by the next one.
    """
    steps = prune_in_steps(now=now, keep_days=keep_days, keep_events=keep_events, batch=batch)
    return result_of(steps, Pruned(inboxes=0, events=0))


def prune_in_steps(
    *,
    now: datetime | None = None,
    keep_days: int | None = None,
    keep_events: int | None = None,
    batch: int = BATCH,
) -> Iterator[Pruned]:
    """Do what `prune_events` does, one transaction for each step; yield what has been removed so far."""
    days = inbox_settings().log_keep_days if keep_days is None else keep_days
    events = inbox_settings().log_keep_events if keep_events is None else keep_events
    if days < 0 or events < 0 or batch < 1:
        raise ValueError(
            "keep_days and keep_events must not be negative, and the batch at least 1."
        )
    horizon = (now or database.now()) - timedelta(days=days)
    tally = _Tally()
    for cut in _cuts_by_age(horizon, batch):
        yield _apply(cut, tally)
    for cut in _cuts_by_count(events, batch):
        yield _apply(cut, tally)


def prune_inbox(user_id: Any, *, batch: int = BATCH) -> Iterator[int]:
    """Remove the whole log of one inbox, one transaction for each step; yield how many events each has removed."""
    while True:
        found = database.queryset(Inbox).filter(pk=user_id).values_list("first_sequence", flat=True)
        first = found.first()
        moved, removed = ({}, 0) if first is None else _remove({user_id: first + batch})
        if not moved:
            return
        metrics.EVENTS_PRUNED.inc(removed)
        yield removed


def _cuts_by_age(horizon: datetime, batch: int) -> Iterator[Cut]:
    """Yield cuts from the lowest id upwards, until a whole batch is young enough.

    Ids grow almost in time order: the clocks of servers differ, and transactions overlap. A row that is out of order
    does not end the search early; the next run examines it again.
    """
    after = 0
    while True:
        rows = list(
            database.queryset(InboxEvent)
            .filter(pk__gt=after)
            .order_by("pk")
            .values_list("pk", "inbox_id", "sequence", "created_at")[:batch]
        )
        cut: dict[Any, int] = {}
        for _, user_id, sequence, created_at in rows:
            if created_at < horizon:
                cut[user_id] = sequence + 1
        if not cut:
            return
        yield cut
        after = rows[-1][0]


def _cuts_by_count(keep: int, batch: int) -> Iterator[Cut]:
    """Yield cuts for the inboxes whose log is too long, each of a batch of events."""
    cut: dict[Any, int] = {}
    room = batch
    for user_id, first, last in _inboxes_with_more_than(keep, batch):
        while first <= last - keep:
            step = min(room, last - keep + 1 - first)
            first += step
            room -= step
            cut[user_id] = first
            if not room:
                yield cut
                cut, room = {}, batch
    if cut:
        yield cut


def _inboxes_with_more_than(keep: int, page: int) -> Iterator[tuple[Any, int, int]]:
    too_long = F("first_sequence") + keep
    inboxes = database.queryset(Inbox).filter(last_sequence__gte=too_long).order_by("pk")
    rows = inboxes.values_list("pk", "first_sequence", "last_sequence")
    found = list(rows[:page])
    while found:
        yield from found
        found = list(rows.filter(pk__gt=found[-1][0])[:page])


def _apply(cut: Cut, tally: _Tally) -> Pruned:
    """Apply a cut; return the totals so far."""
    moved, removed = _remove(cut)
    tally.inboxes.update(moved)
    tally.events += removed
    metrics.EVENTS_PRUNED.inc(removed)
    return Pruned(inboxes=len(tally.inboxes), events=tally.events)


@database.transactional
def _remove(cut: Cut) -> tuple[Cut, int]:
    """Move the beginnings of logs and remove the events before them; return what has moved, and how many they were."""
    # In the order of users, as every writer that locks several inboxes, so that none of them deadlock.
    inboxes = database.queryset(Inbox).select_for_update(no_key=True).filter(pk__in=list(cut))
    moves = {inbox.pk: _move(inbox, cut[inbox.pk]) for inbox in inboxes.order_by("pk")}
    moved = {user_id: first for user_id, first in moves.items() if first is not None}
    return moved, _write(moved) if moved else 0


def _move(inbox: Inbox, first_sequence: int) -> int | None:
    """Return the new first sequence of a locked inbox, at most one more than its last; None if it does not move."""
    first = min(first_sequence, inbox.last_sequence + 1)
    return first if first > inbox.first_sequence else None


def _write(firsts: Cut) -> int:
    """Write the new first sequences, remove the events before them, and return their number.

    Uses many small statements, sent together: building Django's bulk_update takes longer than executing all of
    these, and a single DELETE makes PostgreSQL read the whole log.
    """
    connection = database.connection()
    rows = [(first, key_value(connection, user_id)) for user_id, first in firsts.items()]
    inboxes, events = table_of(connection, Inbox), table_of(connection, InboxEvent)
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {inboxes} SET first_sequence = %s WHERE user_id = %s", rows)
        cursor.executemany(f"DELETE FROM {events} WHERE sequence < %s AND inbox_id = %s", rows)
        return int(cursor.rowcount)
