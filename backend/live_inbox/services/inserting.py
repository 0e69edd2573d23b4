"""Inserting a notification into inboxes, with its events: what both ways of sending share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from live_inbox.content import Content
from live_inbox.declared_types import declared_type
from live_inbox.events import Kind, Snapshot
from live_inbox.models import Notification
from live_inbox.services.bulk_insert import Copy, insert_copies
from live_inbox.services.event_recording import event_of, record
from live_inbox.services.grouping import Fold, fold, folds_of
from live_inbox.services.inbox_quota import make_room
from live_inbox.services.inbox_rows import SequencedInbox, allocate_sequences
from live_inbox.services.suppressed_sends import count_suppressed
from live_inbox.snapshots import snapshot


@dataclass(frozen=True, slots=True)
class Draft:
    """A notification without a recipient, not saved; and who gets a copy, each with the idempotency key of the copy."""

    notification: Notification
    keys: Mapping[Any, str | None]


def unsaved(
    content: Content, sender: Any, created_at: datetime | None, digest: str | None
) -> Notification:
    """Return a notification without a recipient, not saved. Without `created_at`, it gets that of the insertion.

    `digest` is that of what the send was given, if it has an idempotency key.
    """
    return Notification(
        sender=sender,
        created_at=created_at,  # type: ignore[misc]  # set later
        given_digest=digest,
        **content.values(),
    )


def insert_notifications(
    drafts: Sequence[Draft], now: datetime | None
) -> list[tuple[SequencedInbox, int]]:
    """Insert copies of notifications of one type, and their events, into each inbox whose user wants the type.

    Their time is `now`, or else the database's when the last of the inboxes was locked: within each inbox, times are in
    the order of sequences.

    Counts the others, by one statement more (`suppressed_sends`).

    Deletes the oldest notifications of inboxes that are full (`inbox_quota`).

    Returns the inboxes and the ids of the copies. Makes three statements for any number of recipients and drafts.
    """
    recipients = [recipient_id for draft in drafts for recipient_id in draft.keys]
    if not recipients:
        return []
    type = drafts[0].notification.type
    declared = declared_type(type)
    inboxes = allocate_sequences(
        recipients,
        if_wanted=None if declared.is_required else type,
        is_on=declared.is_on,
    )
    count_suppressed(type=type, recipients=len(recipients) - len(inboxes), now=now)
    if not inboxes:
        return []
    moment = now or max(inbox.at for inbox in inboxes)
    for draft in drafts:
        if draft.notification.created_at is None:
            draft.notification.created_at = moment
    notifications = [draft.notification for draft in drafts]
    copies = list(_copies(drafts, inboxes))
    folds = folds_of({copy.inbox.user_id: notifications[copy.draft] for copy in copies})
    inserted = list(zip(inboxes, insert_copies(notifications, copies), strict=True))
    shared = [snapshot(notification) for notification in notifications]
    events = [
        event_of(
            Kind.ADDED,
            inbox,
            moment,
            notification=_shown(shared[copy.draft], id, folds.get(inbox.user_id)),
            notification_id=id,
        )
        for copy, (inbox, id) in zip(copies, inserted, strict=True)
    ]
    events += fold(folds, {inbox.user_id: id for inbox, id in inserted}, moment)
    record(events + make_room([_after(inbox, folds) for inbox in inboxes], now))
    return inserted


def _shown(shared: Snapshot, id: int, fold: Fold | None) -> Snapshot:
    return replace(shared, id=id) if fold is None else replace(shared, id=id, **fold.fields())


def _after(inbox: SequencedInbox, folds: Mapping[Any, Fold]) -> SequencedInbox:
    """Return the inbox as it is after folding: what is folded is in no folder that counts."""
    if inbox.user_id not in folds:
        return inbox
    return dataclasses.replace(inbox, stored_count=inbox.stored_count - 1)


def _copies(drafts: Sequence[Draft], inboxes: Sequence[SequencedInbox]) -> Iterator[Copy]:
    """Yield the copy of each inbox."""
    places = {user_id: place for place, draft in enumerate(drafts) for user_id in draft.keys}
    for inbox in inboxes:
        place = places[inbox.user_id]
        yield Copy(place, inbox, drafts[place].keys[inbox.user_id])
