"""Compares notifications with the log, one by one: differences that cancel out in the counts are found here.

The log says of every notification that it has an event about whether it is there, and of those that it added what they
say. It says nothing of notifications from before its beginning that nothing has happened to since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db.models import Case, Count, Exists, F, IntegerField, Max, OuterRef, Q, When
from django.db.models.fields.json import KT

from live_inbox import database
from live_inbox.events import Kind
from live_inbox.models import InboxEvent, Notification

_CONTENT = ("type", "title", "message", "link")
"""The fields that are compared: those that are text in the log, too."""

_REMOVALS = (Kind.DELETED, Kind.EXPIRED)


def not_as_added(users: Sequence[Any]) -> dict[Any, dict[str, int]]:
    """Count the notifications of users that came after the log's beginning, without an event that added them so."""
    content = {f"added_{name}": KT(f"payload__notification__{name}") for name in _CONTENT}
    added = InboxEvent.objects.alias(**content).filter(
        inbox=OuterRef("recipient_id"),
        sequence=OuterRef("added_sequence"),
        kind=Kind.ADDED,
        notification_id=OuterRef("pk"),
        **{f"added_{name}": OuterRef(name) for name in _CONTENT},
    )
    rows = database.queryset(Notification).filter(
        ~Exists(added),
        recipient__in=users,
        added_sequence__gte=F("recipient__inbox__first_sequence"),
    )
    found: Any = rows.order_by().values("recipient_id").annotate(not_as_added=Count("pk"))
    return {row.pop("recipient_id"): row for row in found}


def presence(users: Sequence[Any]) -> dict[Any, dict[str, int]]:
    """Count the notifications of users that are gone, or there, where the log says the opposite."""
    # Grouping sorts the events once; a subquery for each of them would read the log again and again.
    events = database.queryset(InboxEvent).filter(inbox__in=users, notification_id__isnull=False)
    about: Any = events.order_by().values("inbox_id", "notification_id")
    row = Notification.objects.filter(
        pk=OuterRef("notification_id"), recipient=OuterRef("inbox_id")
    )
    removed = Case(When(kind__in=_REMOVALS, then=1), default=0, output_field=IntegerField())
    wrong = about.annotate(removed=Max(removed), there=Exists(row)).filter(
        Q(removed=1, there=True) | Q(removed=0, there=False)
    )
    counts: dict[Any, Counter[str]] = {}
    for inbox_id, there in wrong.values_list("inbox_id", "there"):
        counts.setdefault(inbox_id, Counter())["removed" if there else "not_removed"] += 1
    return {user_id: dict(count) for user_id, count in counts.items()}
