"""Carrying out campaigns, by any number of processes, from wherever the last one stopped.

A step is one transaction, which locks the campaign's row. It reads the recipients after the last one who has been dealt
with, sends to them, and writes how far it has come. So nobody is left out and nobody is served twice, wherever a
process is killed: either all of that is committed, or nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.db.models import F, Q, Sum
from django.utils import translation

from live_inbox import database
from live_inbox.bulk_states import SENDING, BulkState
from live_inbox.campaigns import Campaign, no_campaign, read_campaign
from live_inbox.clock import clock
from live_inbox.content import Content
from live_inbox.errors import InvalidInput
from live_inbox.models import BulkSend, BulkSendChunk, CampaignOrder
from live_inbox.send_policy import may_send
from live_inbox.services.bulk_record import write_chunk
from live_inbox.services.bulk_sending import LOCKED_PAUSES, SEND_CHUNK
from live_inbox.services.campaign_audience import Audience, audience_in, existing
from live_inbox.services.campaign_recall import recall_step
from live_inbox.services.campaign_steps import (
    Busy,
    Step,
    count_on_commit,
    lock_campaign,
    save_campaign,
)
from live_inbox.services.campaigns import given_in
from live_inbox.services.given_content import GivenContent
from live_inbox.services.inbox_rows import lock_free
from live_inbox.services.inserting import Draft, insert_notifications, unsaved
from live_inbox.services.recipient_content import content_for, contents_for
from live_inbox.services.users import existing_users, load_by_key

STEP_RECIPIENTS = SEND_CHUNK
"""Recipients of one step."""

MAX_LEFT = 5000
"""Recipients whose inboxes were locked that a campaign leaves for later before it looks after them first."""

ATTEMPTS = 5
"""How often a step is tried while its users are being deleted."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign as a process carries it out: its order, read once."""

    id: int
    order: CampaignOrder
    audience: Audience
    given: GivenContent


@database.reading
def read_plan(campaign_id: int) -> Plan:
    """Return the plan of a campaign. Raises NotFound, and ImproperlyConfigured for a segment that is no more."""
    for order in database.queryset(CampaignOrder).filter(pk=campaign_id):
        given = given_in(order, now=clock.now())
        return Plan(campaign_id, order, audience_in(order), given)
    raise no_campaign()


@database.reading
def due_campaigns() -> list[int]:
    """Return the ids of the campaigns of which something is due, the oldest first."""
    rows = database.queryset(BulkSend)
    has_begun = Q(deliver_at__isnull=True) | Q(deliver_at__lte=clock.now())
    due = Q(state=BulkState.RECALLING) | Q(has_begun, state__in=SENDING, order__isnull=False)
    return list(rows.filter(due).order_by("pk").values_list("pk", flat=True)[:100])


def run_campaign(*, campaign_id: int) -> Campaign:
    """Do all that is due of a campaign, here and now; return it. Other processes may do parts of it meanwhile.

    For a campaign of which nothing is due, does nothing. Raises NotFound, and the database's error for an inbox that
    stays locked.
    """
    pauses = [*LOCKED_PAUSES]
    while (campaign := read_campaign(campaign_id)).is_due:
        for step in steps_of(campaign, may_wait=not pauses):
            if step is Step.LOCKED and pauses:
                time.sleep(pauses.pop(0))
    return campaign


def steps_of(campaign: Campaign, *, may_wait: bool = False) -> Iterator[Step]:
    """Make one step after the other of what is due of a campaign, until one does nothing; yield what came of each."""
    plan = None if campaign.state is BulkState.RECALLING else read_plan(campaign.id)
    step = Step.DONE
    while step is Step.DONE:
        step = (
            recall_step(campaign.id, may_wait=may_wait)
            if plan is None
            else send_step(plan, may_wait=may_wait)
        )
        yield step


def send_step(plan: Plan, *, may_wait: bool = False) -> Step:
    """Send a campaign to its next recipients, by one transaction; return what came of it.

    It leaves recipients whose inboxes are locked for later. With `may_wait`, the last ones are waited for, one by one.
    """
    for attempt in range(ATTEMPTS):
        try:
            with translation.override(plan.order.language or None):
                return _send(plan, may_wait)
        except Busy:
            return Step.LOCKED
        except IntegrityError:
            # Users were deleted, or the sender was. That is committed by now, and the next attempt does not find them.
            if attempt == ATTEMPTS - 1 or database.connection().in_atomic_block:
                raise
    raise AssertionError("unreachable")


