"""What the records of bulk sends and campaigns have of a user: as the sender, and as a recipient.

What a user has sent by them is theirs: an erasure cancels it, and deletes the record. In the records of others they are
a key among the recipients. It is removed under the lock of the record's row, as everything that is written there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
from django.db.models import QuerySet

from live_inbox import database
from live_inbox.bulk_states import SENDING
from live_inbox.errors import NotFound
from live_inbox.models import BulkSend, BulkSendChunk, CampaignOrder
from live_inbox.personal_data.scanning import candidates
from live_inbox.personal_data.subject import DataSubject
from live_inbox.services import cancel_campaign

CHUNKS = 20
"""Chunks of recipients that one transaction deletes. Each has up to 500 recipients."""


class Outcome(NamedTuple):
    """What became of one recipient in a chunk of a bulk send; no notification for a type that was turned off."""

    chunk: BulkSendChunk
    notification_id: int | None


def started_by(subject: DataSubject) -> QuerySet[BulkSend]:
    """Return the bulk sends and campaigns of the subject."""
    return database.queryset(BulkSend).filter(sender=subject.key)


def delete_started(subject: DataSubject) -> Iterator[int]:
    """Cancel and delete the subject's own; yield how many each step has deleted. What they have sent stays sent."""
    for id in list(started_by(subject).order_by("pk").values_list("pk", flat=True)):
        try:
            cancel_campaign(campaign_id=id)
        except NotFound:
            continue
        while _delete_chunks(id):
            pass
        yield _delete_record(id)


@database.transactional
def _delete_chunks(bulk_send_id: int) -> int:
    rows = database.queryset(BulkSendChunk).filter(bulk_send=bulk_send_id)
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNKS])
    return database.queryset(BulkSendChunk).filter(pk__in=ids).delete()[0]


@database.transactional
def _delete_record(bulk_send_id: int) -> int:
    database.queryset(BulkSend).filter(pk=bulk_send_id).delete()
    return 1


def outcomes_of(subject: DataSubject) -> Iterator[Outcome]:
    """Yield what became of the subject as a recipient of the bulk sends of others."""
    rows = candidates(BulkSendChunk, subject, ("outcomes",), as_stored=True)
    for chunk in rows:
        for key, sent in orjson.loads(chunk.outcomes):
            if subject.is_key(key):
                yield Outcome(chunk, sent)


def forget_outcomes(subject: DataSubject) -> Iterator[int]:
    """Remove the subject from the outcomes; yield of how many chunks each transaction has."""
    for outcome in outcomes_of(subject):
        yield _forget_outcome(subject, outcome.chunk)


@database.transactional
def _forget_outcome(subject: DataSubject, found: BulkSendChunk) -> int:
    _lock(found.bulk_send_id)
    for chunk in database.queryset(BulkSendChunk).filter(pk=found.pk):
        pairs = orjson.loads(chunk.outcomes)
        left = [pair for pair in pairs if not subject.is_key(pair[0])]
        if len(left) < len(pairs):
            text = orjson.dumps(left).decode()
            return database.queryset(BulkSendChunk).filter(pk=chunk.pk).update(outcomes=text)
    return 0


def orders_naming(subject: DataSubject) -> Iterator[CampaignOrder]:
    """Yield the campaigns of others that name the subject: among the recipients, as their actor or as their target."""
    found: set[Any] = set()
    for columns, as_stored in ((("recipient_keys",), True), (("content",), False)):
        for order in candidates(CampaignOrder, subject, columns, as_stored=as_stored):
            if order.pk not in found and _without(subject, order):
                found.add(order.pk)
                yield order


def forget_in_orders(subject: DataSubject) -> Iterator[int]:
    """Take the subject from the campaigns of others, of which they are no recipient then."""
    for order in orders_naming(subject):
        yield _forget_in_order(subject, order)


@database.transactional
def _forget_in_order(subject: DataSubject, found: CampaignOrder) -> int:
    _lock(found.pk)
    rows = database.queryset(CampaignOrder).filter(pk=found.pk)
    for order in rows:
        left = _without(subject, order)
        if left:
            return rows.update(**left)
    return 0


def _without(subject: DataSubject, order: CampaignOrder) -> dict[str, Any]:
    """Return the columns of a campaign that name the subject, without them; empty if none does."""
    left: dict[str, Any] = {}
    keys = _keys_without(subject, order.recipient_keys)
    if keys is not None:
        left["recipient_keys"] = keys
    parts = subject.without_mentions(order.content)
    if parts:
        left["content"] = {**order.content, **parts}
    return left


def progress_naming(subject: DataSubject) -> Iterator[BulkSend]:
    """Yield the bulk sends of others whose progress names the subject: as one who is left, or as the last one so far.

    The last one so far of a campaign that goes on is not yielded: the campaign moves on by itself.
    """
    for row in candidates(BulkSend, subject, ("left",), as_stored=True):
        if _keys_without(subject, row.left) is not None:
            yield row
    ended = database.queryset(BulkSend).filter(last_recipient=subject.text)
    yield from ended.exclude(state__in=[state.value for state in SENDING]).order_by("pk")


def forget_in_progress(subject: DataSubject) -> Iterator[int]:
    """Take the subject from the progress of bulk sends."""
    for row in progress_naming(subject):
        yield _forget_in_progress(subject, row)


@database.transactional
def _forget_in_progress(subject: DataSubject, found: BulkSend) -> int:
    row = _lock(found.pk)
    if row is None:
        return 0
    changes: dict[str, Any] = {}
    left = _keys_without(subject, row.left)
    if left is not None:
        changes["left"] = left
    if row.state not in SENDING and row.last_recipient == subject.text:
        changes["last_recipient"] = None
    return database.queryset(BulkSend).filter(pk=row.pk).update(**changes) if changes else 0


def _keys_without(subject: DataSubject, text: str) -> str | None:
    """Return a JSON list of keys without that of the subject; None if it is not there."""
    keys = orjson.loads(text)
    left = [key for key in keys if not subject.is_key(key)]
    return orjson.dumps(left).decode() if len(left) < len(keys) else None


def _lock(bulk_send_id: int) -> BulkSend | None:
    rows = database.queryset(BulkSend).select_for_update(no_key=True)
    return rows.filter(pk=bulk_send_id).first()
