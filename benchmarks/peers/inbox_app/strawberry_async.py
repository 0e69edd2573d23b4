"""Strawberry's async view, with resolvers that await the ORM."""

from __future__ import annotations

from typing import Any

import strawberry
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import path
from strawberry.django.views import AsyncGraphQLView
from strawberry.types import Info

from benchmarks.peers.inbox_app import models, writing
from benchmarks.peers.inbox_app.accounts import async_caller
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
    async def notifications(self, info: Info[Any, Any], first: int = 20) -> NotificationConnection:
        """Return the newest notifications."""
        user = info.context["user"]
        inbox = await models.Inbox.objects.aget(pk=user.pk)
        rows = models.Notification.objects.filter(recipient=user).select_related("sender")
        return NotificationConnection(
            total_count=inbox.total_count,
            unread_count=inbox.unread_count,
            position=str(inbox.last_sequence),
            nodes=[Notification.of(row) async for row in rows.order_by("-id")[:first]],
        )


@strawberry.type
class Mutation:
    """The mutations. Transactions are for synchronous code only."""

    @strawberry.mutation
    async def mark_read(self, info: Info[Any, Any], id: strawberry.ID) -> MarkReadPayload:
        """Mark a notification as read."""
        row, inbox = await sync_to_async(_mark_read)(info.context["user"], int(id))
        return MarkReadPayload(notification=row, unread_count=inbox.unread_count)

    @strawberry.mutation
    async def send(self, info: Info[Any, Any], input: SendInput) -> SendPayload:
        """Send a notification."""
        row = await sync_to_async(_send)(info.context["user"], input)
        return SendPayload(notification=row)


def _mark_read(user: User, notification_id: int) -> tuple[Notification, models.Inbox]:
    row, inbox = writing.mark_read(user, notification_id)
    return Notification.of(row), inbox


def _send(sender: User, draft: SendInput) -> Notification:
    recipient = User.objects.get(pk=draft.recipient_id)
    return Notification.of(writing.send(recipient, sender, **draft.content()))


class InboxView(AsyncGraphQLView[Any, Any]):
    """The view, for users with tokens."""

    async def get_context(self, request: HttpRequest, response: HttpResponse) -> Any:
        """Return the caller."""
        return {"user": await async_caller(request)}


schema = strawberry.Schema(query=Query, mutation=Mutation)
urlpatterns = [path("graphql/", InboxView.as_view(schema=schema, graphql_ide=None))]
