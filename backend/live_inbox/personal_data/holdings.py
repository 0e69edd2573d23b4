"""The one table of what the inbox holds about a user: how each kind is found, exported and erased.

A column that may name a user has to be in `columns` of a holding. A test compares them with the models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import Model, Q, QuerySet

from live_inbox import database
from live_inbox.events import Folder
from live_inbox.listing.filters import ListFilter
from live_inbox.maintenance.old_rows import remove_in_steps
from live_inbox.maintenance.pruning import prune_inbox
from live_inbox.models import (
    Inbox,
    InboxEvent,
    Notification,
    NotificationPreference,
    ScheduledSend,
    TokenRevocation,
    TopicSubscription,
    UndoStep,
    WebhookDelivery,
)
from live_inbox.personal_data import bulk_records, mentions, records
from live_inbox.personal_data.records import Record
from live_inbox.personal_data.scanning import candidates, paged
from live_inbox.personal_data.subject import DataSubject
from live_inbox.services import delete_all
from live_inbox.services.inbox_rows import lock

BATCH = 500
"""Rows that one transaction deletes."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One kind of what is held about a user.

    `find` yields the rows, `record` makes one of a row, and `erase` yields how many rows each transaction has erased;
    without it, the rows stay as long as the account. `ends_with` says then, or of what `erase` leaves, what ends them.
    """

    name: str
    columns: tuple[str, ...]
    find: Callable[[DataSubject], Iterable[Any]]
    record: Callable[[Any, DataSubject], Record]
    erase: Callable[[DataSubject], Iterable[int]] | None
    ends_with: str = ""

    def export(self, subject: DataSubject) -> Iterator[Record]:
        """Yield the records."""
        for row in self._rows(subject):
            yield {"record": self.name, **self.record(row, subject)}

    def count(self, subject: DataSubject) -> int:
        """Return how many rows there are."""
        found = self.find(subject)
        return found.count() if isinstance(found, QuerySet) else sum(1 for _ in found)

    def _rows(self, subject: DataSubject) -> Iterable[Any]:
        found = self.find(subject)
        return paged(found) if isinstance(found, QuerySet) else found


def _rows_of(model: type[Model], **columns: str) -> Callable[[DataSubject], QuerySet[Any]]:
    """Return what finds the rows of a model in which these columns have the attributes of the subject."""
    return lambda subject: database.queryset(model).filter(
        **{name: getattr(subject, attribute) for name, attribute in columns.items()}
    )


def _received(subject: DataSubject) -> QuerySet[Any]:
    rows = database.queryset(Notification).select_related("sender")
    return rows.filter(recipient=subject.key)


def _scheduled(subject: DataSubject) -> QuerySet[Any]:
    own = Q(recipient=subject.key) | Q(sender=subject.key)
    return database.queryset(ScheduledSend).filter(own)


def _deliveries(subject: DataSubject) -> Iterator[WebhookDelivery]:
    for row in candidates(WebhookDelivery, subject, ("body",)):
        data = orjson.loads(row.body)["data"]
        if subject.is_key(data["user_id"]) or subject.without_mentions({"target": data["target"]}):
            yield row


def _delete_received(subject: DataSubject) -> Iterator[int]:
    """Delete the notifications as the user would, so that open devices see it."""
    for folder in Folder:
        before = _received(subject).count()
        delete_all(user_id=subject.key, filter=ListFilter(folder=folder))
        yield before - _received(subject).count()


def _delete_inbox(subject: DataSubject) -> Iterator[int]:
    yield _delete_locked_inbox(subject)


@database.transactional
def _delete_locked_inbox(subject: DataSubject) -> int:
    """Delete the row of the inbox, so that its open devices and old positions get a reset."""
    if lock(subject.key) is None:
        return 0
    database.queryset(Inbox).filter(pk=subject.key).delete()
    return 1


def _delete_deliveries(subject: DataSubject) -> Iterator[int]:
    """Delete those that have failed. The others are decisions that the project is waiting for."""
    failed = [row.pk for row in _deliveries(subject) if row.failed_at is not None]
    yield database.queryset(WebhookDelivery).filter(pk__in=failed).delete()[0]


def _deleting(
    find: Callable[[DataSubject], QuerySet[Any]],
) -> Callable[[DataSubject], Iterator[int]]:
    """Return what deletes the rows that are found, in transactions of BATCH."""

    def erase(subject: DataSubject) -> Iterator[int]:
        before = 0
        for removed in remove_in_steps(find(subject).order_by("pk"), BATCH):
            yield removed - before
            before = removed

    return erase


def _of_row(record: Callable[[Any], Record]) -> Callable[[Any, DataSubject], Record]:
    return lambda row, subject: record(row)


_events = _rows_of(InboxEvent, inbox="key")
_undo_steps = _rows_of(UndoStep, inbox="key")
_topics = _rows_of(TopicSubscription, user="key")
_preferences = _rows_of(NotificationPreference, user="key")


def _sent_with_sender(subject: DataSubject) -> QuerySet[Any]:
    return mentions.sent_by(subject).select_related("sender")


HOLDINGS: tuple[Holding, ...] = (
    Holding(
        "scheduled",
        ("ScheduledSend.recipient", "ScheduledSend.sender"),
        _scheduled,
        _of_row(records.of_scheduled),
        _deleting(_scheduled),
    ),
    Holding(
        "bulk_send",
        ("BulkSend.sender", "BulkSendChunk.bulk_send", "CampaignOrder.bulk_send"),
        bulk_records.started_by,
        _of_row(records.of_bulk_send),
        bulk_records.delete_started,
    ),
    Holding(
        "sent",
        ("Notification.sender",),
        _sent_with_sender,
        _of_row(records.of_sent),
        mentions.forget_sent,
    ),
    Holding(
        "named_in_notification",
        ("Notification.actor", "Notification.target", "Notification.group_actors"),
        mentions.naming,
        records.of_notification_naming,
        mentions.forget_named,
    ),
    Holding(
        "named_in_event",
        ("InboxEvent.payload",),
        mentions.events_naming,
        records.of_event_naming,
        mentions.forget_in_log,
    ),
    Holding(
        "named_in_undo_step",
        ("UndoStep.content",),
        mentions.undo_steps_naming,
        _of_row(records.of_undo_step_naming),
        mentions.forget_in_undo_steps,
    ),
    Holding(
        "named_in_scheduled",
        ("ScheduledSend.content",),
        mentions.scheduled_naming,
        records.of_scheduled_naming,
        mentions.forget_in_scheduled,
    ),
    Holding(
        "named_in_campaign",
        ("CampaignOrder.recipient_keys", "CampaignOrder.content"),
        bulk_records.orders_naming,
        records.of_campaign_naming,
        bulk_records.forget_in_orders,
    ),
    Holding(
        "bulk_send_progress",
        ("BulkSend.left", "BulkSend.last_recipient"),
        bulk_records.progress_naming,
        _of_row(records.of_progress),
        bulk_records.forget_in_progress,
    ),
    Holding(
        "bulk_send_outcome",
        ("BulkSendChunk.outcomes",),
        bulk_records.outcomes_of,
        _of_row(records.of_outcome),
        bulk_records.forget_outcomes,
    ),
    Holding(
        "notification",
        ("Notification.recipient",),
        _received,
        _of_row(records.of_received),
        _delete_received,
    ),
    Holding(
        "undo_step",
        ("UndoStep.inbox",),
        _undo_steps,
        _of_row(records.of_undo_step),
        _deleting(_undo_steps),
    ),
    Holding(
        "event",
        ("InboxEvent.inbox",),
        _events,
        _of_row(records.of_event),
        lambda subject: prune_inbox(subject.key),
    ),
    Holding(
        "inbox",
        ("Inbox.user",),
        _rows_of(Inbox, user="key"),
        _of_row(records.of_inbox),
        _delete_inbox,
    ),
    Holding(
        "topic",
        ("TopicSubscription.user",),
        _topics,
        _of_row(records.of_topic),
        _deleting(_topics),
    ),
    Holding(
        "preference",
        ("NotificationPreference.user",),
        _preferences,
        _of_row(records.of_preference),
        _deleting(_preferences),
    ),
    Holding(
        "webhook_delivery",
        ("WebhookDelivery.body",),
        _deliveries,
        _of_row(records.of_delivery),
        _delete_deliveries,
        "they go when the webhook has received them",
    ),
    Holding(
        "token_revocation",
        ("TokenRevocation.user",),
        _rows_of(TokenRevocation, user="key"),
        _of_row(records.of_revocation),
        None,
        "without it, tokens that were revoked would be accepted again; it goes with the account",
    ),
)
"""In the order in which they are erased: what would send to the user first, and the inbox after what changes it."""

WITHOUT_NOTIFICATIONS = {"sent": mentions.delete_sent}
"""What erases a holding if what the user has sent is to be deleted, not to stay without its sender."""
