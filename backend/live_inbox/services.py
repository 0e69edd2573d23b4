"""The writers: everything that changes an inbox.

Each service is one transaction: it locks the inbox, changes the rows and the counts, and adds the event. The
doorbell is rung after the commit and cannot fail it. `now` is for tests and imports; it defaults to the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from msgspec.structs import replace

from live_inbox.bulk_insert import insert_copies
from live_inbox.conf import inbox_settings
from live_inbox.content import Draft, clean_draft, clean_key, clean_type
from live_inbox.delivery.position import Position
from live_inbox.errors import Conflict, InvalidInput, NotFound
from live_inbox.event_recording import event_of, record
from live_inbox.events import Event, Kind, Person, Snapshot
from live_inbox.inbox_rows import Numbered, lock, number_arrivals, number_change
from live_inbox.models import (
    Backwards,
    Inbox,
    Notification,
    NotificationPreference,
)

SEND_CHUNK = 500
"""Recipients whose inboxes one transaction of `send_many` locks. Larger chunks gain nothing measurable and
keep the other writers of these inboxes waiting."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The result of a send: a notification, unless the recipient does not want that type.

    `replayed` says that the idempotency key was seen before and this is the first result.
    """

    notification: Notification | None
    suppressed: bool = False
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class SentMany:
    """How many recipients of a bulk send got the notification, and how many do not want its type."""

    sent: int
    suppressed: int


@dataclass(frozen=True, slots=True)
class Changed:
    """A notification after it was marked; `changed` is false if it was so already."""

    notification: Notification
    changed: bool
    unread_count: int
    total_count: int
    position: Position


@dataclass(frozen=True, slots=True)
class AllRead:
    """An inbox after a mark-all-read; `count` is how many became read."""

    count: int
    unread_count: int
    total_count: int
    position: Position


@dataclass(frozen=True, slots=True)
class Deleted:
    """An inbox after a notification was deleted."""

    notification_id: int
    unread_count: int
    total_count: int
    position: Position


# -- sending ---------------------------------------------------------------------------------------------


def send(
    *,
    recipient_id: Any,
    title: str,
    message: str = "",
    type: str = "general",
    link: str = "",
    data: dict[str, Any] | None = None,
    sender_id: Any = None,
    idempotency_key: str | None = None,
    created_at: datetime | None = None,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> Sent:
    """Put a notification into a user's inbox.

    With an idempotency key, unique for each sender, a repeated call returns the first result; with the same
    key and other content it raises Conflict. `created_at` is for notifications that are moved here from
    elsewhere: they show their old time, while the event in the log is of now. At `expires_at`, or a few
    seconds later, the notification disappears by itself. Raises InvalidInput for unacceptable content or users.
    """
    draft = clean_draft(
        type=type,
        title=title,
        message=message,
        link=link,
        data=data,
        expires_at=expires_at,
        now=now or timezone.now(),
    )
    key = clean_key(idempotency_key)
    recipient_key = _user_key(recipient_id, field="recipient_id")
    sender_key = None if sender_id is None else _user_key(sender_id, field="sender_id")
    try:
        with transaction.atomic():
            moment = now or timezone.now()
            return _send(draft, recipient_key, sender_key, key, moment, created_at)
    except IntegrityError:
        # Between our look and our insert somebody else has used the key, or a user was deleted.
        first = _find_by_key(sender_key, key)
        if first is not None:
            return _replay(first, draft, recipient_key)
        _load_users(recipient_key, sender_key)
        raise


def _send(
    draft: Draft,
    recipient_id: Any,
    sender_id: Any,
    key: str | None,
    now: datetime,
    created_at: datetime | None,
) -> Sent:
    first = _find_by_key(sender_id, key)
    if first is not None:
        return _replay(first, draft, recipient_id)
    sender = _load_users(recipient_id, sender_id)
    notification = _unsaved(draft, sender, created_at or now)
    notification.idempotency_key = key
    delivered = _deliver(notification, [recipient_id], now)
    if not delivered:
        return Sent(notification=None, suppressed=True)
    ((inbox, notification.pk),) = delivered
    notification.recipient_id = inbox.user_id
    notification.added_sequence = inbox.sequence
    notification._state.adding = False
    notification._state.db = connection.alias
    return Sent(notification=notification)


def send_many(
    *,
    recipient_ids: Iterable[Any],
    title: str,
    message: str = "",
    type: str = "general",
    link: str = "",
    data: dict[str, Any] | None = None,
    sender_id: Any = None,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> SentMany:
    """Put the same notification into the inboxes of many users, each user once.

    Costs a fixed number of statements for each chunk of SEND_CHUNK recipients; each chunk is a transaction of
    its own. All recipients are looked up before the first chunk: InvalidInput means that nobody got anything.
    """
    draft = clean_draft(
        type=type,
        title=title,
        message=message,
        link=link,
        data=data,
        expires_at=expires_at,
        now=now or timezone.now(),
    )
    recipients = sorted({_user_key(value, field="recipient_ids") for value in recipient_ids})
    sender_key = None if sender_id is None else _user_key(sender_id, field="sender_id")
    sender = _load_sender(sender_key)
    missing = sum(len(chunk) - _count_users(chunk) for chunk in _chunks(recipients))
    if missing:
        raise InvalidInput(f"{missing} recipients do not exist.", field="recipient_ids")
    sent = 0
    for chunk in _chunks(recipients):
        with transaction.atomic():
            moment = now or timezone.now()
            sent += len(_deliver(_unsaved(draft, sender, moment), chunk, moment))
    return SentMany(sent=sent, suppressed=len(recipients) - sent)


def send_approval(
    *,
    recipient_id: Any,
    title: str,
    message: str,
    form_type: str,
    item_id: Any,
    approved: bool,
    sender_id: Any = None,
    link: str = "",
    data: dict[str, Any] | None = None,
    idempotency_key: str | None = None,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> Sent:
    """Tell a user that a form of theirs was approved or not.

    It is a notification of type `approval` whose data says which form and item, and the decision.
    """
    decision = {"form_type": form_type, "item_id": _plain(item_id), "approved": approved}
    return send(
        recipient_id=recipient_id,
        title=title,
        message=message,
        type="approval",
        link=link,
        data={**(data or {}), **decision},
        sender_id=sender_id,
        idempotency_key=idempotency_key,
        expires_at=expires_at,
        now=now,
    )


def send_user_detail_approval(
    *,
    recipient_id: Any,
    approved: bool,
    item_id: Any = None,
    title: str | None = None,
    message: str | None = None,
    sender_id: Any = None,
    link: str = "",
    idempotency_key: str | None = None,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> Sent:
    """Tell a user that their own details were approved or not; `item_id` is the user unless given."""
    outcome = "approved" if approved else "rejected"
    return send_approval(
        recipient_id=recipient_id,
        title=f"Details {outcome.capitalize()}" if title is None else title,
        message=f"Your details have been {outcome}" if message is None else message,
        form_type="userdetail",
        item_id=recipient_id if item_id is None else item_id,
        approved=approved,
        sender_id=sender_id,
        link=link,
        idempotency_key=idempotency_key,
        expires_at=expires_at,
        now=now,
    )


def _plain(value: Any) -> Any:
    """Return a primary key as JSON can carry it."""
    return value if value is None or isinstance(value, int | str) else str(value)


def _user_key(value: Any, *, field: str) -> Any:
    """Return a primary key of the user model, from the key itself or the text of it."""
    try:
        key = get_user_model()._meta.pk.to_python(value)
    except (ValidationError, OverflowError):
        key = None
    # Not what only looks like a number to Python (1.9, True, "1_0"): the policy is asked about the text.
    # SQLite and PostgreSQL store integers of 64 bits at most.
    if key is None or (isinstance(key, int) and (str(key) != str(value) or abs(key) >= 2**63)):
        raise InvalidInput("There is no such user.", field=field)
    return key


def _count_users(user_ids: Sequence[Any]) -> int:
    return get_user_model()._default_manager.filter(pk__in=user_ids).count()


def _load_users(recipient_id: Any, sender_id: Any) -> Any:
    """Return the sender, if there is to be one; raise InvalidInput if one of the two does not exist."""
    keys = {recipient_id} if sender_id is None else {recipient_id, sender_id}
    users = {user.pk: user for user in get_user_model()._default_manager.filter(pk__in=keys)}
    for key, field in ((recipient_id, "recipient_id"), (sender_id, "sender_id")):
        if key is not None and key not in users:
            raise InvalidInput("There is no such user.", field=field)
    return users.get(sender_id)


def _load_sender(sender_id: Any) -> Any:
    if sender_id is None:
        return None
    sender = get_user_model()._default_manager.filter(pk=sender_id).first()
    if sender is None:
        raise InvalidInput("There is no such user.", field="sender_id")
    return sender


def _find_by_key(sender_id: Any, key: str | None) -> Notification | None:
    if key is None:
        return None
    query = Notification.objects.select_related("sender")
    return query.filter(sender=sender_id, idempotency_key=key).first()


def _replay(first: Notification, draft: Draft, recipient_id: Any) -> Sent:
    """Return the first result of an idempotent send, if this is the same send."""
    content = Draft(
        first.type, first.title, first.message, first.link, first.data, first.expires_at
    )
    if content != draft or first.recipient_id != recipient_id:
        raise Conflict("This idempotency key was used for another notification.")
    return Sent(notification=first, replayed=True)


def _unsaved(draft: Draft, sender: Any, created_at: datetime) -> Notification:
    """Return a notification that is nobody's yet."""
    return Notification(
        sender=sender,
        type=draft.type,
        title=draft.title,
        message=draft.message,
        link=draft.link,
        data=draft.data,
        created_at=created_at,
        expires_at=draft.expires_at,
    )


