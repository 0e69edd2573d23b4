"""The subscription as the documentation of Strawberry has it: `listen_to_channel` in the resolver."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info


@strawberry.type
class Notification:
    """A notification."""

    id: strawberry.ID
    type: str
    title: str
    message: str
    link: str | None
    data: JSON
    read: bool
    created_at: datetime


@strawberry.interface
class NotificationEvent:
    """What happens in an inbox."""

    position: str
    unread_count: int
    occurred_at: datetime


@strawberry.type
class NotificationAdded(NotificationEvent):
    """A notification has arrived."""

    notification: Notification


@strawberry.type
class Query:
    """Nothing to ask for."""

    alive: bool = True


@strawberry.type
class Subscription:
    """The events of one user."""

    @strawberry.subscription
    async def notification_events(
        self, info: Info[Any, Any]
    ) -> AsyncGenerator[NotificationEvent, None]:
        """Hand on what the group of the user is sent."""
        consumer = info.context["ws"]
        user = info.context["connection_params"]["user"]
        groups = [f"user.{user}"]
        async with consumer.listen_to_channel("inbox.event", groups=groups) as listened:
            async for message in listened:
                yield added(message["event"])


def added(event: dict[str, Any]) -> NotificationAdded:
    """Return an event as the schema knows it."""
    about = event["notification"]
    return NotificationAdded(
        position=event["position"],
        unread_count=event["unreadCount"],
        occurred_at=datetime.fromisoformat(event["occurredAt"]),
        notification=Notification(
            id=strawberry.ID(about["id"]),
            type=about["type"],
            title=about["title"],
            message=about["message"],
            link=about["link"],
            data=about["data"],
            read=about["read"],
            created_at=datetime.fromisoformat(about["createdAt"]),
        ),
    )


schema = strawberry.Schema(query=Query, subscription=Subscription, types=[NotificationAdded])
