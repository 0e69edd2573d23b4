"""Undoing a bulk change or a deletion: what it changed, and nothing has changed since, is as it was.

Each step is a transaction, and is done once: its row is deleted with it. So an undo that is interrupted goes on by the
same call, and two of them at once share the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.contrib.auth import get_user_model

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.errors import NotFound
from live_inbox.events import Event, Folder, Kind
from live_inbox.models import Inbox, InboxEvent, Notification, UndoStep
from live_inbox.services.counting import Counts, counts_of
from live_inbox.services.event_recording import event_of, record
from live_inbox.services.group_members import show_one_of_each_group
from live_inbox.services.inbox_rows import advance, lock, moment_of, save_all
from live_inbox.services.results import BulkChanged
from live_inbox.services.undo_steps import row_of, steps_of
from live_inbox.snapshots import snapshot

PART = 500
"""Notifications that one transaction restores."""

GRACE = timedelta(minutes=10)
"""How long the steps that are left are kept once an undo has begun."""


def undo(*, user_id: Any, token: str, now: datetime | None = None) -> BulkChanged:
    """Undo a bulk change or a deletion of the user's.

    Raises NotFound if there is none with this token, or its time has passed. What was marked or moved again since then
    stays as it is; what was deleted is back, with an event for each.
    """
    done = _undo_step(user_id, token, now, is_first=True)
    if done is None:
        raise NotFound("There is nothing to undo any more.")
    count = done.count
    while (following := _undo_step(user_id, token, now, is_first=False)) is not None:
        done = following
        count += done.count
    return BulkChanged(count, done.unread_count, done.total_count, done.unseen_count, done.position)


@database.transactional
def _undo_step(
    user_id: Any, token: str, now: datetime | None, *, is_first: bool
) -> BulkChanged | None:
    inbox = lock(user_id)
    if inbox is None:
        return None
    moment = now or moment_of(inbox)
    steps = steps_of(user_id, token).filter(expires_at__gt=moment)
    step = steps.order_by("-sequence").first()
    if step is None:
        return None
    content = orjson.loads(step.content)
    count = _restore(inbox, step, content[:PART], moment)
    if left := content[PART:]:
        # Of a mark-all-read, which is one event for any number.
        step.content = orjson.dumps(left).decode()
        step.save(update_fields=["content"])
    else:
        step.delete()
    if is_first:
        steps_of(user_id, token).update(expires_at=moment + GRACE)
    return BulkChanged(
        count, inbox.unread_count, inbox.total_count, inbox.unseen_count, inbox.position
    )


def _restore(inbox: Inbox, step: UndoStep, content: list[Any], moment: datetime) -> int:
    match step.kind:
        case Kind.DELETED.value | Kind.MANY_DELETED.value:
            return _restore_deleted(inbox, [row_of(columns) for columns in content], moment)
        case Kind.MANY_ARCHIVED.value:
            return _move_back(inbox, step, content, moment)
        case Kind.ALL_READ.value | Kind.MANY_READ.value | Kind.READ.value:
            return _mark_unread(inbox, step, content, moment)
        case _:
            raise NotFound("Only a newer version of the server can undo this.")


def _mark_unread(inbox: Inbox, step: UndoStep, ids: Sequence[int], moment: datetime) -> int:
    # What was marked again since has another moment.
    rows = _own(inbox, ids, read_at=step.changed_at)
    return _put_back(inbox, Kind.UNREAD, rows, {"read_at": None}, moment)


def _move_back(inbox: Inbox, step: UndoStep, ids: Sequence[int], moment: datetime) -> int:
    again = _archived_after(inbox, step.sequence)
    rows = [row for row in _own(inbox, ids, folder=Folder.ARCHIVE.value) if row.pk not in again]
    return _put_back(inbox, Kind.UNARCHIVED, rows, {"folder": Folder.INBOX.value}, moment)


def _own(inbox: Inbox, ids: Sequence[int], **condition: Any) -> list[Notification]:
    rows = database.queryset(Notification).filter(pk__in=ids, recipient=inbox.pk, **condition)
    rows = rows.select_related("sender")
    return list(rows.order_by("-id"))


def _archived_after(inbox: Inbox, sequence: int) -> set[int]:
    """Return the notifications that were archived again after an event, as far as the log goes back."""
    log = database.queryset(InboxEvent).filter(inbox=inbox.pk, sequence__gt=sequence)
    kinds = [Kind.ARCHIVED.value, Kind.MANY_ARCHIVED.value]
    rows: Any = log.filter(kind__in=kinds).values_list("notification_id", "payload__ids")
    return {each for one, several in rows for each in (several or [one])}


def _put_back(
    inbox: Inbox,
    kind: Kind,
    rows: Sequence[Notification],
    values: dict[str, Any],
    moment: datetime,
) -> int:
    """Give rows of a locked inbox these values again, each with an event; return how many they are."""
    if not rows:
        return 0
    ids = [row.pk for row in rows]
    Notification.unguarded.using(database.alias()).filter(pk__in=ids).update(**values)
    events = []
    for row in rows:
        before = counts_of(row, inbox.seen_through)
        for name, value in values.items():
            setattr(row, name, value)
        change = counts_of(row, inbox.seen_through).minus(before)
        events.append(_event(kind, inbox, row, change, moment))
    save_all([inbox])
    record(events)
    return len(ids)


def _event(kind: Kind, inbox: Inbox, row: Notification, change: Counts, moment: datetime) -> Event:
    """Return the next event of a locked inbox: a notification, after the change."""
    numbered = advance(inbox, change)
    shown = snapshot(row)
    return event_of(kind, numbered, moment, notification=shown, notification_id=row.pk)


def _restore_deleted(inbox: Inbox, rows: Sequence[Notification], moment: datetime) -> int:
    """Insert rows again as they were, each with an event. They have arrived again, after positions of before."""
    _leave_out_what_is_gone(rows)
    _unpin_too_many(inbox, rows)
    show_one_of_each_group(rows)
    events = []
    for row in rows:
        row.returned_sequence = inbox.last_sequence + 1
        change = counts_of(row, inbox.seen_through)
        events.append(_event(Kind.RESTORED, inbox, row, change, moment))
    Notification.unguarded.using(database.alias()).bulk_create(rows)
    save_all([inbox])
    record(events)
    return len(rows)


def _leave_out_what_is_gone(rows: Sequence[Notification]) -> None:
    """Load the senders. Those who were deleted meanwhile are left out, and keys that were used again."""
    keys = {row.sender_id for row in rows if row.sender_id is not None}
    senders = database.queryset(get_user_model()).in_bulk(list(keys))
    used = set(
        database.queryset(Notification)
        .filter(idempotency_key__in=[row.idempotency_key for row in rows if row.idempotency_key])
        .values_list("sender_id", "idempotency_key")
    )
    for row in rows:
        sender = senders.get(row.sender_id)
        is_lost = sender is None and row.sender_id is not None
        if is_lost or (row.sender_id, row.idempotency_key) in used:
            row.idempotency_key = None
        # Sets the column as well.
        row.sender = sender


def _unpin_too_many(inbox: Inbox, rows: Sequence[Notification]) -> None:
    pinned = database.queryset(Notification).filter(recipient=inbox.pk, pinned=True).count()
    room = inbox_settings().max_pinned_notifications - pinned
    for row in rows:
        room -= row.pinned
        row.pinned = row.pinned and room >= 0