def _deliver(
    notification: Notification, recipient_ids: Sequence[Any], now: datetime
) -> list[tuple[Numbered, int]]:
    """Put copies of a notification into the inboxes of those who want its type, with their events.

    Returns the inboxes and the ids of the copies. Three statements for any number of them.
    """
    is_required = notification.type in inbox_settings().required_types
    inboxes = number_arrivals(recipient_ids, unless_off=None if is_required else notification.type)
    if not inboxes:
        return []
    ids = insert_copies(notification, inboxes)
    told = snapshot(notification)
    record(
        [
            _about(Kind.ADDED, inbox, replace(told, id=id), now)
            for inbox, id in zip(inboxes, ids, strict=True)
        ]
    )
    return list(zip(inboxes, ids, strict=True))


def _chunks(values: Sequence[Any]) -> Iterator[list[Any]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, SEND_CHUNK)):
        yield chunk


# -- reading, deleting -----------------------------------------------------------------------------------


def mark_read(*, user_id: Any, notification_id: int, now: datetime | None = None) -> Changed:
    """Mark one of the user's notifications as read; raise NotFound if they have no such notification."""
    moment = now or timezone.now()
    return _mark(user_id, notification_id, read_at=moment, now=moment)


def mark_unread(*, user_id: Any, notification_id: int, now: datetime | None = None) -> Changed:
    """Mark one of the user's notifications as not read; raise NotFound if they have no such notification."""
    return _mark(user_id, notification_id, read_at=None, now=now or timezone.now())


