"""The mutations. Each crosses to the database once."""

# mypy: allow-untyped-decorators
# (Strawberry declares what its decorators return as Any.)

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import strawberry

from live_inbox import services
from live_inbox.errors import InvalidInput
from live_inbox.identity.callers import Caller
from live_inbox.identity.tickets import TICKET_SECONDS, issue_ticket
from live_inbox.selectors import ListFilter
from live_inbox.selectors.preferences_for_caller import preference_for_caller
from live_inbox.services.access import sign_out_everywhere
from live_inbox.services.change_rate import take_change
from live_inbox_graphql import campaigns, changes, ids
from live_inbox_graphql.arguments import named_by_client
from live_inbox_graphql.context import Context, Info, address_of
from live_inbox_graphql.fields import (
    changing,
    changing_many,
    changing_own,
    changing_sent,
    coded_errors,
    for_caller,
)
from live_inbox_graphql.inputs import NotificationFilter, NotificationPreferenceInput
from live_inbox_graphql.payloads import (
    ArchiveAllPayload,
    ArchivePayload,
    CancelSendPayload,
    ChangePayload,
    DeleteAllPayload,
    DeletePayload,
    EditPayload,
    MarkAllReadPayload,
    MarkReadPayload,
    MarkSeenPayload,
    MarkUnreadPayload,
    PerformActionPayload,
    PinPayload,
    RecallPayload,
    RefreshTokenPayload,
    SendManyPayload,
    SendPayload,
    SignOutPayload,
    SnoozePayload,
    SocketApi,
    TicketPayload,
    UnarchivePayload,
    UndoPayload,
    UnpinPayload,
    UnsnoozePayload,
)
from live_inbox_graphql.sent_inputs import EditInput
from live_inbox_graphql.types import NotificationPreference, SendInput, SendManyInput

ChangeT = TypeVar("ChangeT", bound=ChangePayload)

NotificationId = Annotated[
    strawberry.ID, strawberry.argument(description="The id of a notification of your inbox.")
]

BulkFilter = Annotated[
    NotificationFilter | None,
    strawberry.argument(description="Only notifications that match this filter."),
]
UpTo = Annotated[
    str | None,
    strawberry.argument(
        description="A position: only what had arrived by then. With the position of the list that the user sees, "
        "newer notifications stay as they are."
    ),
]


