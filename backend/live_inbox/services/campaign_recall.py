"""Recalling campaigns: deletes their notifications from all inboxes, with an event for each.

What is still scheduled goes first. Then a step deals with the recipients of one chunk. The record of the chunks has the
ids, so that sending has no index of campaigns to keep.
"""

from __future__ import annotations

from live_inbox import database
from live_inbox.bulk_states import BulkState
from live_inbox.campaigns import sent_in
from live_inbox.events import Kind
from live_inbox.models import BulkSendChunk, Notification
from live_inbox.services.bulk_scheduling import cancel_some
from live_inbox.services.campaign_steps import (
    Busy,
    Step,
    count_on_commit,
    lock_campaign,
    save_campaign,
)
from live_inbox.services.event_recording import record
from live_inbox.services.inbox_rows import lock_all, lock_skip_locked
from live_inbox.services.removing import can_lose, remove, rows_in_locked_inboxes


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
        save_campaign(row, state=BulkState.RECALLED)
        return Step.ENDED
    ids = sent_in(chunk.outcomes)
    users = list(ids.values())
    inboxes = lock_all(users) if may_wait else lock_skip_locked(users)
    found = rows_in_locked_inboxes(ids, inboxes)
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
    save_campaign(row)
    count_on_commit(recalled=len(rows))
    return Step.DONE