def _mark(
    user_id: Any, notification_id: int, *, read_at: datetime | None, now: datetime
) -> Changed:
    with transaction.atomic():
        inbox, notification = _lock_with(user_id, notification_id)
        becomes_read = read_at is not None
        changed = notification.read != becomes_read
        if changed:
            notification.read_at = read_at
            notification.save(update_fields=["read_at"])
            numbered = number_change(inbox, unread=-1 if becomes_read else 1)
            kind = Kind.READ if becomes_read else Kind.UNREAD
            record([_about(kind, numbered, snapshot(notification), now)])
    return Changed(notification, changed, inbox.unread_count, inbox.total_count, inbox.position)


def mark_all_read(
    *, user_id: Any, up_to: Position | None = None, now: datetime | None = None
) -> AllRead:
    """Mark the user's notifications as read: all of them, or those that had arrived at a position.

    With the position of the list that the user is looking at, what arrives meanwhile stays unread. Raises
    InvalidInput if the position is not of this inbox. The cost is bounded by what is unread.
    """
    moment = now or timezone.now()
    with transaction.atomic():
        inbox = lock(user_id)
        if inbox is None:
            _check_up_to(Position("", 0), up_to)
            return AllRead(0, 0, 0, Position("", 0))
        _check_up_to(inbox.position, up_to)
        unread = Notification.objects.filter(recipient=user_id, read_at__isnull=True)
        if up_to is not None:
            unread = unread.filter(added_sequence__lte=up_to.sequence)
        # Walked along the index, and no further than there can be any: otherwise PostgreSQL, which does not know
        # how many there are, may visit every row that was ever marked since it last tidied up.
        ids = unread.order_by(Backwards("id")).values_list("id", flat=True)[: inbox.unread_count]
        through_id = ids.first()
        count = 0
        if through_id is not None:
            count = Notification.objects.filter(id__in=ids).update(read_at=moment)
            numbered = number_change(inbox, unread=-count)
            event = event_of(Kind.ALL_READ, numbered, moment, count=count, through_id=through_id)
            record([event])
    return AllRead(count, inbox.unread_count, inbox.total_count, inbox.position)


