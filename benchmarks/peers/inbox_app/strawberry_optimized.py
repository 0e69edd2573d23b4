"""strawberry-graphql-django: types of models, whose optimizer joins and loads what a selection needs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
import strawberry_django
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.urls import path
from strawberry.types import Info
from strawberry_django.optimizer import DjangoOptimizerExtension

from benchmarks.peers.inbox_app import models, writing
from benchmarks.peers.inbox_app.graphql_types import SendInput
from benchmarks.peers.inbox_app.strawberry_sync import InboxView


@strawberry_django.type(User)
class InboxUser:
    """A user."""

    id: strawberry.ID
    username: str

    @strawberry_django.field(only=["first_name", "last_name"])
    def name(self, root: strawberry.Parent[User]) -> str:
        """Return the name to display."""
        return root.get_full_name()


@strawberry_django.type(models.Notification)
class Notification:
    """A notification."""

    id: strawberry.ID
    type: str
    title: str
    message: str
    link: str | None
    created_at: datetime
    sender: InboxUser | None

    @strawberry_django.field(only=["read_at"])
    def read(self, root: strawberry.Parent[models.Notification]) -> bool:
        """Return whether it was marked as read."""
        return root.read


@strawberry_django.type(models.Inbox)
class NotificationConnection:
    """A page of the inbox."""

    total_count: int
    unread_count: int

    @strawberry_django.field
    def nodes(
        self, info: Info[Any, Any], root: strawberry.Parent[models.Inbox]
    ) -> list[Notification]:
        """Return the newest notifications."""
        rows: QuerySet[models.Notification] = models.Notification.objects.all()
        return rows.filter(recipient=root.pk).order_by("-id")[: info.context["first"]]  # type: ignore[return-value]


@strawberry.type
class MarkReadPayload:
    """The result of a mark."""

    notification: Notification
    unread_count: int


@strawberry.type
class SendPayload:
    """The result of a send."""

    notification: Notification


@strawberry.type
class Query:
    """The queries."""

    @strawberry_django.field
    def viewer(self, info: Info[Any, Any]) -> InboxUser:
        """Return the caller."""
        return info.context["user"]  # type: ignore[no-any-return]

    @strawberry_django.field
    def notifications(self, info: Info[Any, Any], first: int = 20) -> NotificationConnection:
        """Return the newest notifications."""
        info.context["first"] = first
        return models.Inbox.objects.get(pk=info.context["user"].pk)  # type: ignore[return-value]


@strawberry.type
class Mutation:
    """The mutations."""

    @strawberry.mutation
    def mark_read(self, info: Info[Any, Any], id: strawberry.ID) -> MarkReadPayload:
        """Mark a notification as read."""
        row, inbox = writing.mark_read(info.context["user"], int(id))
        return MarkReadPayload(notification=row, unread_count=inbox.unread_count)  # type: ignore[arg-type]

    @strawberry.mutation
    def send(self, info: Info[Any, Any], input: SendInput) -> SendPayload:
        """Send a notification."""
        recipient = User.objects.get(pk=input.recipient_id)
        row = writing.send(recipient, info.context["user"], **input.content())
        return SendPayload(notification=row)  # type: ignore[arg-type]


schema = strawberry.Schema(query=Query, mutation=Mutation, extensions=[DjangoOptimizerExtension])
urlpatterns = [path("graphql/", InboxView.as_view(schema=schema, graphql_ide=None))]
