"""Expiry: deletes notifications whose `expires_at` has passed, each with an event of its own.

Until it is deleted, an expired notification is like any other: it is listed and counted, and can be marked. So lists,
counts and positions always agree, and no reader needs to compare times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from live_inbox import database, metrics
from live_inbox.events import Kind
from live_inbox.maintenance.due import Due, due_batches
from live_inbox.maintenance.steps import result_of
from live_inbox.services.event_recording import record
from live_inbox.services.inbox_rows import lock_skip_locked
from live_inbox.services.removing import can_lose, remove, rows_in_locked_inboxes

BATCH = 500
"""Notifications that one transaction deletes. Writers of the same inboxes wait for one such transaction."""


@dataclass(frozen=True, slots=True)
class Expired:
    """How many notifications were deleted, and from how many inboxes."""

    inboxes: int
    notifications: int


class WrongCounts(Exception):
    """Raised at the end of a run: some inboxes count fewer notifications than have expired in them."""


def expire_due(*, now: datetime | None = None, batch: int = BATCH) -> Expired:
    """Delete the notifications that have expired, with an event for each.

    Can run at any time, and concurrently. It skips inboxes that are locked at that moment until the next run, so it
    never waits. Raises WrongCounts, at the end, for inboxes that must be repaired.
    """
    steps = expire_in_steps(now=now, batch=batch)
    return result_of(steps, Expired(inboxes=0, notifications=0))


def expire_in_steps(*, now: datetime | None = None, batch: int = BATCH) -> Iterator[Expired]:
    """Do what `expire_due` does, one transaction for each step; yield what has been deleted so far.

    What has expired is decided by the database's clock, in the search and under the locks: this server's may be wrong.
    """
    if batch < 1:
        raise ValueError("The batch must be at least 1.")
    horizon = now or database.now()
    inboxes, notifications, wrong = set[Any](), 0, set[Any]()
    for due in due_batches("expires_at", horizon, batch):
        done = _expire(due, horizon, now, wrong)
        inboxes.update(done)
        notifications += sum(done.values())
        metrics.NOTIFICATIONS_EXPIRED.inc(sum(done.values()))
        yield Expired(inboxes=len(inboxes), notifications=notifications)
    if wrong:
        users = ", ".join(sorted(map(str, wrong)))
        raise WrongCounts(f"Wrong counts, repair them by manage.py check_inboxes --fix: {users}")


@database.transactional
def _expire(
    due: Sequence[Due], horizon: datetime, now: datetime | None, wrong: set[Any]
) -> Mapping[Any, int]:
    """Delete a batch in one transaction; return the number of deletions of each inbox."""
    inboxes = lock_skip_locked({each.user_id for each in due})
    # Another process may have changed the batch since the search.
    ids = [each.id for each in due]
    found = rows_in_locked_inboxes(ids, inboxes, expires_at__lte=horizon)
    wrong.update(user for user in found if not can_lose(inboxes[user], found[user]))
    for user in wrong & found.keys():
        del found[user]
    rows = [row for user in found for row in found[user]]
    if rows:
        record(remove(inboxes, rows, Kind.EXPIRED, now))
    return {user: len(deleted) for user, deleted in found.items()}
