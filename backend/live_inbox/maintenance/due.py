"""Rows whose time has come: what expiry, the end of snoozes and scheduled sends search for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from django.db.models import F
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan

from live_inbox import database
from live_inbox.models import Notification, ScheduledSend


class Due(NamedTuple):
    """A row whose time has come, as the search found it."""

    moment: datetime
    id: int
    user_id: Any


DueField = Literal["expires_at", "snoozed_until", "deliver_at"]


def due_batches(field: DueField, horizon: datetime, batch: int) -> Iterator[Sequence[Due]]:
    """Yield batches of rows whose moment in a field has come, oldest first: `deliver_at` is of scheduled sends.

    Each comes after the last one of the batch before, so what was left alone is not found again in the same run.
    """
    model: Any = ScheduledSend if field == "deliver_at" else Notification
    rows = database.queryset(model).filter(**{f"{field}__lte": horizon})
    ordered = rows.order_by(field, "id")
    query = ordered
    while due := [Due(*row) for row in query.values_list(field, "id", "recipient_id")[:batch]]:
        yield due
        if len(due) < batch:
            return
        last = due[-1]
        after = TupleGreaterThan(Tuple(F(field), F("id")), (last.moment, last.id))
        # The second condition follows from the first, but SQLite needs it to use the index.
        query = ordered.filter(after, **{f"{field}__gte": last.moment})


def counted_steps(
    field: DueField,
    step: Callable[[Sequence[Due], datetime, datetime | None], int],
    *,
    now: datetime | None,
    batch: int,
) -> Iterator[int]:
    """Call `step` with each batch, the moment until which rows are due and `now`; yield the sum of what it returns.

    What is due is decided by the database's clock, unless `now` is given. Raises ValueError for an empty batch.
    """
    if batch < 1:
        raise ValueError("The batch must be at least 1.")
    horizon = now or database.now()
    done = 0
    for due in due_batches(field, horizon, batch):
        done += step(due, horizon, now)
        yield done
