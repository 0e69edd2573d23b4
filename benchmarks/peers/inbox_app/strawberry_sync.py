"""Strawberry's view, with resolvers that call the ORM."""

from __future__ import annotations

from typing import Any

import strawberry
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import path
from strawberry.django.views import GraphQLView
from strawberry.types import Info

from benchmarks.peers.inbox_app import models, writing
from benchmarks.peers.inbox_app.accounts import caller
from benchmarks.peers.inbox_app.graphql_types import (
    InboxUser,
    MarkReadPayload,
    Notification,
    NotificationConnection,
    SendInput,
    SendPayload,
)


@strawberry.type
class Query:
    """The queries."""

    @strawberry.field
    def viewer(self, info: Info[Any, Any]) -> InboxUser:
        """Return the caller."""
        return InboxUser.of(info.context["user"])

    @strawberry.field
    def notifications(self, info: Info[Any, Any], first: int = 20) -> NotificationConnection:
        """Return the newest notifications."""
        user = info.context["user"]
        inbox = models.Inbox.objects.get(pk=user.pk)
        rows = models.Notification.objects.filter(recipient=user).select_related("sender")
        return NotificationConnection(
            total_count=inbox.total_count,
            unread_count=inbox.unread_count,
            position=str(inbox.last_sequence),
            nodes=[Notification.of(row) for row in rows.order_by("-id")[:first]],
        )


@strawberry.type
class Mutation:
    """The mutations."""

    @strawberry.mutation
    def mark_read(self, info: Info[Any, Any], id: strawberry.ID) -> MarkReadPayload:
        """Mark a notification as read."""
        row, inbox = writing.mark_read(info.context["user"], int(id))
        return MarkReadPayload(notification=Notification.of(row), unread_count=inbox.unread_count)

    @strawberry.mutation
    def send(self, info: Info[Any, Any], input: SendInput) -> SendPayload:
        """Send a notification."""
        recipient = User.objects.get(pk=input.recipient_id)
        row = writing.send(recipient, info.context["user"], **input.content())
        return SendPayload(notification=Notification.of(row))


class InboxView(GraphQLView[Any, Any]):
    """The view, for users with tokens."""

    def get_context(self, request: HttpRequest, response: HttpResponse) -> Any:
        """Return the caller."""
        return {"user": caller(request)}


schema = strawberry.Schema(query=Query, mutation=Mutation)
urlpatterns = [path("graphql/", InboxView.as_view(schema=schema, graphql_ide=None))]
