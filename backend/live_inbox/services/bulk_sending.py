"""Sending the same notification to many users."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any, Unpack

from django.db import Error, IntegrityError

from live_inbox import database
from live_inbox.clock import clock
from live_inbox.content import GivenFields, check_not_expired, clean_key
from live_inbox.database_errors import kind_of
from live_inbox.errors import InvalidInput
from live_inbox.services.bulk_call import BulkCall
from live_inbox.services.bulk_keys import already_sent, key_of_recipient
from live_inbox.services.bulk_progress import (
    BulkProgress,
    SenderDeleted,
    SendManyCancelled,
    SendManyInterrupted,
)
from live_inbox.services.bulk_record import (
    BulkCancelled,
    BulkRecord,
    Outcomes,
    Overtaken,
    outcomes_of,
)
from live_inbox.services.bulk_scheduling import BulkScheduling, scheduled_recipients
from live_inbox.services.campaign_audience import recipient_keys
from live_inbox.services.given_content import GivenContent, read_given
from live_inbox.services.inbox_rows import lock_free
from live_inbox.services.inserting import Draft, insert_notifications, unsaved
from live_inbox.services.recipient_content import Contents, contents_for
from live_inbox.services.results import SentMany
from live_inbox.services.send_counting import count_bulk_sends
from live_inbox.services.users import count_users, existing_users, load_sender, user_key

SEND_CHUNK = 500
"""Recipients whose inboxes one transaction of `send_many` locks. Larger chunks gain nothing measurable, and keep the
other writers of these inboxes waiting."""

LOCKED_PAUSES = (0.05, 0.5, 2.0)
"""Seconds before each new attempt at the inboxes that others had locked. After the last one, they are waited for."""


@count_bulk_sends
def send_many(
    *,
    recipient_ids: Iterable[Any],
    sender_id: Any = None,
    idempotency_key: str | None = None,
    must_exist: bool = True,
    now: datetime | None = None,
    authorize: Callable[[Collection[Any]], Collection[Any]] | None = None,
    **fields: Unpack[GivenFields],
) -> SentMany:
    """Put the same notification into the inboxes of many users, each user once.

    Costs a fixed number of statements for each chunk of SEND_CHUNK recipients; each chunk is a transaction of
    its own. Recipients whose inboxes others have locked come last. All recipients are looked up before the first chunk:
    after InvalidInput nobody has received anything.
    A user who is deleted after that is skipped; without `must_exist`, so is one who has never existed. `authorize`, if
    given, is called with those of the recipients who have not been dealt with, and returns who of them may be sent to.

    With an idempotency key, unique for each sender, a call that died half-way is completed by the same call: whom it
    has dealt with is left alone, also who has deleted the notification since or had turned its type off, and who has
    been deleted is skipped. If nobody is left, the notification may have expired. The transaction of each chunk records
    its recipients, by two more statements (`bulk_record.py`). Further recipients get the notification. Raises Conflict
    for a key that was used with other content; nobody has received anything then.

    With a `deliver_at` that is still to come, a row is stored for each recipient, and becomes the notification of those
    who want the type at that time.

    Raises SendManyInterrupted when the database fails after the look-up, SenderDeleted, and SendManyCancelled; within a
    transaction of the caller's, where nothing is done by halves, the database's own error and InvalidInput. Raises
    Conflict for a key whose bulk send has been cancelled.
    """
    recipients = recipient_keys(recipient_ids)
    given = read_given(fields, now=now or clock.now())
    contents = contents_for(recipients, given)
    key = clean_key(idempotency_key)
    digest = None if key is None else given.digest()
    sender_key = None if sender_id is None else user_key(sender_id, field="sender_id")
    sender = load_sender(sender_key)
    keys = {each: None if key is None else key_of_recipient(key, each) for each in recipients}
    record = None
    if key is not None and digest is not None:
        title = _title_of(given, contents)
        record = BulkRecord(sender_id=sender_key, key=key, digest=digest, title=title)
    waiting = set[Any]()
    if key is not None and given.is_scheduled:
        waiting = scheduled_recipients(sender_key, key)
    # All of it before the first chunk: after Conflict, nobody has received anything.
    recorded: Outcomes = record.outcomes if record is not None and record.read() else {}
    unrecorded = already_sent(sender_key, keys, contents, digest) if not recorded else {}
    skipped = _missing(recipients)
    # Once it has begun, all existed when it was first sent.
    has_begun = bool(recorded or unrecorded or waiting)
    if skipped and must_exist and not has_begun:
        raise InvalidInput(f"{len(skipped)} recipients do not exist.", field="recipient_ids")
    new = [
        each
        for each in recipients
        if not (each in recorded or each in unrecorded or each in skipped or each in waiting)
    ]
    if new or not has_begun:
        for content in contents.distinct:
            check_not_expired(content, now or clock.now(), given.deliver_at)
    refused = set[Any]() if authorize is None else set(new) - set(authorize(new))
    recipients = [each for each in recipients if each not in refused]
    existing = [each for each in recipients if each not in skipped]
    earlier = {each: recorded[each] for each in existing if each in recorded}
    left = [each for each in existing if each not in earlier]
    waiting &= set(left)
    left = [each for each in left if each not in waiting]
    progress = BulkProgress(len(recipients), earlier=earlier, skipped=skipped, scheduled=waiting)
    if record is not None:
        record.recipients = len(recipients)
    bulk = BulkCall(contents, digest, sender, keys, now, record, progress)
    is_atomic = database.connection().in_atomic_block
    sending: _Sending | BulkScheduling = _Sending(bulk, unrecorded, may_wait=is_atomic)
    if given.deliver_at is not None:
        progress.add(sent={}, suppressed=0, earlier=unrecorded, skipped=())
        left = [each for each in left if each not in unrecorded]
        sending = BulkScheduling(bulk, given.deliver_at, SEND_CHUNK)
    for chunk in sending.chunks(left):
        try:
            sending.send(chunk)
        except InvalidInput as error:
            if is_atomic:
                raise
            raise SenderDeleted(progress.result(), remaining=progress.remaining) from error
        except BulkCancelled as error:
            raise SendManyCancelled(progress.result(), remaining=progress.remaining) from error
        except Error as error:
            if is_atomic or not kind_of(error).is_temporary:
                raise
            raise SendManyInterrupted(
                progress.result(), remaining=progress.remaining, has_key=key is not None
            ) from error
    if record is None:
        return progress.result()
    try:
        record.finish()
    except Error as error:
        # Everybody has been dealt with. Only the state in the record is behind.
        if is_atomic or not kind_of(error).is_temporary:
            raise
    return replace(progress.result(), campaign_id=record.id)


def _title_of(given: GivenContent, contents: Contents) -> str:
    """Return the title, or the type whose template makes it: in the languages of recipients, it differs."""
    content = contents.distinct[0]
    return content.type if "title" in given.rendered else content.title


def _missing(recipients: Sequence[Any]) -> set[Any]:
    """Return those of the recipients who do not exist."""
    missing = set[Any]()
    for chunk in _chunks(recipients):
        if count_users(chunk) < len(chunk):
            missing |= set(chunk) - existing_users(chunk)
    return missing


@dataclass(frozen=True, slots=True)
class _Inserted:
    """What one transaction has done: the ids of the notifications by recipient, and that of the record."""

    record_id: int | None = None
    sent: Mapping[Any, int] = field(default_factory=dict)
    locked: Collection[Any] = ()
    """The recipients whose inboxes were locked by others. Nothing was done about them."""


class _Sending:
    """Sends to one chunk of recipients after the other, and to those whose inboxes are locked by others last.

    Whoever waits for one lock holds those of all other inboxes of the chunk meanwhile, and their owners would wait as
    well. So the inboxes that are locked are left for a later chunk, and waited for one by one in the end.
    """

    def __init__(self, bulk: BulkCall, unrecorded: Mapping[Any, int], *, may_wait: bool) -> None:
        """`unrecorded` have the notification, though no record says so. `may_wait`: wait for locks at once."""
        self._bulk = bulk
        self._unrecorded = unrecorded
        self._may_wait = may_wait
        self._locked: list[Any] = []

    def chunks(self, recipients: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield the recipients of each transaction. `send` has to be called with each."""
        yield from _chunks(recipients)
        for pause in LOCKED_PAUSES:
            if self._locked:
                time.sleep(pause)
                locked, self._locked = self._locked, []
                yield from _chunks(locked)
        locked, self._locked = self._locked, []
        for recipient in locked:
            yield [recipient]

    def send(self, chunk: Sequence[Any]) -> None:
        """Send to the recipients of one chunk, and add it to the progress and to the record.

        Raises InvalidInput if the sender has been deleted.
        """
        bulk, record, skipped = self._bulk, self._bulk.record, set[Any]()
        had = {each: self._unrecorded[each] for each in chunk if each in self._unrecorded}
        while True:
            # Concurrent calls with the key may have dealt with some of the chunk, also while an earlier one was sent.
            earlier, left = bulk.split(chunk, skipped)
            had = {each: had[each] for each in left if each in had}
            try:
                inserted = self._insert(left, had) if left else _Inserted()
                break
            except Overtaken:
                if record is None or not record.read():
                    raise
            except IntegrityError:
                # A concurrent call has used the key, or users were deleted. Both have been committed by now, and the
                # others need not go without their notifications.
                is_news = record is not None and record.read()
                sender_id = bulk.sender and bulk.sender.pk
                load_sender(sender_id)
                keys = {each: bulk.keys[each] for each in left}
                found = already_sent(sender_id, keys, bulk.contents, bulk.digest)
                gone = set(left) - existing_users(left)
                if not is_news and not gone and found.keys() == had.keys():
                    raise
                had = found
                skipped |= gone
        locked, sent = inserted.locked, inserted.sent
        self._locked += locked
        left = [each for each in left if each not in locked]
        had = {each: id for each, id in had.items() if each not in locked}
        if record is not None and inserted.record_id is not None:
            record.committed(inserted.record_id, outcomes_of(left, had, sent))
        bulk.progress.add(
            sent=sent,
            suppressed=len(left) - len(had) - len(sent),
            earlier={**earlier, **had},
            skipped=skipped,
        )

    def _insert(self, recipients: Sequence[Any], had: Mapping[Any, int]) -> _Inserted:
        may_wait = self._may_wait or len(recipients) == 1
        return _insert_chunk(self._bulk, recipients, had, may_wait=may_wait)


@database.transactional
def _insert_chunk(
    bulk: BulkCall, recipients: Sequence[Any], had: Mapping[Any, int], *, may_wait: bool
) -> _Inserted:
    """Insert and record in one transaction."""
    id = None if bulk.record is None else bulk.record.claim()
    locked = set() if may_wait else lock_free(recipients)
    free = [each for each in recipients if each not in locked]
    without = [each for each in free if each not in had]
    drafts = [
        Draft(
            unsaved(content, bulk.sender, bulk.now, bulk.digest),
            {each: bulk.keys[each] for each in group},
        )
        for content, group in bulk.contents.grouped(without)
    ]
    sent = {inbox.user_id: id for inbox, id in insert_notifications(drafts, bulk.now)}
    if bulk.record is not None and id is not None:
        had = {each: had[each] for each in free if each in had}
        bulk.record.write(id, outcomes_of(free, had, sent))
    return _Inserted(id, sent, locked)


def _chunks(values: Sequence[Any]) -> Iterator[list[Any]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, SEND_CHUNK)):
        yield chunk