@database.transactional
def _send(plan: Plan, may_wait: bool) -> Step:
    row = lock_campaign(plan.id, SENDING, may_wait=may_wait)
    if row is None:
        return Step.ENDED
    sender = None if row.sender_id is None else load_by_key([row.sender_id]).get(row.sender_id)
    if plan.order.has_sender and sender is None:
        return _end(row, BulkState.CANCELLED, "The sender was deleted.")
    expires_at = plan.given.fields.get("expires_at")
    if expires_at is not None and expires_at <= clock.now():
        return _end(row, BulkState.CANCELLED, "The notification has expired.")
    part = _next_part(plan, row, may_wait)
    if part is None:
        return _end(row, BulkState.DONE, "")
    if not part.free and part.gone == 0 and not part.is_page:
        return Step.LOCKED
    _deal_with(plan, row, sender, part)
    return Step.DONE


@dataclass(frozen=True, slots=True)
class _Part:
    """The recipients of one step: a page of the audience, or some who were left."""

    free: Sequence[Any]
    """Those whose inboxes are locked by this transaction, or are not there yet."""
    gone: int
    """How many have been deleted since they were named."""
    is_page: bool
    last: str | None
    """The key of the last recipient of a page, or that of the last page."""
    left: Sequence[Any]
    """Who is left after the step."""


def _next_part(plan: Plan, row: BulkSend, may_wait: bool) -> _Part | None:
    to_python = get_user_model()._meta.pk.to_python
    left = [to_python(key) for key in orjson.loads(row.left)]
    page = [] if len(left) > MAX_LEFT else plan.audience.page(row.last_recipient, STEP_RECIPIENTS)
    if not page and not left:
        return None
    if page:
        there = existing(plan.audience, page)
        locked = lock_free(there)
        last = str(page[-1])
        chosen, rest = page, left
    else:
        chosen = left[: 1 if may_wait else STEP_RECIPIENTS]
        there = existing_users(chosen)
        locked = set() if may_wait else lock_free(there)
        last = row.last_recipient or ""
        rest = left[len(chosen) :]
    free = [each for each in chosen if each in there and each not in locked]
    # Who was passed over just now comes after those who wait longer.
    left = [*rest, *(each for each in chosen if each in locked)]
    return _Part(free, len(chosen) - len(free) - len(locked), bool(page), last or None, left)


def _deal_with(plan: Plan, row: BulkSend, sender: Any, part: _Part) -> None:
    allowed = _allowed(plan, sender, part.free)
    groups = list(_contents(allowed, plan.given))
    drafts = [
        Draft(unsaved(content, sender, None, None), dict.fromkeys(recipients))
        for content, recipients in groups
    ]
    sent = {inbox.user_id: id for inbox, id in insert_notifications(drafts, None)}
    outcomes = {each: sent.get(each) for _, recipients in groups for each in recipients}
    failed = part.gone + len(part.free) - len(outcomes)
    write_chunk(row.pk, row.chunks + 1, outcomes, failed=failed)
    count_on_commit(sent=len(sent), suppressed=len(outcomes) - len(sent), failed=failed)
    save_campaign(
        row,
        state=BulkState.RUNNING,
        chunks=F("chunks") + 1,
        last_recipient=part.last,
        left=orjson.dumps(part.left, default=str).decode(),
    )


def _allowed(plan: Plan, sender: Any, recipients: Sequence[Any]) -> Sequence[Any]:
    """Return those of the recipients to whom SEND_POLICY lets the sender send, if it has to be asked."""
    if plan.order.scopes is None or sender is None:
        return recipients
    scopes = frozenset(cast("list[str]", plan.order.scopes))
    return [each for each in recipients if may_send(sender, recipient_id=str(each), scopes=scopes)]


def _contents(
    recipients: Sequence[Any], given: GivenContent
) -> Iterator[tuple[Content, Sequence[Any]]]:
    """Yield each content with those of the recipients who get it. Those for whom it cannot be made are left out."""
    try:
        yield from contents_for(recipients, given).grouped(recipients)
        return
    except InvalidInput:
        pass
    groups: list[tuple[Content, list[Any]]] = []
    for recipient in recipients:
        try:
            content = content_for(recipient, given)
        except InvalidInput:
            continue
        for known, others in groups:
            if known == content:
                others.append(recipient)
                break
        else:
            groups.append((content, [recipient]))
    yield from groups


def _end(row: BulkSend, state: BulkState, reason: str) -> Step:
    if state is BulkState.DONE:
        # Who came and went meanwhile does not count any more.
        sums = database.queryset(BulkSendChunk).filter(bulk_send=row)
        dealt_with = sums.aggregate(all=Sum(F("sent") + F("suppressed") + F("failed")))["all"]
        save_campaign(row, state=state, recipients=dealt_with or 0)
    else:
        save_campaign(row, state=state, reason=reason)
    return Step.ENDED
