"""What was delivered, and what has become of it: by day, by type and by campaign.

Each is answered from a bounded number of the newest rows, by their primary keys: the tables have no index of times,
which every send would pay for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, IntegerField, Max, Model, Q, QuerySet, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, TruncDate

from live_inbox import database
from live_inbox.campaigns import Campaign, campaign_of, campaign_rows, name_of
from live_inbox.events import Kind, PayloadType
from live_inbox.models import READ, InboxEvent, Notification, SuppressedSend, rank
from live_inbox.selectors.campaigns import IS_SEEN, Reception, receptions

MOST_ROWS = 50_000
"""The newest rows of a table that are looked at."""

DAYS = 14
TYPES = 20
CAMPAIGNS = 20

_CAMPAIGN_SAMPLE = 2
"""Chunks of each campaign that are looked at: 1,000 notifications at most."""

_REMOVALS = [kind for kind in Kind if kind.payload is PayloadType.REMOVAL]


@dataclass(frozen=True, slots=True)
class Day:
    """What happened on one day. Counts are of notifications, by the log, and of those that were not sent."""

    date: date
    sent: int
    suppressed: int
    """For recipients who had turned the type off."""
    seen: int
    """When lists were opened; not those that were read before."""
    read: int
    deleted: int
    """By their recipients, by recalls, and because they expired."""


@dataclass(frozen=True, slots=True)
class TypeCounts:
    """What has become of the notifications of one type that are there, and how many were not sent."""

    type: str
    sent: int
    suppressed: int
    """For recipients who had turned the type off, in the last LOG_KEEP_DAYS."""
    seen: int
    """With those that were read."""
    read: int


@dataclass(frozen=True, slots=True)
class CampaignCounts:
    """A campaign, and what has become of its notifications."""

    campaign: Campaign
    title: str
    """That of its content, or the type whose template makes it."""
    reception: Reception


@database.reading
def by_day(*, now: datetime) -> Sequence[Day]:
    """Return the last DAYS days on which something happened, newest first, in the current time zone.

    Of the newest MOST_ROWS events, and of the newest MOST_ROWS counts of suppressed sends.
    """
    since = now - timedelta(days=DAYS)
    count = Coalesce(Cast(KeyTextTransform("count", "payload"), IntegerField()), 0)

    def rows_of(*kinds: Kind) -> Count:
        return Count("pk", filter=_of(kinds))

    def sum_of(*kinds: Kind) -> Coalesce:
        return Coalesce(Sum(count, filter=_of(kinds)), 0)

    days = (
        _newest(InboxEvent)
        .filter(created_at__gte=since)
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(
            sent=rows_of(Kind.ADDED),
            seen=sum_of(Kind.SEEN),
            one_read=rows_of(Kind.READ),
            all_read=sum_of(Kind.ALL_READ, Kind.MANY_READ),
            one_removed=rows_of(*_REMOVALS),
            many_removed=sum_of(Kind.MANY_DELETED),
        )
        .order_by()
    )
    suppressed = (
        _newest(SuppressedSend)
        .filter(created_at__gte=since)
        .annotate(day=TruncDate("created_at"))
        .values_list("day")
        .annotate(Sum("recipients"))
        .order_by()
    )
    found = {row.pop("day"): row for row in days}
    left = dict(suppressed)
    return [
        _day(day, found.get(day, {}), left.get(day, 0))
        for day in sorted(found.keys() | left.keys(), reverse=True)
    ]


def _day(day: date, events: Mapping[str, int], suppressed: int) -> Day:
    def total(*names: str) -> int:
        return sum(events.get(name, 0) for name in names)

    return Day(
        day,
        sent=total("sent"),
        suppressed=suppressed,
        seen=total("seen"),
        read=total("one_read", "all_read"),
        deleted=total("one_removed", "many_removed"),
    )


def _of(kinds: Collection[Kind]) -> Q:
    return Q(kind__in=[kind.value for kind in kinds])


@database.reading
def by_type() -> Sequence[TypeCounts]:
    """Return the TYPES types with the most notifications, of the newest MOST_ROWS, and the most suppressed sends."""
    rows = (
        _newest(Notification)
        .order_by()
        .alias(place=rank())
        .values("type")
        .annotate(sent=Count("pk"), seen=Count("pk", filter=IS_SEEN), read=Count("pk", filter=READ))
    )
    found = {row["type"]: row for row in rows}
    suppressed = _newest(SuppressedSend).order_by().values_list("type").annotate(Sum("recipients"))
    left = dict(suppressed)
    nothing = {"sent": 0, "seen": 0, "read": 0}
    counts = [
        TypeCounts(**{"type": type, **found.get(type, nothing)}, suppressed=left.get(type, 0))
        for type in found.keys() | left.keys()
    ]
    return sorted(counts, key=lambda each: (-each.sent - each.suppressed, each.type))[:TYPES]


@database.reading
def by_campaign() -> Sequence[CampaignCounts]:
    """Return the CAMPAIGNS newest campaigns and recorded bulk sends, newest first. Makes four queries."""
    rows: Any = list(campaign_rows().order_by("-pk")[:CAMPAIGNS])
    found = receptions([row.pk for row in rows], sample=_CAMPAIGN_SAMPLE)
    return [CampaignCounts(campaign_of(row), name_of(row), found[row.pk]) for row in rows]


def _newest(model: type[Model]) -> QuerySet[Any]:
    """Return the rows with the newest MOST_ROWS primary keys: fewer where some are gone."""
    rows: QuerySet[Any] = database.queryset(model)
    newest = rows.order_by().aggregate(newest=Max("pk"))["newest"] or 0
    return rows.filter(pk__gt=newest - MOST_ROWS)
