"""What was delivered, and what has become of it: by day, by type and by campaign.

Each is answered from a bounded number of the newest rows, by their primary keys: the tables have no index of times,
which every send would pay for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, IntegerField, Max, Model, Q, QuerySet, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, TruncDate

from live_inbox import database
from live_inbox.campaigns import Campaign, campaign_of, campaign_rows, name_of
from live_inbox.events import Kind, PayloadType
from live_inbox.models import READ, InboxEvent, Notification, rank
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
    """What happened on one day, by the log. Counts are of notifications."""

    date: date
    sent: int
    seen: int
    """When lists were opened; not those that were read before."""
    read: int
    deleted: int
    """By their recipients, by recalls, and because they expired."""


@dataclass(frozen=True, slots=True)
class TypeCounts:
    """What has become of the notifications of one type that are there."""

    type: str
    sent: int
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
    """Return the last DAYS days with events, newest first, in the current time zone: of the newest MOST_ROWS events."""
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
        .order_by("-day")
    )
    return [
        Day(
            row["day"],
            sent=row["sent"],
            seen=row["seen"],
            read=row["one_read"] + row["all_read"],
            deleted=row["one_removed"] + row["many_removed"],
        )
        for row in days
    ]


def _of(kinds: Collection[Kind]) -> Q:
    return Q(kind__in=[kind.value for kind in kinds])


@database.reading
def by_type() -> Sequence[TypeCounts]:
    """Return the TYPES types with the most notifications: of the newest MOST_ROWS."""
    rows = (
        _newest(Notification)
        .order_by()
        .alias(place=rank())
        .values("type")
        .annotate(sent=Count("pk"), seen=Count("pk", filter=IS_SEEN), read=Count("pk", filter=READ))
        .order_by("-sent", "type")
    )
    return [TypeCounts(**row) for row in rows[:TYPES]]


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
