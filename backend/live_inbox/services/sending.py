"""Sending a notification to one user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Unpack

from django.contrib.auth import get_user_model
from django.db import IntegrityError

from live_inbox import database
from live_inbox.clock import clock
from live_inbox.conf import inbox_settings
from live_inbox.content import (
    Content,
    GivenFields,
    check_not_expired,
    clean_created_at,
    clean_key,
)
from live_inbox.declared_types import declared_type
from live_inbox.errors import Conflict, InvalidInput
from live_inbox.identity.user_lookup import has_plain_rows
from live_inbox.models import Notification, ScheduledSend
from live_inbox.services import one_statement
from live_inbox.services.given_content import GivenContent, read_given
from live_inbox.services.inserting import Draft, insert_notifications, unsaved
from live_inbox.services.recipient_content import content_for
from live_inbox.services.results import Sent
from live_inbox.services.scheduling import find_scheduled, schedule
from live_inbox.services.send_counting import count_sends
from live_inbox.services.users import load_sender, load_users, user_key


@count_sends
def send(
    *,
    recipient_id: Any,
    sender_id: Any = None,
    idempotency_key: str | None = None,
    created_at: date | None = None,
    now: datetime | None = None,
    authorize: Callable[[], None] | None = None,
    known: Any = None,
    **fields: Unpack[GivenFields],
) -> Sent:
    """Put a notification into a user's inbox.

    What is not given, the templates and the retention of the type fill in: see `given_content`. With an idempotency
    key, unique for each sender, a repeated call returns the first result; with the same key and other content it raises
    Conflict. `created_at` is for imported notifications: they show their old time, while the event in the log has the
    current one. A few seconds after `expires_at`, the notification is deleted. With a `deliver_at` that is still to
    come, a row is stored, which becomes a notification then, if the recipient wants the type at that time.

    Raises InvalidInput for content or users that are not acceptable, and what `authorize` raises, which is called first
    for all but repeated calls: what has been sent stays sent, whatever has changed since. `known` is a user who has
    just been read, and is not read again.
    """
    sender_key = None if sender_id is None else user_key(sender_id, field="sender_id")
    key = clean_key(idempotency_key)
    # A plain send does not pay for the look-up of those that are scheduled.
    waiting = None if fields.get("deliver_at") is None else find_scheduled(sender_key, key)
    first = None if waiting is not None else _find_by_key(sender_key, key)
    if first is None and waiting is None and authorize is not None:
        authorize()
    recipient_key = user_key(recipient_id, field="recipient_id")
    moment = now or clock.now()
    given = read_given(fields, now=moment)
    created = clean_created_at(created_at)
    if created is not None and given.is_scheduled:
        raise InvalidInput("What is imported cannot be delivered later.", field="created_at")
    digest = None if key is None else given.digest()
    if waiting is not None:
        return _replay_scheduled(waiting, digest, recipient_key)
    if first is not None:
        return _replay(first, given, recipient_key)
    content = content_for(recipient_key, given)
    check_not_expired(content, moment, given.deliver_at)
    try:
        order = _Order(content, recipient_key, sender_key, key, digest, now, created, known)
        if given.deliver_at is not None:
            return _schedule(order, given.deliver_at)
        # What it folds over is known under the lock only.
        direct = None if content.group_key else _send_in_one_statement(order)
        return direct or _send_under_lock(order)
    except IntegrityError:
        # Since the look-up, a concurrent call has used the key, or a user was deleted.
        waiting = find_scheduled(sender_key, key) if given.is_scheduled else None
        if waiting is not None:
            return _replay_scheduled(waiting, digest, recipient_key)
        first = _find_by_key(sender_key, key)
        if first is not None:
            return _replay(first, given, recipient_key)
        database.reading(load_users)(recipient_key, sender_key)
        raise


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be sent, validated; its keys are primary keys."""

    content: Content
    recipient_id: Any
    sender_id: Any
    key: str | None
    digest: str | None
    now: datetime | None
    created_at: datetime | None
    known: Any
    """A user who has just been read, and is not read again."""

    def draft(self) -> Notification:
        """Return the notification, unsaved. Raises InvalidInput for users who do not exist: it reads them."""
        return self._of(load_users(self.recipient_id, self.sender_id, self.known))

    def draft_for_anybody(self) -> Notification:
        """Do so for a recipient whom the database refuses at once if there is no such user."""
        if not has_plain_rows(get_user_model()._default_manager):
            # Who is hidden by the project's manager is no user for us, and one for the database.
            return self.draft()
        is_known = self.known is not None and self.known.pk == self.sender_id
        return self._of(self.known if is_known else load_sender(self.sender_id))

    def _of(self, sender: Any) -> Notification:
        return unsaved(self.content, sender, self.created_at or self.now, self.digest)