@strawberry.type(
    description="The mutations. When one returns, its change is committed, and every open device of the inbox "
    "receives it."
)
class Mutation:
    @strawberry.mutation(
        description="Send a notification: to yourself, or to others with permission. The rate is limited."
    )
    def send(
        self,
        info: Info,
        input: Annotated[SendInput, strawberry.argument(description="The notification.")],
    ) -> SendPayload:
        return changing(input.recipient_id, info, _send, input)

    @strawberry.mutation(
        description="Send the same notification to many users, with permission. Each recipient has a result: one who "
        "does not exist does not keep the others from theirs. The rate is limited; each recipient counts."
    )
    def send_many(
        self,
        info: Info,
        input: Annotated[
            SendManyInput, strawberry.argument(description="The notification and its recipients.")
        ],
    ) -> SendManyPayload:
        return changing_many(info, _send_many, input)

    @strawberry.mutation(
        description="Change the content of a notification that you have sent; with permission, of any. It keeps its "
        "place, and whether it is read. Counts as a send."
    )
    def edit_notification(
        self,
        info: Info,
        input: Annotated[
            EditInput, strawberry.argument(description="The notification, and what changes.")
        ],
    ) -> EditPayload:
        return changing_sent(info, _edit, input)

    @strawberry.mutation(
        description="Cancel a send with a `deliverAt` that is still to come. Name it by one of the arguments. Counts "
        "as a change."
    )
    def cancel_send(
        self,
        info: Info,
        id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The id of the scheduled send.")
        ] = None,
        idempotency_key: Annotated[
            str | None,
            strawberry.argument(description="The key with which you have scheduled it by `send`."),
        ] = None,
    ) -> CancelSendPayload:
        return changing_sent(info, _cancel_send, id, idempotency_key)

    @strawberry.mutation(
        description="Take back a notification that you have sent; with permission, any: it is deleted at its "
        "recipient. Name it by one of the arguments. Counts as a send."
    )
    def recall(
        self,
        info: Info,
        id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The id of the notification.")
        ] = None,
        idempotency_key: Annotated[
            str | None,
            strawberry.argument(description="The key with which you have sent it by `send`."),
        ] = None,
    ) -> RecallPayload:
        return changing_sent(info, _recall, id, idempotency_key)

    @strawberry.mutation(description="Mark a notification as read. Does nothing if it is read.")
    def mark_read(self, info: Info, id: NotificationId) -> MarkReadPayload:
        return changing_own(info, _changed, MarkReadPayload, changes.mark_read, id)

    @strawberry.mutation(description="Mark a notification as unread. Does nothing if it is unread.")
    def mark_unread(self, info: Info, id: NotificationId) -> MarkUnreadPayload:
        return changing_own(info, _changed, MarkUnreadPayload, changes.mark_unread, id)

    @strawberry.mutation(
        description="Mark all notifications of the inbox as read, or those that a filter has."
    )
    def mark_all_read(
        self,
        info: Info,
        filter: BulkFilter = None,
        up_to: Annotated[
            str | None,
            strawberry.argument(
                description="A position: marks only what had arrived by then. With the position of the list "
                "that the user sees, newer notifications stay unread."
            ),
        ] = None,
    ) -> MarkAllReadPayload:
        return changing_own(info, _mark_all_read, filter, up_to)

    @strawberry.mutation(
        description="Move all notifications of the inbox to the archive, or those that a filter has. BAD_USER_INPUT "
        "for a filter of another folder."
    )
    def archive_all(
        self, info: Info, filter: BulkFilter = None, up_to: UpTo = None
    ) -> ArchiveAllPayload:
        return changing_own(info, _archive_all, filter, up_to)

    @strawberry.mutation(
        description="Delete all notifications of the inbox, or those that a filter has. Until it cannot be undone any "
        "more, the server keeps their content apart."
    )
    def delete_all(
        self, info: Info, filter: BulkFilter = None, up_to: UpTo = None
    ) -> DeleteAllPayload:
        return changing_own(info, _delete_all, filter, up_to)

    @strawberry.mutation(
        description="Undo `delete`, `markAllRead`, `archiveAll` or `deleteAll`: what it changed, and nothing has "
        "changed since, is as it was. NOT_FOUND if the token is not yours, was used, or is older than 30 seconds."
    )
    def undo(
        self,
        info: Info,
        token: Annotated[str, strawberry.argument(description="The `undoToken` of the change.")],
    ) -> UndoPayload:
        return changing_own(info, _undo, token)

    @strawberry.mutation(
        description="Note that the user has opened the list: what is in it is not new any more. `unseenCount` drops, "
        "`unreadCount` stays."
    )
    def mark_seen(
        self,
        info: Info,
        up_to: Annotated[
            str | None,
            strawberry.argument(
                description="A position: only what had arrived by then. With the position of the list that the user "
                "sees, newer notifications stay unseen."
            ),
        ] = None,
    ) -> MarkSeenPayload:
        return changing_own(info, _mark_seen, up_to)

    @strawberry.mutation(
        description="Move a notification to the archive, read or unread as it is. Does nothing if it is there."
    )
    def archive(self, info: Info, id: NotificationId) -> ArchivePayload:
        return changing_own(info, _changed, ArchivePayload, changes.archive, id)

    @strawberry.mutation(
        description="Move a notification from the archive back to its place in the inbox. Does nothing if it is in "
        "another folder."
    )
    def unarchive(self, info: Info, id: NotificationId) -> UnarchivePayload:
        return changing_own(info, _changed, UnarchivePayload, changes.unarchive, id)

    @strawberry.mutation(
        description="Take a notification out of the inbox until a moment, a few seconds after which it returns to the "
        "top, unread. A snoozed one gets the new moment."
    )
    def snooze(
        self,
        info: Info,
        id: NotificationId,
        until: Annotated[
            datetime,
            strawberry.argument(description="When it returns: later than now, within 366 days."),
        ],
    ) -> SnoozePayload:
        return changing_own(info, _changed, SnoozePayload, changes.snooze, id, until)

    @strawberry.mutation(
        description="Return a snoozed notification to the top of the inbox now, unread. Does nothing if it is not "
        "snoozed."
    )
    def unsnooze(self, info: Info, id: NotificationId) -> UnsnoozePayload:
        return changing_own(info, _changed, UnsnoozePayload, changes.unsnooze, id)

    @strawberry.mutation(
        description="Pin a notification. It stays in its place, and `filter: {pinnedOnly: true}` lists it, too. "
        "CONFLICT when too many are pinned. Does nothing if it is pinned."
    )
    def pin(self, info: Info, id: NotificationId) -> PinPayload:
        return changing_own(info, _changed, PinPayload, changes.pin, id)

    @strawberry.mutation(description="Unpin a notification. Does nothing if it is not pinned.")
    def unpin(self, info: Info, id: NotificationId) -> UnpinPayload:
        return changing_own(info, _changed, UnpinPayload, changes.unpin, id)

    @strawberry.mutation(
        description="Record that the user has chosen an action of a notification. The outcome is recorded once: if two "
        "devices choose at the same moment, one of them is first, and the other gets that outcome."
    )
    def perform_action(
        self,
        info: Info,
        id: NotificationId,
        action_id: Annotated[
            str, strawberry.argument(description="The `actionId` of one of its actions.")
        ],
    ) -> PerformActionPayload:
        return changing_own(
            info, _changed, PerformActionPayload, changes.perform_action, id, action_id
        )

    @strawberry.mutation(description="Delete a notification.")
    def delete(
        self,
        info: Info,
        id: NotificationId,
        undoable: Annotated[
            bool,
            strawberry.argument(
                description="Whether to return an `undoToken`. Until it has expired, the server keeps the content "
                "apart."
            ),
        ] = False,
    ) -> DeletePayload:
        return changing_own(info, _delete, id, undoable)

    @strawberry.mutation(
        description="Turn notifications of a type on or off on a channel, from now on. The inbox keeps what it has."
    )
    def set_notification_preference(
        self,
        info: Info,
        input: Annotated[
            NotificationPreferenceInput,
            strawberry.argument(description="The type, the channel, and whether it is delivered."),
        ],
    ) -> NotificationPreference:
        return changing_own(info, _set_preference, input)

    @strawberry.mutation(description="Subscribe yourself to a topic that is open to users.")
    def subscribe_to_topic(self, info: Info, topic: campaigns.TopicName) -> campaigns.TopicsPayload:
        return changing_own(info, campaigns.subscribe, topic)

    @strawberry.mutation(
        description="Unsubscribe yourself from a topic, whoever has subscribed you."
    )
    def unsubscribe_from_topic(
        self, info: Info, topic: campaigns.TopicName
    ) -> campaigns.TopicsPayload:
        return changing_own(info, campaigns.unsubscribe, topic)

    @strawberry.mutation(
        description="Send the same notification to a topic, a segment or all active users, in the background: for "
        "callers who may send to anybody. `campaign` says how far it is."
    )
    def start_campaign(
        self,
        info: Info,
        input: Annotated[
            campaigns.StartCampaignInput,
            strawberry.argument(description="The notification and its audience."),
        ],
    ) -> campaigns.CampaignPayload:
        return changing_many(info, campaigns.start, input)

    @strawberry.mutation(
        description="Send a campaign to nobody else. Does nothing for one that has ended."
    )
    def cancel_campaign(self, info: Info, id: campaigns.CampaignId) -> campaigns.CampaignPayload:
        return changing_many(info, campaigns.cancel, id)

    @strawberry.mutation(
        description="Delete the notifications of a campaign from all inboxes, with an event for each, and send it to "
        "nobody else."
    )
    def recall_campaign(self, info: Info, id: campaigns.CampaignId) -> campaigns.CampaignPayload:
        return changing_many(info, campaigns.recall, id)

    @strawberry.mutation(
        description="Sign out everywhere: all tokens and sessions that you have so far are refused, and their sockets "
        "closed, that of this request included."
    )
    def sign_out_everywhere(self, info: Info) -> SignOutPayload:
        return changing_own(info, _sign_out_everywhere)

    @strawberry.mutation(
        description="Trade your token for a ticket: for clients that can put credentials only into the URL of a "
        "socket, as `?ticket=...`. It opens one socket of one API, from your address, within 30 seconds. A session is "
        "not traded: sockets of this API take its cookie."
    )
    def create_ticket(
        self,
        info: Info,
        api: Annotated[SocketApi, strawberry.argument(description="Which API the socket is of.")],
    ) -> TicketPayload:
        return for_caller(info, _create_ticket, api, address_of(info.context))

    @strawberry.mutation(
        description="On a socket: keep it open by a fresh token of yours, until that expires. Over HTTP, there is "
        "nothing to extend: `BAD_USER_INPUT`."
    )
    async def refresh_token(
        self,
        info: Info,
        token: Annotated[str, strawberry.argument(description="The fresh token.")],
    ) -> RefreshTokenPayload:
        with coded_errors():
            return await _refresh_token(info.context, token)