def _check_up_to(head: Position, up_to: Position | None) -> None:
    if up_to is None or up_to.is_origin:
        return
    if up_to.epoch != head.epoch or up_to.sequence > head.sequence:
        raise InvalidInput("This is not a position of your inbox.", field="up_to")


def delete(*, user_id: Any, notification_id: int, now: datetime | None = None) -> Deleted:
    """Delete one of the user's notifications; raise NotFound if they have no such notification."""
    with transaction.atomic():
        inbox, notification = _lock_with(user_id, notification_id)
        Notification.objects.filter(pk=notification.pk).delete()
        numbered = number_change(inbox, unread=0 if notification.read else -1, total=-1)
        event = event_of(
            Kind.DELETED,
            numbered,
            now or timezone.now(),
            notification_id=notification.pk,
            type=notification.type,
        )
        record([event])
    return Deleted(notification.pk, inbox.unread_count, inbox.total_count, inbox.position)


def _lock_with(user_id: Any, notification_id: int) -> tuple[Inbox, Notification]:
    """Lock the inbox and load one of its notifications."""
    inbox = lock(user_id)
    if inbox is not None:
        query = Notification.objects.select_related("sender")
        notification = query.filter(recipient=user_id, pk=notification_id).first()
        if notification is not None:
            return inbox, notification
    raise NotFound("You have no such notification.")


# -- preferences -----------------------------------------------------------------------------------------


def set_preference(*, user_id: Any, type: str, enabled: bool) -> NotificationPreference:
    """Say whether a user wants notifications of a type. Required types cannot be turned off (InvalidInput)."""
    cleaned = clean_type(type)
    if not enabled and cleaned in inbox_settings().required_types:
        raise InvalidInput("Notifications of this type cannot be turned off.", field="enabled")
    preference, _ = NotificationPreference.objects.update_or_create(
        user_id=user_id, type=cleaned, defaults={"enabled": enabled}
    )
    return preference


# -- telling ---------------------------------------------------------------------------------------------


def snapshot(notification: Notification) -> Snapshot:
    """Return a notification as events tell it. Its sender must be loaded, or a query is made."""
    sender = notification.sender
    return Snapshot(
        id=notification.pk,
        type=notification.type,
        title=notification.title,
        message=notification.message,
        link=notification.link,
        data=notification.data,
        created_at=notification.created_at,
        read_at=notification.read_at,
        sender=None if sender is None else person(sender),
        expires_at=notification.expires_at,
    )


def person(user: Any) -> Person:
    """Return how a user is shown to others."""
    # Django does not demand a full name of a user model of one's own.
    full_name = getattr(user, "get_full_name", str)
    return Person(id=str(user.pk), username=user.get_username(), name=full_name())


def _about(kind: Kind, inbox: Numbered, told: Snapshot, now: datetime) -> Event:
    return event_of(kind, inbox, now, notification=told, notification_id=told.id)
