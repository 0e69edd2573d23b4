"""Campaigns: bulk sends that any process can carry out, because their content and audience are stored.

Starting, cancelling and recalling write a row. `campaign_running` does what is due.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Unpack

import orjson
from django.db import IntegrityError
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import translation

from live_inbox import database
from live_inbox.bulk_states import RECALLABLE, SENDING, STOPPED, BulkState
from live_inbox.campaigns import Campaign, no_campaign, read_campaign
from live_inbox.clock import clock
from live_inbox.conf import inbox_settings
from live_inbox.content import GivenFields, check_not_expired, clean_key
from live_inbox.errors import Conflict, InvalidInput
from live_inbox.models import BulkSend, CampaignOrder, ScheduledSend
from live_inbox.plain_values import plain_json
from live_inbox.services.bulk_scheduling import cancel_waiting
from live_inbox.services.campaign_audience import Audience, stored_keys
from live_inbox.services.given_content import GivenContent, read_given, read_resolved
from live_inbox.services.stored_content import fields_in, to_stored
from live_inbox.services.users import load_sender, user_key


def start_campaign(
    *,
    audience: Audience,
    sender_id: Any = None,
    idempotency_key: str | None = None,
    scopes: Collection[str] | None = None,
    now: datetime | None = None,
    **fields: Unpack[GivenFields],
) -> Campaign:
    """Store a campaign, which the servers carry out; return it. It joins the caller's transaction.

    Lazy texts and objects become what they are in the active language. Templates are rendered for each recipient when
    their turn comes. With a `deliver_at` that is still to come, it begins then. With `scopes`, SEND_POLICY is asked
    about each recipient, in the sender's name.

    With an idempotency key, unique for each sender and shared with `send_many`, a repeated call returns the campaign as
    it is now. Raises Conflict for a key that was used for something else, and InvalidInput for content or users that
    are not acceptable, and for more recipients than MAX_BULK_RECIPIENTS; nothing is stored then.
    """
    moment = now or clock.now()
    given = read_given(fields, now=moment)
    content = given.content()
    key = clean_key(idempotency_key)
    sender = None if sender_id is None else user_key(sender_id, field="sender_id")
    digest = _digest(given, audience)
    found = _found(sender, key, digest)
    if found is not None:
        return found
    check_not_expired(content, moment, given.deliver_at)
    load_sender(sender)
    total = audience.count()
    audience.page(None, 1)  # a query that cannot be paged fails here, not later
    most = inbox_settings().max_bulk_recipients
    if total > most:
        raise InvalidInput(f"A bulk has {most} recipients at most.", field="recipient_ids")
    order = CampaignOrder(
        audience=audience.kind.value,
        audience_name=audience.name,
        recipient_keys=stored_keys(audience),
        content=_stored(given, content.values()),
        language=translation.get_language() or "",
        has_sender=sender is not None,
        scopes=None if scopes is None else sorted(scopes),
    )
    try:
        id = _store(
            order,
            sender_id=sender,
            idempotency_key=key,
            given_digest=digest,
            recipients=total,
            deliver_at=given.deliver_at,
        )
    except IntegrityError:
        # Since the look-up, another call has used the key, or the sender was deleted.
        found = _found(sender, key, digest)
        if found is None:
            load_sender(sender)
            raise
        return found
    return read_campaign(id)


def _digest(given: GivenContent, audience: Audience) -> str:
    parts = [given.digest(), audience.kind.value, audience.name, stored_keys(audience)]
    return hashlib.blake2b(orjson.dumps(parts), digest_size=16).hexdigest()


@database.reading
def _found(sender_id: Any, key: str | None, digest: str) -> Campaign | None:
    """Return the campaign with a key. Raises Conflict if it is for something else."""
    if key is None:
        return None
    rows = database.queryset(BulkSend).filter(sender=sender_id, idempotency_key=key)
    for id, known in rows.values_list("pk", "given_digest"):
        if known != digest:
            raise Conflict("This idempotency key was used for another notification.")
        return replace(read_campaign(id), replayed=True)
    return None


@database.transactional
def _store(order: CampaignOrder, **columns: Any) -> int:
    row = database.queryset(BulkSend).create(
        **columns, chunks=0, state=BulkState.PENDING, started_at=Now(), changed_at=Now()
    )
    order.bulk_send_id = row.pk
    order.save(force_insert=True, using=database.alias())
    return row.pk


def _stored(given: GivenContent, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `given_content` reads again: the values of the fields that are not made from templates."""
    stored = to_stored({name: values[name] for name in values if name not in given.rendered})
    if given.context is not None:
        stored["context"] = plain_json(given.context, field="context")
    return stored


def given_in(order: CampaignOrder, *, now: datetime) -> GivenContent:
    """Return what a stored campaign was given."""
    fields = fields_in(order.content)
    return read_resolved({**fields, "context": order.content.get("context")}, now=now)


def cancel_campaign(*, campaign_id: int) -> Campaign:
    """Send a campaign to nobody else; return it. The transaction that is under way, of 500 recipients, still ends.

    What `send_many` has scheduled is not delivered. Does nothing for one that has ended. Raises NotFound.
    """
    is_waiting = Exists(database.queryset(ScheduledSend).filter(bulk_send=OuterRef("pk")))
    before = Q(state__in=SENDING) | Q(is_waiting, state=BulkState.DONE)
    _change(campaign_id, before, BulkState.CANCELLED)
    campaign = read_campaign(campaign_id)
    # Also of one that was cancelled before, by a process that has died then.
    if campaign.scheduled and campaign.state in STOPPED:
        cancel_waiting(campaign_id)
        return read_campaign(campaign_id)
    return campaign


def recall_campaign(*, campaign_id: int) -> Campaign:
    """Delete the notifications of a campaign from all inboxes, and send it to nobody else; return it.

    The servers do it, with an event for each. What `send_many` has scheduled is not delivered. Does nothing for one
    that is recalled already. Raises NotFound.
    """
    _change(campaign_id, Q(state__in=RECALLABLE), BulkState.RECALLING)
    return read_campaign(campaign_id)


@database.transactional
def _change(campaign_id: int, before: Q, after: BulkState) -> None:
    rows = database.queryset(BulkSend).filter(pk=campaign_id)
    if not rows.filter(before).update(state=after, changed_at=Now()) and not rows.exists():
        raise no_campaign()