@one_statement.in_one_statement
def _send_in_one_statement(order: _Order) -> Sent | None:
    declared = declared_type(order.content.type)
    notification = order.draft_for_anybody()
    event = one_statement.add(
        notification,
        order.recipient_id,
        order.key,
        order.now,
        if_wanted=None if declared.is_required else order.content.type,
        is_on=declared.is_on,
        most=inbox_settings().max_inbox_notifications,
    )
    if event is None:
        return None
    saved = _saved(
        notification, order.recipient_id, event.notification_id, order.key, event.sequence
    )
    return Sent(saved)


def _schedule(order: _Order, deliver_at: datetime) -> Sent:
    row = schedule(
        order.content,
        recipient_id=order.recipient_id,
        sender_id=order.sender_id,
        key=order.key,
        digest=order.digest,
        deliver_at=deliver_at,
        now=order.now,
        known=order.known,
    )
    return Sent(notification=None, scheduled=row)


@database.transactional
def _send_under_lock(order: _Order) -> Sent:
    notification = order.draft()
    delivered = insert_notifications(
        [Draft(notification, {order.recipient_id: order.key})], order.now
    )
    if not delivered:
        return Sent(notification=None, suppressed=True)
    ((inbox, id),) = delivered
    saved = _saved(notification, inbox.user_id, id, order.key, inbox.sequence)
    if order.content.group_key:
        saved.refresh_from_db(fields=("group_root", "group_count", "group_actors", "pinned"))
    return Sent(saved)


def _saved(
    notification: Notification, recipient_id: Any, id: int | None, key: str | None, sequence: int
) -> Notification:
    """Return a notification that has been inserted, as the row is."""
    notification.pk = id
    notification.recipient_id = recipient_id
    notification.idempotency_key = key
    notification.added_sequence = sequence
    notification._state.adding = False
    notification._state.db = database.alias()
    return notification


@database.reading
def _find_by_key(sender_id: Any, key: str | None) -> Notification | None:
    if key is None:
        return None
    query = database.queryset(Notification).select_related("sender")
    return query.filter(sender=sender_id, idempotency_key=key).first()


def _replay_scheduled(waiting: ScheduledSend, digest: str | None, recipient_id: Any) -> Sent:
    """Return the first result of a send that waits for its time, if this is the same send."""
    if waiting.given_digest != digest or waiting.recipient_id != recipient_id:
        raise Conflict("This idempotency key was used for another notification.")
    return Sent(notification=None, replayed=True, scheduled=waiting)


def _replay(first: Notification, given: GivenContent, recipient_id: Any) -> Sent:
    """Return the first result of an idempotent send, if this is the same send."""
    is_same = first.given_digest == given.digest()
    if not is_same:
        # An imported notification has no digest.
        is_same = Content.of(first) == content_for(recipient_id, given)
    if not is_same or first.recipient_id != recipient_id:
        raise Conflict("This idempotency key was used for another notification.")
    return Sent(notification=first, replayed=True)
