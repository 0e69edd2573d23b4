"""Sending the same notification to many users."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Unpack

from django.db import transaction
from django.utils import timezone

from live_inbox.content import ContentFields, clean_content
from live_inbox.errors import InvalidInput
from live_inbox.services.inserting import insert_notifications, unsaved
from live_inbox.services.results import SentMany
from live_inbox.services.users import count_users, load_sender, user_key

SEND_CHUNK = 500
"""Recipients whose inboxes one transaction of `send_many` locks. Larger chunks gain nothing measurable, and keep the
other writers of these inboxes waiting."""


def send_many(
    *,
    recipient_ids: Iterable[Any],
    sender_id: Any = None,
    now: datetime | None = None,
    **fields: Unpack[ContentFields],
) -> SentMany:
    """Put the same notification into the inboxes of many users, each user once.

    Costs a fixed number of statements for each chunk of SEND_CHUNK recipients; each chunk is a transaction of
    its own. All recipients are looked up before the first chunk: after InvalidInput nobody has received anything.
    """
    content = clean_content(now=now or timezone.now(), **fields)
    recipients = sorted({user_key(value, field="recipient_ids") for value in recipient_ids})
    sender_key = None if sender_id is None else user_key(sender_id, field="sender_id")
    sender = load_sender(sender_key)
    missing = sum(len(chunk) - count_users(chunk) for chunk in _chunks(recipients))
    if missing:
        raise InvalidInput(f"{missing} recipients do not exist.", field="recipient_ids")
    sent = 0
    for chunk in _chunks(recipients):
        with transaction.atomic():
            moment = now or timezone.now()
            sent += len(insert_notifications(unsaved(content, sender, moment), chunk, moment))
    return SentMany(sent=sent, suppressed=len(recipients) - sent)


def _chunks(values: Sequence[Any]) -> Iterator[list[Any]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, SEND_CHUNK)):
        yield chunk
