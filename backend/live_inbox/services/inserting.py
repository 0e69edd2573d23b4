"""Inserting a notification into inboxes, with its events: what both ways of sending share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from live_inbox.conf import inbox_settings
from live_inbox.content import Content
from live_inbox.events import Event, Kind
from live_inbox.models import Notification
from live_inbox.services.bulk_insert import insert_copies
from live_inbox.services.event_recording import event_of, record
from live_inbox.services.inbox_quota import make_room
from live_inbox.services.inbox_rows import SequencedInbox, allocate_sequences
from live_inbox.snapshots import snapshot


@dataclass(frozen=True, slots=True)
class Draft:
    """A notification without a recipient, not saved; and who gets a copy, each with the idempotency key of the copy."""

    notification: Notification
    keys: Mapping[Any, str | None]


def unsaved(content: Content, sender: Any, created_at: datetime | None) -> Notification:
    """Return a notification without a recipient, not saved. Without `created_at`, it gets that of the insertion."""
    return Notification(sender=sender, created_at=created_at, **content.values())  # type: ignore[misc]  # set later


def insert_notifications(
    drafts: Sequence[Draft], now: datetime | None
) -> list[tuple[SequencedInbox, int]]:
    """Insert copies of notifications of one type, and their events, into each inbox whose user wants the type.

    Their time is `now`, or else the database's when the last of the inboxes was locked: within each inbox, times are in
    the order of sequences.

    Deletes the oldest notifications of inboxes that are full (`inbox_quota`).

    Returns the inboxes and the ids of the copies. Makes three statements for any number of recipients of one draft, and
    one more for each further draft.
    """
    recipients = [recipient_id for draft in drafts for recipient_id in draft.keys]
    if not recipients:
        return []
    type = drafts[0].notification.type
    is_required = type in inbox_settings().required_types
    inboxes = allocate_sequences(recipients, unless_off=None if is_required else type)
    moment = now or max((inbox.at for inbox in inboxes), default=None)
    inserted: list[tuple[SequencedInbox, int]] = []
    events: list[Event] = []
    for draft, wanted in _by_draft(drafts, inboxes):
        if draft.notification.created_at is None and moment is not None:
            draft.notification.created_at = moment
        ids = insert_copies(
            draft.notification, wanted, [draft.keys[each.user_id] for each in wanted]
        )
        copies = list(zip(wanted, ids, strict=True))
        inserted += copies
        events += _added(draft.notification, copies, moment)
    if events:
        record(events + make_room(inboxes, now))
    return inserted


def _by_draft(
    drafts: Sequence[Draft], inboxes: list[SequencedInbox]
) -> Iterator[tuple[Draft, list[SequencedInbox]]]:
    """Yield the drafts that somebody wants, with the inboxes of those."""
    if len(drafts) == 1:
        if inboxes:
            yield drafts[0], inboxes
        return
    by_user = {inbox.user_id: inbox for inbox in inboxes}
    for draft in drafts:
        if wanted := [by_user[each] for each in draft.keys if each in by_user]:
            yield draft, wanted


def _added(
    notification: Notification, copies: Sequence[tuple[SequencedInbox, int]], now: datetime | None
) -> Iterator[Event]:
    shared = snapshot(notification)
    for inbox, id in copies:
        own = replace(shared, id=id)
        yield event_of(Kind.ADDED, inbox, now, notification=own, notification_id=id)