def _create_ticket(caller: Caller, api: SocketApi, address: str) -> TicketPayload:
    ticket = issue_ticket(caller, api=str(api.value), address=address)
    return TicketPayload(ticket=ticket, expires_in_seconds=TICKET_SECONDS)


async def _refresh_token(context: Any, token: str) -> RefreshTokenPayload:
    renew = context.renew if isinstance(context, Context) else None
    if renew is None:
        raise InvalidInput("Only a socket of this API can be extended.", field="token")
    expires_at = await renew(token)
    return RefreshTokenPayload(
        expires_at=None if expires_at is None else datetime.fromtimestamp(expires_at, UTC)
    )


def _send(caller: Caller, input: SendInput) -> SendPayload:
    return SendPayload.of(changes.send(caller, input))


def _edit(caller: Caller, input: EditInput) -> EditPayload:
    return EditPayload.of(changes.edit(caller, input))


def _cancel_send(caller: Caller, id: str | None, idempotency_key: str | None) -> CancelSendPayload:
    return CancelSendPayload(cancelled=changes.cancel_send(caller, id, idempotency_key))


def _recall(caller: Caller, id: str | None, idempotency_key: str | None) -> RecallPayload:
    return RecallPayload(recalled=changes.recall(caller, id, idempotency_key))


