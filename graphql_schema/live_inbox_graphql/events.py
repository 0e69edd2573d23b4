"""The events of an inbox, as a subscription tells them."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import strawberry

from live_inbox.events import GONE, Event, Kind, Reset
from live_inbox_graphql import ids
from live_inbox_graphql.types import Notification


@strawberry.enum(description="Why a position cannot be resumed.")
class ResetReason(Enum):
    EXPIRED = strawberry.enum_value(
        "expired",
        description="The events after it are no longer kept: the client was away for too long.",
    )
    EPOCH = strawberry.enum_value(
        "epoch", description="It belongs to an inbox that has since been restored or recreated."
    )
    AHEAD = strawberry.enum_value(
        "ahead",
        description="It lies beyond the newest event: the database has lost what the client has seen.",
    )


@strawberry.interface(
    description="A change of the inbox. Every change is told once, in the order of commits."
)
class NotificationEvent:
    position: str = strawberry.field(
        description="What to hold in order to resume after this event: the next subscription's `after`."
    )
    unread_count: int = strawberry.field(
        description="How many notifications of the whole inbox are unread right after this event."
    )
    occurred_at: datetime = strawberry.field(description="When it happened.")


@strawberry.type(description="A notification has arrived. It belongs at the top of the list.")
class NotificationAdded(NotificationEvent):
    notification: Notification = strawberry.field(
        description="The notification as it arrived; later events tell what became of it."
    )


@strawberry.type(description="A notification was marked as read or as not read.")
class NotificationUpdated(NotificationEvent):
    notification: Notification = strawberry.field(
        description="The notification as it was right after the change."
    )


@strawberry.type(description="A notification was deleted, or its `expiresAt` has come.")
class NotificationDeleted(NotificationEvent):
    notification_id: strawberry.ID = strawberry.field(description="The id of what is gone.")


@strawberry.type(
    description="Many notifications were marked as read at once. Told whatever types a subscription is "
    "limited to."
)
class AllNotificationsRead(NotificationEvent):
    count: int = strawberry.field(description="How many became read.")
    through_id: strawberry.ID = strawberry.field(
        description="The newest of them. It and every notification after it in the list (that is, with a "
        "smaller id) are read now; those that this event made so have `occurredAt` as their `readAt`."
    )


@strawberry.type(
    description="The position after which the client wanted to resume is of no use: reload the list. The "
    "events go on after the `position` given here. Told whatever types a subscription is limited to."
)
class InboxReset(NotificationEvent):
    reason: ResetReason = strawberry.field(description="Why.")


EVENT_TYPES = (
    NotificationAdded,
    NotificationUpdated,
    NotificationDeleted,
    AllNotificationsRead,
    InboxReset,
)


def present(item: Event | Reset) -> NotificationEvent:
    """Return how an event is told. Pure: everything is in the event."""
    if isinstance(item, Reset):
        return InboxReset(
            position=str(item.position),
            unread_count=item.unread_count,
            occurred_at=item.occurred_at,
            reason=ResetReason(item.reason.value),
        )
    position, unread, moment = str(item.position), item.unread_count, item.occurred_at
    if item.notification is not None:
        told = NotificationAdded if item.kind is Kind.ADDED else NotificationUpdated
        return told(
            position=position,
            unread_count=unread,
            occurred_at=moment,
            notification=Notification.of(item.notification),
        )
    if item.kind is Kind.ALL_READ and item.through_id is not None:
        return AllNotificationsRead(
            position=position,
            unread_count=unread,
            occurred_at=moment,
            count=item.count,
            through_id=ids.notification_id(item.through_id),
        )
    if item.kind in GONE and item.notification_id is not None:
        return NotificationDeleted(
            position=position,
            unread_count=unread,
            occurred_at=moment,
            notification_id=ids.notification_id(item.notification_id),
        )
    raise ValueError(f"event {item.sequence} of inbox {item.inbox} lacks what its kind promises")


def concerns(item: Event | Reset, types: frozenset[str] | None) -> bool:
    """Whether a subscription that is limited to these types is told this. What is about the inbox always is."""
    if types is None or isinstance(item, Reset) or item.notification_type is None:
        return True
    return item.notification_type in types
