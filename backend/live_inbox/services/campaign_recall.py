"""Recalling campaigns: deletes their notifications from all inboxes, with an event for each.

What is still scheduled goes first. Then a step deals with the recipients of one chunk. The record of the chunks has the
ids, so that sending has no index of campaigns to keep.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from django.db.models.functions import Now

from live_inbox import database
from live_inbox.bulk_states import BulkState
from live_inbox.campaigns import sent_in
from live_inbox.events import Kind
from live_inbox.models import BulkSend, BulkSendChunk, Inbox, Notification
from live_inbox.services.bulk_scheduling import cancel_some
from live_inbox.services.campaign_steps import Busy, Step, lock_campaign
from live_inbox.services.event_recording import record
from live_inbox.services.inbox_rows import lock_skip_locked
from live_inbox.services.removing import REMOVAL_COLUMNS, RemovalRow, can_lose, remove


def recall_step(campaign_id: int, *, may_wait: bool = False) -> Step:
    """Delete what one chunk of a campaign has sent, by one transaction; return what came of it.

    It leaves inboxes that are locked for a later step, unless it may wait. Inboxes with wrong counts are left alone, as
    expiry leaves them.
    """
    try:
        return _recall(campaign_id, may_wait)
    except Busy:
        return Step.LOCKED


@database.transactional
def _recall(campaign_id: int, may_wait: bool) -> Step:
    row = lock_campaign(campaign_id, (BulkState.RECALLING,), may_wait=may_wait)
    if row is None:
        return Step.ENDED
    if cancel_some(campaign_id):
        return Step.DONE
    chunks = database.queryset(BulkSendChunk).filter(bulk_send=row, is_recalled=False)
    chunk = chunks.order_by("number").first()
    if chunk is None:
        _touch(row, state=BulkState.RECALLED)
        return Step.ENDED
    ids = sent_in(chunk.outcomes)
    inboxes = _locked(list(ids.values()), may_wait)
    found = _rows(ids, inboxes)
    wrong = {user_id for user_id, rows in found.items() if not can_lose(inboxes[user_id], rows)}
    rows = [each for user_id in found if user_id not in wrong for each in found[user_id]]
    if rows:
        record(remove(inboxes, rows, Kind.RECALLED, None))
    others = database.queryset(Notification).filter(pk__in=ids)
    is_left = others.exclude(recipient__in=wrong).exists()
    if is_left and not rows:
        return Step.LOCKED
    chunk.recalled += len(rows)
    chunk.is_recalled = not is_left
    chunk.save(update_fields=["recalled", "is_recalled"])
    _touch(row)
    return Step.DONE


def _touch(row: BulkSend, **changes: Any) -> None:
    database.queryset(BulkSend).filter(pk=row.pk).update(changed_at=Now(), **changes)


def _locked(user_ids: Collection[Any], may_wait: bool) -> dict[Any, Inbox]:
    """Lock the inboxes of these users, in the order of the users; without waiting, those that are free."""
    if may_wait:
        # What `lock_skip_locked` reads next is then this transaction's own.
        inboxes = database.queryset(Inbox).filter(pk__in=user_ids)
        list(inboxes.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    return lock_skip_locked(user_ids)


def _rows(ids: Mapping[int, Any], inboxes: Mapping[Any, Inbox]) -> dict[Any, list[RemovalRow]]:
    """Read what is to be deleted under the locks: its recipients may have deleted some of it.

    Skips rows that are locked although their inbox is not: their recipient or sender is being deleted.
    """
    found: dict[Any, list[RemovalRow]] = defaultdict(list)
    free = database.queryset(Notification).select_for_update(skip_locked=True)
    rows = free.filter(pk__in=ids, recipient__in=list(inboxes)).order_by("recipient_id", "pk")
    for row in rows.values_list(*REMOVAL_COLUMNS):
        found[row[1]].append(RemovalRow(*row))
    return found
