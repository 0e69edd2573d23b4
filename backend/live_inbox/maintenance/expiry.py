"""Expiry: notifications that were given an end disappear, each with an event of its own.

Until then an expired notification is like any other: it is listed and counted, and it can be marked. So lists, counts
and positions always agree, and only the event tells that it is gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan
from django.utils import timezone

from live_inbox import metrics
from live_inbox.events import Event, Kind
from live_inbox.models import Inbox, Notification
from live_inbox.services.event_recording import event_of, record
from live_inbox.services.inbox_rows import advance, lock_free, save_all

BATCH = 500
"""Notifications that one transaction deletes. Writers of the inboxes concerned wait for one such transaction."""


@dataclass(frozen=True, slots=True)
class Expired:
    """How many notifications were deleted, and from how many inboxes."""

    inboxes: int
    notifications: int


class WrongCounts(Exception):
    """Raised after everything else is done: some inboxes count fewer notifications than have expired in them."""


class _Due(NamedTuple):
    """A notification whose time has come, where the walk found it."""

    expires_at: datetime
    id: int
    user_id: Any


class _Row(NamedTuple):
    """The same under the lock of its inbox."""

    id: int
    user_id: Any
    type: str
    read_at: datetime | None


def expire_due(*, now: datetime | None = None, batch: int = BATCH) -> Expired:
    """Delete the notifications whose time has come, and tell the devices.

    Safe to run at any time, also twice at once. An inbox that somebody else is changing at that moment is left for
    the next run, so nobody is waited for. Raises WrongCounts, at the end, for inboxes that must be repaired.
    """
    steps = expire_in_steps(now=now, batch=batch)
    return [Expired(inboxes=0, notifications=0), *steps][-1]


def expire_in_steps(*, now: datetime | None = None, batch: int = BATCH) -> Iterator[Expired]:
    """Do what `expire_due` does, one transaction at each step; give what has been deleted so far."""
    if batch < 1:
        raise ValueError("A batch has one notification at least.")
    horizon = now or timezone.now()
    inboxes, notifications, wrong = set[Any](), 0, set[Any]()
    for due in _walk(horizon, batch):
        done = _expire(due, horizon, now or timezone.now(), wrong)
        inboxes.update(done)
        notifications += sum(done.values())
        yield Expired(inboxes=len(inboxes), notifications=notifications)
    if wrong:
        users = ", ".join(sorted(map(str, wrong)))
        raise WrongCounts(f"Wrong counts, repair them by manage.py check_inboxes --fix: {users}")


def _walk(horizon: datetime, batch: int) -> Iterator[Sequence[_Due]]:
    """Give what is due, oldest first. Goes on from the last one, whether or not that could be deleted."""
    query = _due(horizon)
    while due := [_Due(*row) for row in query[:batch]]:
        yield due
        if len(due) < batch:
            return
        last = due[-1]
        after = TupleGreaterThan(Tuple(F("expires_at"), F("id")), (last.expires_at, last.id))
        # The first condition follows from the second, but SQLite does not see that.
        query = _due(horizon).filter(after, expires_at__gte=last.expires_at)


def _due(horizon: datetime) -> QuerySet[Notification, Any]:
    rows = Notification.objects.filter(expires_at__lte=horizon).order_by("expires_at", "id")
    return rows.values_list("expires_at", "id", "recipient_id")


def _expire(
    due: Sequence[_Due], horizon: datetime, now: datetime, wrong: set[Any]
) -> Mapping[Any, int]:
    """Delete a batch in one transaction, and return how many each inbox has lost."""
    with transaction.atomic():
        inboxes = lock_free({each.user_id for each in due})
        found = _still_due([each.id for each in due], inboxes, horizon)
        wrong.update(user for user in found if not _counts(inboxes[user], found[user]))
        for user in wrong & found.keys():
            del found[user]
        rows = [row for user in found for row in found[user]]
        if rows:
            Notification.objects.filter(pk__in=[row.id for row in rows]).delete()
            events = [_leave(inboxes[row.user_id], row, now) for row in rows]
            save_all([inboxes[user] for user in found])
            record(events)
    metrics.NOTIFICATIONS_EXPIRED.inc(len(rows))
    return {user: len(lost) for user, lost in found.items()}


def _still_due(
    ids: Collection[int], users: Collection[Any], horizon: datetime
) -> dict[Any, list[_Row]]:
    """Look again, now that nobody else can change these inboxes: somebody may have been faster.

    Rows can be locked beside their inbox, while their user or their sender is being deleted. They are left, too.
    """
    found: dict[Any, list[_Row]] = defaultdict(list)
    free = Notification.objects.select_for_update(skip_locked=True)
    rows = free.filter(pk__in=ids, recipient__in=users, expires_at__lte=horizon)
    for row in rows.order_by("recipient_id", "pk").values_list(
        "id", "recipient_id", "type", "read_at"
    ):
        found[row[1]].append(_Row(*row))
    return found


def _counts(inbox: Inbox, rows: Sequence[_Row]) -> bool:
    """Whether an inbox can lose these. If not, its counts were damaged, and others must not suffer for it."""
    unread = inbox.unread_count - sum(row.read_at is None for row in rows)
    return 0 <= unread <= inbox.total_count - len(rows)


def _leave(inbox: Inbox, row: _Row, now: datetime) -> Event:
    numbered = advance(inbox, unread=-1 if row.read_at is None else 0, total=-1)
    return event_of(Kind.EXPIRED, numbered, now, notification_id=row.id, type=row.type)
