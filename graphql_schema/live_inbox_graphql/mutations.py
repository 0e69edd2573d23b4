"""The mutations. Each crosses to the database once."""

# mypy: allow-untyped-decorators
# (Strawberry declares what its decorators return as Any.)

from __future__ import annotations

from typing import Annotated

import strawberry

from live_inbox import services
from live_inbox.conf import inbox_settings
from live_inbox.database_threads import in_database_thread
from live_inbox.delivery.position import Position
from live_inbox.identity.callers import Caller
from live_inbox.services.send_for_caller import send_for_caller
from live_inbox_graphql import ids
from live_inbox_graphql.arguments import named_by_client, parse_position
from live_inbox_graphql.context import Info, caller_of
from live_inbox_graphql.inputs import NotificationPreferenceInput, SendInput
from live_inbox_graphql.payloads import (
    DeletePayload,
    MarkAllReadPayload,
    MarkReadPayload,
    MarkUnreadPayload,
    SendPayload,
)
from live_inbox_graphql.types import NotificationPreference

NotificationId = Annotated[
    strawberry.ID, strawberry.argument(description="The id of a notification of your inbox.")
]


@strawberry.type(
    description="What can be changed. When a mutation has answered, the change is committed, and every open "
    "device of the inbox is told."
)
class Mutation:
    @strawberry.mutation(
        description="Send a notification: to yourself always, to others if you may. How often is limited."
    )
    async def send(
        self,
        info: Info,
        input: Annotated[SendInput, strawberry.argument(description="The notification.")],
    ) -> SendPayload:
        return await in_database_thread(_send, caller_of(info), input)

    @strawberry.mutation(description="Mark a notification as read. It may be so already.")
    async def mark_read(self, info: Info, id: NotificationId) -> MarkReadPayload:
        return await in_database_thread(_mark_read, caller_of(info).user_id, id)

    @strawberry.mutation(description="Mark a notification as not read. It may be so already.")
    async def mark_unread(self, info: Info, id: NotificationId) -> MarkUnreadPayload:
        return await in_database_thread(_mark_unread, caller_of(info).user_id, id)

    @strawberry.mutation(description="Mark all notifications of the inbox as read.")
    async def mark_all_read(
        self,
        info: Info,
        up_to: Annotated[
            str | None,
            strawberry.argument(
                description="A position: only what had arrived by then. With the position of the list that "
                "the user is looking at, what arrives meanwhile stays unread."
            ),
        ] = None,
    ) -> MarkAllReadPayload:
        caller = caller_of(info)
        position = parse_position(up_to, field="upTo")
        return await in_database_thread(_mark_all_read, caller.user_id, position)

    @strawberry.mutation(description="Delete a notification for good.")
    async def delete(self, info: Info, id: NotificationId) -> DeletePayload:
        return await in_database_thread(_delete, caller_of(info).user_id, id)

    @strawberry.mutation(
        description="Say whether you want notifications of a type from now on. What is in the inbox stays."
    )
    async def set_notification_preference(
        self,
        info: Info,
        input: Annotated[
            NotificationPreferenceInput, strawberry.argument(description="The type and the wish.")
        ],
    ) -> NotificationPreference:
        return await in_database_thread(_set_preference, caller_of(info).user_id, input)


def _send(caller: Caller, input: SendInput) -> SendPayload:
    recipient_id = ids.parse_user_id(input.recipient_id, field="input.recipientId")
    with named_by_client("input"):
        sent = send_for_caller(
            caller,
            recipient_id=recipient_id,
            title=input.title,
            message=input.message,
            type=input.type,
            link=input.link or "",
            data=input.data,
            expires_at=input.expires_at,
            idempotency_key=input.idempotency_key,
        )
    return SendPayload.of(sent)


def _mark_read(user_id: str, id: str) -> MarkReadPayload:
    number = ids.parse_notification_id(id)
    return MarkReadPayload.of(services.mark_read(user_id=user_id, notification_id=number))


def _mark_unread(user_id: str, id: str) -> MarkUnreadPayload:
    number = ids.parse_notification_id(id)
    return MarkUnreadPayload.of(services.mark_unread(user_id=user_id, notification_id=number))


def _mark_all_read(user_id: str, up_to: Position | None) -> MarkAllReadPayload:
    with named_by_client():
        return MarkAllReadPayload.of(services.mark_all_read(user_id=user_id, up_to=up_to))


def _delete(user_id: str, id: str) -> DeletePayload:
    number = ids.parse_notification_id(id)
    return DeletePayload.of(services.delete(user_id=user_id, notification_id=number))


def _set_preference(user_id: str, input: NotificationPreferenceInput) -> NotificationPreference:
    with named_by_client("input"):
        set = services.set_preference(user_id=user_id, type=input.type, enabled=input.enabled)
    required = set.type in inbox_settings().required_types
    return NotificationPreference(type=set.type, enabled=set.enabled, required=required)