def _send_many(caller: Caller, input: SendManyInput) -> SendManyPayload:
    with named_by_client("input"):
        results = services.send_many_for_caller(
            caller,
            recipient_ids=[ids.plain_user_id(id) for id in input.recipient_ids],
            recipient_refs=input.recipient_refs,
            idempotency_key=input.idempotency_key,
            **input.content(),
        )
    return SendManyPayload.of(results, [*input.recipient_ids, *input.recipient_refs])


def _changed(
    caller: Caller,
    payload: type[ChangeT],
    change: Callable[..., services.Changed],
    *arguments: Any,
) -> ChangeT:
    return payload.of(change(caller, *arguments))


def _mark_all_read(
    caller: Caller, filter: NotificationFilter | None, up_to: str | None
) -> MarkAllReadPayload:
    return MarkAllReadPayload.of(changes.mark_all_read(caller, up_to, _list_filter(filter)))


def _archive_all(
    caller: Caller, filter: NotificationFilter | None, up_to: str | None
) -> ArchiveAllPayload:
    return ArchiveAllPayload.of(changes.archive_all(caller, _list_filter(filter), up_to))


def _delete_all(
    caller: Caller, filter: NotificationFilter | None, up_to: str | None
) -> DeleteAllPayload:
    return DeleteAllPayload.of(changes.delete_all(caller, _list_filter(filter), up_to))


def _undo(caller: Caller, token: str) -> UndoPayload:
    return UndoPayload.of(changes.undo(caller, token))


def _list_filter(filter: NotificationFilter | None) -> ListFilter | None:
    return None if filter is None else filter.as_list_filter()


def _mark_seen(caller: Caller, up_to: str | None) -> MarkSeenPayload:
    return MarkSeenPayload.of(changes.mark_seen(caller, up_to))


def _delete(caller: Caller, id: str, undoable: bool) -> DeletePayload:
    return DeletePayload.of(changes.delete(caller, id, undoable))


def _set_preference(caller: Caller, input: NotificationPreferenceInput) -> NotificationPreference:
    take_change(caller)
    with named_by_client("input"):
        set = services.set_preference(
            user_id=caller.user_id, type=input.type, enabled=input.enabled, channel=input.channel
        )
    return NotificationPreference.of(preference_for_caller(caller, type=set.type))


def _sign_out_everywhere(caller: Caller) -> SignOutPayload:
    return SignOutPayload(signed_out_before=sign_out_everywhere(user_id=caller.user.pk))
