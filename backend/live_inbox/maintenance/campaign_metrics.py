"""Reads how far campaigns have come into gauges, which are of the whole site: every process reads the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, F, Min, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest

from live_inbox import database, metrics
from live_inbox.bulk_states import DUE, SENDING, BulkState
from live_inbox.clock import clock
from live_inbox.models import BulkSend, BulkSendChunk

WAITING = "waiting"
"""Of a campaign whose `deliver_at` is still to come."""

_STATES = (WAITING, *(state.value for state in DUE))


def observe_campaigns() -> Iterator[None]:
    """Set the gauges of campaigns, by one query; a job of housekeeping without further steps.

    A moment of progress is exported, not an age: where housekeeping has stopped, the age goes on growing. Without a
    campaign it is NaN, which no comparison of Prometheus is true of. A gauge that is shared by processes cannot be
    removed.
    """
    found = {row["phase"]: row for row in _read(clock.now())}
    left = 0
    for state in _STATES:
        row = found.get(state)
        metrics.CAMPAIGNS.labels(state).set(row["count"] if row else 0)
        if state == WAITING:
            continue
        since = row["since"].timestamp() if row else math.nan
        metrics.CAMPAIGN_PROGRESS_TIMESTAMP.labels(state).set(since)
        if row and state in SENDING:
            left += row["total"] - row["dealt_with"]
    # More of a topic or a segment may have been reached than there were when it began.
    metrics.CAMPAIGN_RECIPIENTS_LEFT.set(max(0, left))
    yield from ()


@database.reading
def _read(now: datetime) -> list[dict[str, Any]]:
    """Return a row for each state in which campaigns are, with their number, sums and oldest progress."""
    is_waiting = Q(deliver_at__gt=now, state__in=SENDING)
    rows = _unfinished().annotate(
        phase=Case(When(is_waiting, then=Value(WAITING)), default=F("state")),
        reached=Coalesce(Subquery(_sums()), 0),
        progress=Greatest("changed_at", Coalesce("deliver_at", "changed_at")),
    )
    by_phase = rows.order_by().values("phase")
    sums = by_phase.annotate(
        count=Count("pk"),
        since=Min("progress"),
        total=Sum("recipients"),
        dealt_with=Sum("reached"),
    )
    return [dict(row) for row in sums]


def _unfinished() -> QuerySet[BulkSend]:
    """Return the campaigns that a process can go on with. A call of `send_many` has its recipients itself."""
    rows = database.queryset(BulkSend).filter(state__in=DUE)
    return rows.filter(Q(state=BulkState.RECALLING) | Q(order__isnull=False))


def _sums() -> QuerySet[BulkSendChunk, Any]:
    """Return how many recipients each campaign has dealt with, for a subquery."""
    chunks = database.queryset(BulkSendChunk).filter(bulk_send=OuterRef("pk")).order_by()
    dealt_with = Sum(F("sent") + F("suppressed") + F("failed"))
    return chunks.values("bulk_send").annotate(dealt_with=dealt_with).values("dealt_with")
