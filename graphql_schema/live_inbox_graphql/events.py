"""The events of an inbox, as the subscription sends them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, assert_never

import strawberry
from graphql import GraphQLAbstractType, GraphQLResolveInfo
from strawberry.schema.schema_converter import GraphQLCoreConverter

from live_inbox.events import OF_ONE, Event, Kind, PayloadType, Reset
from live_inbox_graphql import ids
from live_inbox_graphql.advances import Advance
from live_inbox_graphql.types import Notification


@strawberry.enum(description="Why a position cannot be resumed.")
class ResetReason(Enum):
    EXPIRED = strawberry.enum_value(
        "expired",
        description="The events after it are no longer stored: the client was away for too long.",
    )
    EPOCH = strawberry.enum_value(
        "epoch", description="It belongs to an inbox that has since been restored or recreated."
    )
    AHEAD = strawberry.enum_value(
        "ahead",
        description="It is beyond the newest event: the database has lost events that the client received.",
    )
    UNKNOWN_EVENT = strawberry.enum_value(
        "unknown_event",
        description="It can, but a newer version of the server has changed the inbox in a way that this one does not "
        "know. Sent while servers are upgraded.",
    )


@strawberry.interface(
    description="A change of the inbox. Each change is sent once, in the order of commits."
)
class NotificationEvent:
    position: str = strawberry.field(
        description="The position after this event. To resume here, pass it as the next subscription's `after`."
    )
    unread_count: int = strawberry.field(
        description="The number of unread notifications in the folder `INBOX` after this event."
    )
    unseen_count: int = strawberry.field(
        description="The number of those of them that came since `markSeen`, after this event."
    )
    occurred_at: datetime = strawberry.field(description="When it happened.")

    @classmethod
    def resolve_type(
        cls, value: object, info: GraphQLResolveInfo[Any], abstract: GraphQLAbstractType
    ) -> str:
        """Return the name that the schema has for the type of an event.

        Strawberry returns that of the class, which a name converter may have changed.
        """
        for kind in info.schema.get_possible_types(abstract):
            if kind.extensions[GraphQLCoreConverter.DEFINITION_BACKREF].origin is type(value):
                return kind.name
        raise TypeError(f"{type(value).__name__} is no type of event of this schema.")


@strawberry.type(description="A notification arrived. It belongs at the top of the list.")
class NotificationAdded(NotificationEvent):
    notification: Notification = strawberry.field(
        description="The notification as it arrived. Later events have its later changes."
    )


@strawberry.enum(description="What has changed of a notification.")
class NotificationChange(Enum):
    READ = strawberry.enum_value("read", description="It was marked as read.")
    UNREAD = strawberry.enum_value("unread", description="It was marked as unread.")
    ARCHIVED = strawberry.enum_value("archived", description="It was moved to the archive.")
    UNARCHIVED = strawberry.enum_value(
        "unarchived", description="It was moved from the archive back to its place in the inbox."
    )
    SNOOZED = strawberry.enum_value(
        "snoozed", description="It was snoozed, or its snooze got another end."
    )
    RETURNED = strawberry.enum_value(
        "returned", description="It came back from its snooze: to the top of the inbox, unread."
    )
    PINNED = strawberry.enum_value("pinned", description="It was pinned.")
    UNPINNED = strawberry.enum_value("unpinned", description="It was unpinned.")
    ACTION = strawberry.enum_value(
        "action", description="One of its actions was chosen: `performedAction`."
    )
    EDITED = strawberry.enum_value(
        "edited",
        description="Its sender's side changed its content, or it has lost its sender or an actor, who were erased. "
        "It keeps its place.",
    )
    RESTORED = strawberry.enum_value(
        "restored", description="It had been deleted, and that was undone."
    )
    GROUPED = strawberry.enum_value(
        "grouped",
        description="A newer one of its group has come, and it is folded under that: its folder is `GROUPED`.",
    )
    UNGROUPED = strawberry.enum_value(
        "ungrouped",
        description="The one that it was folded under has expired or was recalled, and it is back in the list.",
    )
    OTHER = strawberry.enum_value(
        "other_change",
        description="A newer version of the server has changed it in a way that this one does not know. The "
        "notification is complete. Sent while servers are upgraded.",
    )


@strawberry.type(
    description="A notification was marked, moved, pinned or edited, or one of its actions was chosen. Show it in the "
    "list of its `folder`, at the place of its `rank`."
)
class NotificationUpdated(NotificationEvent):
    notification: Notification = strawberry.field(description="The notification after the change.")
    change: NotificationChange = strawberry.field(description="What has changed.")


@strawberry.type(
    description="Several notifications were marked as read or archived by a bulk change. Sent whatever `types` "
    "the subscription has, up to 500 notifications at a time."
)
class NotificationsUpdated(NotificationEvent):
    change: NotificationChange = strawberry.field(
        description="What has changed: `READ`, with `occurredAt` as `readAt`, or `ARCHIVED`."
    )
    notification_ids: list[strawberry.ID] = strawberry.field(
        description="The ids of these notifications, each once. A client need not have all of them."
    )


@strawberry.type(
    description="Several notifications were deleted by a bulk change. Sent whatever `types` the subscription has, up "
    "to 500 notifications at a time."
)
class NotificationsDeleted(NotificationEvent):
    notification_ids: list[strawberry.ID] = strawberry.field(
        description="The ids of these notifications, each once. A client need not have all of them."
    )


@strawberry.type(
    description="A notification was deleted: by the user, because it expired, or because it was recalled."
)
class NotificationDeleted(NotificationEvent):
    notification_id: strawberry.ID = strawberry.field(
        description="The id of the deleted notification."
    )


@strawberry.type(
    description="Several notifications were marked as read at once. Sent whatever `types` the subscription "
    "has."
)
class AllNotificationsRead(NotificationEvent):
    count: int = strawberry.field(description="How many notifications became read.")
    through_rank: strawberry.ID = strawberry.field(
        description="The highest rank of them. All notifications of the folder `INBOX` up to that rank are read now. "
        "Those that this event marked have `occurredAt` as their `readAt`."
    )


@strawberry.type(
    description="The list was opened on a device: `unseenCount` is lower. Sent whatever `types` the subscription has."
)
class NotificationsSeen(NotificationEvent):
    count: int = strawberry.field(description="How many notifications are unseen no more.")
    through_rank: strawberry.ID = strawberry.field(
        description="The highest rank that was in the list."
    )


@strawberry.type(
    description="The events up to here cannot be sent: reload the list. Events continue after the `position` of this "
    "event. Sent whatever `types` the subscription has."
)
class InboxReset(NotificationEvent):
    reason: ResetReason = strawberry.field(description="Why they cannot be sent.")


@strawberry.type(
    description="The position has moved on, and nothing else is to be done but to store it. Sent in place of an event "
    "whose notification has been deleted since, and now and then to subscriptions with `types`, for the events that "
    "they leave out."
)
class PositionAdvanced(NotificationEvent):
    pass


EVENT_TYPES = (
    NotificationAdded,
    NotificationUpdated,
    NotificationDeleted,
    AllNotificationsRead,
    NotificationsSeen,
    NotificationsUpdated,
    NotificationsDeleted,
    InboxReset,
    PositionAdvanced,
)
_TYPES: Mapping[str, type[NotificationEvent]] = {each.__name__: each for each in EVENT_TYPES}


Item = Event | Reset | Advance


def to_graphql(item: Item) -> NotificationEvent:
    """Return an event as its GraphQL type. Makes no query: everything is in the event.

    Raises ValueError for an event that lacks a part of its kind's payload.
    """
    if isinstance(item, Reset):
        return InboxReset(
            position=str(item.position),
            unread_count=item.unread_count,
            unseen_count=item.unseen_count,
            occurred_at=item.occurred_at,
            reason=ResetReason(item.reason.value),
        )
    if isinstance(item, Advance) or item.is_erased:
        return PositionAdvanced(
            position=str(item.position),
            unread_count=item.unread_count,
            unseen_count=item.unseen_count,
            occurred_at=item.occurred_at,
        )
    event_type: Any = _TYPES[graphql_type_of(item)]
    event: NotificationEvent = event_type(
        position=str(item.position),
        unread_count=item.unread_count,
        unseen_count=item.unseen_count,
        occurred_at=item.occurred_at,
        **_payload(item),
    )
    return event


def _payload(event: Event) -> dict[str, object]:
    match event.kind.payload:
        case PayloadType.NOTIFICATION:
            assert event.notification is not None
            notification = Notification.of(event.notification)
            if event.kind is Kind.ADDED:
                return {"notification": notification}
            return {"notification": notification, "change": NotificationChange(event.kind.value)}
        case PayloadType.REMOVAL:
            assert event.notification_id is not None
            return {"notification_id": ids.notification_id(event.notification_id)}
        case PayloadType.SEVERAL:
            assert event.notification_ids is not None
            several = [ids.notification_id(each) for each in event.notification_ids]
            if event.kind is Kind.MANY_DELETED:
                return {"notification_ids": several}
            change = NotificationChange(OF_ONE[event.kind].value)
            return {"change": change, "notification_ids": several}
        case PayloadType.UP_TO_RANK:
            assert event.through_rank is not None
            return {"count": event.count, "through_rank": ids.notification_id(event.through_rank)}
        case PayloadType.UNKNOWN:
            return {"reason": ResetReason(event.reason.value)}
        case _:
            assert_never(event.kind.payload)


# Looked up for every event; attributes of an enumeration are slow to find.
_NOTIFICATION, _REMOVAL = PayloadType.NOTIFICATION, PayloadType.REMOVAL
_SEVERAL, _UP_TO_RANK = PayloadType.SEVERAL, PayloadType.UP_TO_RANK


def graphql_type_of(item: Item) -> str:
    """Return the name of the GraphQL type that shows an event.

    Raises ValueError for an event that lacks a part of its kind's payload: the schema promises it to clients.
    """
    if not isinstance(item, Event):
        return "InboxReset" if isinstance(item, Reset) else "PositionAdvanced"
    kind = item.kind
    payload = kind.payload
    if payload is _NOTIFICATION:
        is_complete = item.notification is not None
    elif payload is _REMOVAL:
        is_complete = item.notification_id is not None
    elif payload is _SEVERAL:
        is_complete = item.notification_ids is not None
    else:
        is_complete = payload is not _UP_TO_RANK or item.through_rank is not None
    if not is_complete:
        if item.is_erased:
            return "PositionAdvanced"
        raise ValueError(f"event {item.sequence} of inbox {item.inbox} lacks the payload of {kind}")
    return kind.graphql_type
