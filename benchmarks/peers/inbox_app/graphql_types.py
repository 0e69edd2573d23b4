"""The types of the schema, made out of rows of the ORM, as the two plain Strawberry peers share them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

import strawberry
from django.contrib.auth.models import User
from strawberry.scalars import JSON

from benchmarks.peers.inbox_app import models


@strawberry.type
class InboxUser:
    """A user."""

    id: strawberry.ID
    username: str
    name: str

    @classmethod
    def of(cls, user: User) -> Self:
        """Return a user as the schema knows it."""
        return cls(
            id=strawberry.ID(str(user.pk)), username=user.username, name=user.get_full_name()
        )


@strawberry.type
class Notification:
    """A notification."""

    id: strawberry.ID
    type: str
    title: str
    message: str
    link: str | None
    read: bool
    created_at: datetime
    sender: InboxUser | None

    @classmethod
    def of(cls, row: models.Notification) -> Self:
        """Return a notification as the schema knows it, with its sender, who is to be loaded already."""
        return cls(
            id=strawberry.ID(str(row.pk)),
            type=row.type,
            title=row.title,
            message=row.message,
            link=row.link,
            read=row.read,
            created_at=row.created_at,
            sender=InboxUser.of(row.sender) if row.sender else None,
        )


@strawberry.type
class NotificationConnection:
    """A page of the inbox."""

    total_count: int
    unread_count: int
    position: str
    nodes: list[Notification]


@strawberry.type
class MarkReadPayload:
    """The result of a mark."""

    notification: Notification
    unread_count: int


@strawberry.type
class SendPayload:
    """The result of a send."""

    notification: Notification


@strawberry.input
class SendInput:
    """A notification to send."""

    recipient_id: strawberry.ID
    title: str
    message: str
    type: str
    link: str | None = None
    data: JSON | None = None

    def content(self) -> dict[str, Any]:
        """Return what the notification is to contain."""
        return {
            "title": self.title,
            "message": self.message,
            "type": self.type,
            "link": self.link or "",
            "data": self.data or {},
        }
