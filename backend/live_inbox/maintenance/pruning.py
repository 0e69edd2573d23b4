"""Pruning: what keeps the logs from growing for ever.

Only a log's beginning is ever removed, and `Inbox.first_sequence` moves in the same transaction, under the inbox's
lock. So what is left has no holes, and a client that comes back from before it is told so (`Loss.EXPIRED`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.models import Inbox, InboxEvent

BATCH = 500
"""Events that one transaction removes. Writers of the inboxes concerned wait for one such transaction."""

Cut = Mapping[Any, int]
"""For each user, the first sequence that their log keeps."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many events were removed, and from how many inboxes."""

    inboxes: int
    events: int


@dataclass(slots=True)
class _Tally:
    """What has been removed so far."""

    inboxes: set[Any] = field(default_factory=set)
    events: int = 0


def prune_events(
    *,
    now: datetime | None = None,
    keep_days: int | None = None,
    keep_events: int | None = None,
    batch: int = BATCH,
) -> Pruned:
    """Remove events that are older than `keep_days`, and of each inbox those beyond its newest `keep_events`.

    The settings LOG_KEEP_DAYS and LOG_KEEP_EVENTS are the defaults. Safe to run at any time, also twice at
    once; what is interrupted has done its part and goes on at the next run.
    """
    steps = prune_in_steps(now=now, keep_days=keep_days, keep_events=keep_events, batch=batch)
    return [Pruned(inboxes=0, events=0), *steps][-1]


def prune_in_steps(
    *,
    now: datetime | None = None,
    keep_days: int | None = None,
    keep_events: int | None = None,
    batch: int = BATCH,
) -> Iterator[Pruned]:
    """Do what `prune_events` does, one transaction at each step; give what has been removed so far."""
    days = inbox_settings().log_keep_days if keep_days is None else keep_days
    events = inbox_settings().log_keep_events if keep_events is None else keep_events
    if days < 0 or events < 0 or batch < 1:
        raise ValueError("A log cannot keep less than nothing.")
    horizon = (now or timezone.now()) - timedelta(days=days)
    tally = _Tally()
    for cut in _cuts_by_age(horizon, batch):
        yield _apply(cut, tally)
    for cut in _cuts_by_count(events, batch):
        yield _apply(cut, tally)


def _cuts_by_age(horizon: datetime, batch: int) -> Iterator[Cut]:
    """Walk from the lowest id until a whole batch is young enough: ids grow in time order, nearly.

    Nearly, because the clocks of two servers differ and transactions overlap. A row that is out of order can
    neither end the walk early, nor cost anything else than to be looked at again by the next run.
    """
    after = 0
    while True:
        rows = list(
            InboxEvent.objects.filter(pk__gt=after)
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
    """Go through the inboxes whose log is too long, in steps that add up to a batch of events."""
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
    too_long = Inbox.objects.filter(last_sequence__gte=F("first_sequence") + keep).order_by("pk")
    rows = too_long.values_list("pk", "first_sequence", "last_sequence")
    found = list(rows[:page])
    while found:
        yield from found
        found = list(rows.filter(pk__gt=found[-1][0])[:page])


def _apply(cut: Cut, tally: _Tally) -> Pruned:
    """Move the beginnings of logs forward and remove what lies before, in one transaction. Return the sum."""
    with transaction.atomic():
        # In the order of users, as every writer that locks several inboxes does: no deadlocks.
        inboxes = Inbox.objects.select_for_update(no_key=True).filter(pk__in=list(cut))
        moves = {inbox.pk: _move(inbox, cut[inbox.pk]) for inbox in inboxes.order_by("pk")}
        moved = {user_id: first for user_id, first in moves.items() if first is not None}
        removed = _write(moved) if moved else 0
    tally.inboxes.update(moved)
    tally.events += removed
    metrics.EVENTS_PRUNED.inc(removed)
    return Pruned(inboxes=len(tally.inboxes), events=tally.events)


def _move(inbox: Inbox, first_sequence: int) -> int | None:
    """Return where the log of a locked inbox begins from now on: never further back, nor beyond its end."""
    first = min(first_sequence, inbox.last_sequence + 1)
    return first if first > inbox.first_sequence else None


def _write(firsts: Cut) -> int:
    """Write the new beginnings, remove the events before them, and return how many those were.

    Many small statements, sent together. Django's bulk_update takes longer to be put together than all of these
    to be carried out, and a single DELETE makes PostgreSQL read the whole log.
    """
    key = Inbox._meta.pk
    rows = [(first, key.get_db_prep_save(user_id, connection)) for user_id, first in firsts.items()]
    inboxes = connection.ops.quote_name(Inbox._meta.db_table)
    events = connection.ops.quote_name(InboxEvent._meta.db_table)
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {inboxes} SET first_sequence = %s WHERE user_id = %s", rows)
        cursor.executemany(f"DELETE FROM {events} WHERE sequence < %s AND inbox_id = %s", rows)
        return int(cursor.rowcount)
