"""Sending the same notification to many users."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Unpack

from django.db import Error, IntegrityError
from django.db.models import Model

from live_inbox import database
from live_inbox.clock import clock
from live_inbox.content import ContentFields, clean_key
from live_inbox.database_errors import kind_of
from live_inbox.errors import InvalidInput
from live_inbox.services.bulk_keys import already_sent, key_of_recipient
from live_inbox.services.bulk_progress import BulkProgress, SendManyInterrupted
from live_inbox.services.inserting import Draft, insert_notifications, unsaved
from live_inbox.services.languages import Contents, contents_for
from live_inbox.services.results import SentMany
from live_inbox.services.users import count_users, existing_users, load_sender, user_key

SEND_CHUNK = 500
"""Recipients whose inboxes one transaction of `send_many` locks. Larger chunks gain nothing measurable, and keep the
other writers of these inboxes waiting."""


def send_many(
    *,
    recipient_ids: Iterable[Any],
    sender_id: Any = None,
    idempotency_key: str | None = None,
    must_exist: bool = True,
    now: datetime | None = None,
    **fields: Unpack[ContentFields],
) -> SentMany:
    """Put the same notification into the inboxes of many users, each user once.

    Costs a fixed number of statements for each chunk of SEND_CHUNK recipients; each chunk is a transaction of
    its own. All recipients are looked up before the first chunk: after InvalidInput nobody has received anything.
    A user who is deleted after that is skipped; without `must_exist`, so is one who has never existed.

    With an idempotency key, unique for each sender, a call that died half-way is completed by the same call: who has
    the notification does not get it again, and who has been deleted since is skipped. The keys of the notifications,
    written in the transaction of each chunk, are the record of how far it came. That costs one more statement for each
    chunk. Raises Conflict for a key that was used with other content; nobody has received anything then.

    Raises SendManyInterrupted when the database fails after the look-up; within a transaction of the caller's, where
    nothing is done by halves, the database's own error.
    """
    recipients = _recipients(recipient_ids)
    contents = contents_for(recipients, now=now or clock.now(), fields=fields)
    key = clean_key(idempotency_key)
    sender_key = None if sender_id is None else user_key(sender_id, field="sender_id")
    sender = load_sender(sender_key)
    keys = {each: None if key is None else key_of_recipient(key, each) for each in recipients}
    replayed = dict[Any, int]()
    if key is not None:
        # All of them before the first chunk: after Conflict, nobody has received anything.
        for chunk in _chunks(recipients):
            replayed |= already_sent(sender_key, {each: keys[each] for each in chunk}, contents)
    skipped = _missing(recipients)
    # Once somebody has it, all existed when it was first sent.
    if skipped and must_exist and not replayed:
        raise InvalidInput(f"{len(skipped)} recipients do not exist.", field="recipient_ids")
    progress = BulkProgress(len(recipients), replayed=replayed, skipped=skipped)
    dealt_with = replayed.keys() | skipped
    is_atomic = database.connection().in_atomic_block
    for chunk in _chunks([each for each in recipients if each not in dealt_with]):
        try:
            _send_chunk(contents, sender, {each: keys[each] for each in chunk}, now, progress)
        except Error as error:
            if is_atomic or not kind_of(error).is_temporary:
                raise
            raise SendManyInterrupted(
                progress.result(), remaining=progress.remaining, has_key=key is not None
            ) from error
    return progress.result()


def _missing(recipients: Sequence[Any]) -> set[Any]:
    """Return those of the recipients who do not exist."""
    missing = set[Any]()
    for chunk in _chunks(recipients):
        if count_users(chunk) < len(chunk):
            missing |= set(chunk) - existing_users(chunk)
    return missing


def _recipients(given: Iterable[Any]) -> list[Any]:
    """Return the keys of the recipients, in the order in which inboxes are locked."""
    # A text is a sequence, too: of texts that may be keys of others.
    if isinstance(given, str | bytes | Model) or not isinstance(given, Iterable):
        raise InvalidInput(
            "Several users are needed: a list or a query set, for example.", field="recipient_ids"
        )
    return sorted({user_key(value, field="recipient_ids") for value in given})


def _send_chunk(
    contents: Contents,
    sender: Any,
    keys: Mapping[Any, str | None],
    now: datetime | None,
    progress: BulkProgress,
) -> None:
    """Send to the recipients of one chunk, and add it to the progress."""
    chunk, known, skipped = keys, dict[Any, int](), set[Any]()
    while True:
        try:
            sent = _insert_chunk(contents, sender, keys, now)
            progress.add(chunk, sent=sent, replayed=known, skipped=skipped)
            return
        except IntegrityError:
            # Since the look-up, a concurrent call has used the key, or users were deleted. Both have been committed by
            # now: the notifications of that call are found, and the others need not go without theirs.
            if sender is not None:
                load_sender(sender.pk)
            known |= already_sent(sender and sender.pk, keys, contents)
            skipped |= keys.keys() - existing_users(keys) - known.keys()
            left = {each: keys[each] for each in keys if each not in skipped and each not in known}
            if len(left) == len(keys):
                raise
            keys = left


@database.transactional
def _insert_chunk(
    contents: Contents, sender: Any, keys: Mapping[Any, str | None], now: datetime | None
) -> dict[Any, int]:
    drafts = [
        Draft(unsaved(content, sender, now), {each: keys[each] for each in recipients})
        for content, recipients in contents.grouped(list(keys))
    ]
    return {inbox.user_id: id for inbox, id in insert_notifications(drafts, now)}


def _chunks(values: Sequence[Any]) -> Iterator[list[Any]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, SEND_CHUNK)):
        yield chunk
