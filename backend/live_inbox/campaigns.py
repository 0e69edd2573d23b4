"""How far a campaign has come, as code and clients see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

import orjson
from django.contrib.auth import get_user_model
from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from live_inbox import database
from live_inbox.bulk_states import SENDING, AudienceKind, BulkState
from live_inbox.clock import clock
from live_inbox.errors import NotFound
from live_inbox.models import BulkSend, ScheduledSend


class CampaignCounts(TypedDict):
    """The counts of a campaign, of recipients: see `Campaign`."""

    total: int
    sent: int
    suppressed: int
    failed: int
    scheduled: int
    recalled: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """A bulk send that is recorded. Counts are of recipients.

    Each recipient who has been dealt with is in one of `sent`, `suppressed` (they do not want the type) and `failed`
    (SEND_POLICY forbids it, the content cannot be made in their language, or they have been deleted).
    """

    id: int
    state: BulkState
    total: int
    """How many recipients there were when it began; since it is done, how many it has dealt with."""
    sent: int
    suppressed: int
    failed: int
    scheduled: int
    """For how many recipients `send_many` has scheduled it."""
    recalled: int
    """How many of the notifications that were sent a recall has deleted. Recipients may have deleted others before."""
    reason: str
    """Why it ended before everybody had it; empty otherwise."""
    sender_id: Any
    idempotency_key: str | None
    audience: AudienceKind | None
    """How the recipients are named; None for a call of `send_many`, which has them itself."""
    audience_name: str
    """The topic or the segment; empty for the others."""
    deliver_at: datetime | None
    """When it begins; None for at once, and for a call of `send_many`."""
    started_at: datetime
    changed_at: datetime
    replayed: bool = field(default=False, compare=False)
    """Whether `start_campaign` has found it by its idempotency key."""

    @property
    def topic(self) -> str | None:
        """The topic whose subscribers it is for; None for others."""
        return self.audience_name if self.audience is AudienceKind.TOPIC else None

    @property
    def segment(self) -> str | None:
        """The segment that it is for; None for others."""
        return self.audience_name if self.audience is AudienceKind.SEGMENT else None

    @property
    def counts(self) -> CampaignCounts:
        """All counts."""
        return {
            "total": self.total,
            "sent": self.sent,
            "suppressed": self.suppressed,
            "failed": self.failed,
            "scheduled": self.scheduled,
            "recalled": self.recalled,
        }

    @property
    def is_due(self) -> bool:
        """Whether there is something left to do that a process can do by itself."""
        if self.state is BulkState.RECALLING:
            return True
        if self.deliver_at is not None and self.deliver_at > clock.now():
            return False
        return self.audience is not None and self.state in SENDING

    @property
    def dealt_with(self) -> int:
        """How many recipients have been dealt with."""
        return self.sent + self.suppressed + self.failed


def campaign_rows() -> QuerySet[BulkSend]:
    """Return the rows of campaigns with the sums of their chunks, for `campaign_of`."""

    def total(column: str) -> Coalesce:
        return Coalesce(Sum(f"chunk_rows__{column}"), 0)

    rows = database.queryset(BulkSend).select_related("order").defer("order__recipient_keys")
    waiting = database.queryset(ScheduledSend).filter(bulk_send=OuterRef("pk")).order_by()
    count = Subquery(waiting.values("bulk_send").annotate(count=Count("pk")).values("count"))
    return rows.annotate(
        scheduled=Coalesce(count, 0),
        sent=total("sent"),
        suppressed=total("suppressed"),
        failed=total("failed"),
        recalled=total("recalled"),
    )


def campaign_of(row: Any) -> Campaign:
    """Return the campaign of a row of `campaign_rows`."""
    order = getattr(row, "order", None)
    # The call is done, and the servers are not.
    is_waiting = row.state == BulkState.DONE and row.scheduled > 0
    return Campaign(
        id=row.pk,
        state=BulkState.RUNNING if is_waiting else BulkState(row.state),
        total=row.recipients,
        sent=row.sent,
        suppressed=row.suppressed,
        failed=row.failed,
        scheduled=row.scheduled,
        recalled=row.recalled,
        reason=row.reason,
        sender_id=row.sender_id,
        idempotency_key=row.idempotency_key,
        audience=None if order is None else AudienceKind(order.audience),
        audience_name="" if order is None else order.audience_name,
        deliver_at=row.deliver_at,
        started_at=row.started_at,
        changed_at=row.changed_at,
    )


def name_of(row: Any) -> str:
    """Return the title of a bulk send's row, or the type whose template makes it."""
    order = getattr(row, "order", None)
    if order is None:
        return row.title or str(row)
    return str(order.content.get("title") or order.content["type"])


@database.reading
def read_campaign(campaign_id: int) -> Campaign:
    """Return a campaign as it is now, by one query. Raises NotFound."""
    for row in campaign_rows().filter(pk=campaign_id):
        return campaign_of(row)
    raise no_campaign()


def sent_in(outcomes: str) -> dict[int, Any]:
    """Return the ids of the notifications in the outcomes of a chunk, with their recipients."""
    to_python = get_user_model()._meta.pk.to_python
    return {id: to_python(key) for key, id in orjson.loads(outcomes) if id is not None}


def no_campaign() -> NotFound:
    """Return the error for a campaign that there is not, or that somebody may not see."""
    return NotFound("There is no such campaign.")
