"""What mutations answer. Each payload holds what a client needs to bring its copy of the inbox up to date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Self

import strawberry

from live_inbox import services
from live_inbox_graphql import ids
from live_inbox_graphql.changes import ShownEdit, ShownSend
from live_inbox_graphql.types import Notification, ScheduledSend

_UNREAD_COUNT = "The number of unread notifications in the folder `INBOX` after the change."
_UNSEEN_COUNT = "The number of those of them that came since `markSeen`, after the change."
_POSITION = (
    "The position of the inbox after the change. A subscription sends the change as well, in order: resume from "
    "here only if the client has applied all events before it."
)

_HAS_MORE = (
    "Whether there may be more to change: one call changes 10,000 notifications that a filter has at most. Repeat it "
    "with the same arguments."
)
_TO_UNDO = (
    "For `undo`, within 30 seconds, once: it undoes what this call has changed. Null if that was nothing, or too "
    "much."
)


@strawberry.type(description="The result of `send`.")
class SendPayload:
    notification: Notification | None = strawberry.field(
        description="The notification; null if the recipient does not want its type, and while it is scheduled."
    )
    suppressed: bool = strawberry.field(
        description="Whether nothing was sent because the recipient does not want the type: it is turned off, or off "
        "by default."
    )
    replayed: bool = strawberry.field(
        description="Whether the idempotency key was used before. This is the first result; of a notification in your "
        "own inbox, it shows what has become of it since."
    )
    scheduled: ScheduledSend | None = strawberry.field(
        description="What waits for `deliverAt`; null without that, and once it has been delivered."
    )

    @classmethod
    def of(cls, sent: ShownSend) -> SendPayload:
        """Return the payload for the result."""
        shown = sent.notification
        return cls(
            notification=None if shown is None else Notification.of(shown),
            suppressed=sent.suppressed,
            replayed=sent.replayed,
            scheduled=None if sent.scheduled is None else ScheduledSend.of(sent.scheduled),
        )


@strawberry.type(description="The result of `editNotification`.")
class EditPayload:
    notification: Notification = strawberry.field(
        description="The notification after the edit. Whether it is read, and where it is, only its recipient is shown."
    )
    changed: bool = strawberry.field(description="Whether it is other than before.")

    @classmethod
    def of(cls, edited: ShownEdit) -> EditPayload:
        """Return the payload for the result."""
        return cls(notification=Notification.of(edited.notification), changed=edited.changed)


@strawberry.type(description="The result of `cancelSend`.")
class CancelSendPayload:
    cancelled: bool = strawberry.field(
        description="Whether it was in time. If not, it has been delivered, is cancelled already, or was never yours."
    )


@strawberry.type(description="The result of `recall`.")
class RecallPayload:
    recalled: bool = strawberry.field(
        description="Whether it was still there. If not, it is gone, or was never yours."
    )


@strawberry.enum(description="What became of one recipient of `sendMany`.")
class SendStatus(Enum):
    SENT = strawberry.enum_value("sent", description="The recipient got the notification.")
    SCHEDULED = strawberry.enum_value(
        "scheduled", description="The recipient gets it at `deliverAt`."
    )
    SUPPRESSED = strawberry.enum_value(
        "suppressed", description="The recipient did not want the type."
    )
    UNKNOWN_RECIPIENT = strawberry.enum_value(
        "unknown_recipient", description="There is no such user."
    )
    FORBIDDEN = strawberry.enum_value(
        "forbidden", description="The caller may not send to this user."
    )
    RATE_LIMITED = strawberry.enum_value(
        "rate_limited",
        description="This user is sent too many notifications at the moment. Try again in a minute.",
    )


@strawberry.type(description="The result of `sendMany` for one recipient.")
class RecipientResult:
    recipient: str = strawberry.field(description="The recipient, as in the input.")
    status: SendStatus = strawberry.field(description="What became of it.")
    notification_id: strawberry.ID | None = strawberry.field(
        description="The id of the recipient's notification, which may have been deleted since; null if there was none."
    )


@strawberry.type(description="The result of `sendMany`.")
class SendManyPayload:
    results: list[RecipientResult] = strawberry.field(
        description="A result for each recipient, in the order of `recipientIds`, then of `recipientRefs`."
    )
    sent_count: int = strawberry.field(description="How many recipients got the notification.")
    campaign_id: strawberry.ID | None = strawberry.field(
        description="The id for `campaign`, `cancelCampaign` and `recallCampaign`; null without an idempotency key."
    )

    @classmethod
    def of(cls, results: services.RecipientResults, names: Sequence[str]) -> SendManyPayload:
        """Return the payload for the results, with the names that the client gave to the recipients."""
        return cls(
            results=[
                RecipientResult(
                    recipient=name,
                    status=SendStatus(result.status.value),
                    notification_id=None
                    if result.notification_id is None
                    else ids.notification_id(result.notification_id),
                )
                for name, result in zip(names, results, strict=True)
            ],
            sent_count=results.sent_count,
            campaign_id=None
            if results.campaign_id is None
            else ids.campaign_id(results.campaign_id),
        )


@strawberry.type
class ChangePayload:
    """The result of a change of one notification: not a type of the schema by itself."""

    notification: Notification = strawberry.field(description="The notification after the change.")
    unread_count: int = strawberry.field(description=_UNREAD_COUNT)
    unseen_count: int = strawberry.field(description=_UNSEEN_COUNT)
    position: str = strawberry.field(description=_POSITION)

    @classmethod
    def of(cls, changed: services.Changed, **more: Any) -> Self:
        """Return the payload for the result, with the fields that a subclass has more."""
        return cls(
            notification=Notification.of(services.snapshot(changed.notification)),
            unread_count=changed.unread_count,
            unseen_count=changed.unseen_count,
            position=str(changed.position),
            **more,
        )


@strawberry.type(description="The result of `markRead`.")
class MarkReadPayload(ChangePayload):
    pass


@strawberry.type(description="The result of `markUnread`.")
class MarkUnreadPayload(ChangePayload):
    pass


@strawberry.type(description="The result of `archive`.")
class ArchivePayload(ChangePayload):
    pass


@strawberry.type(description="The result of `unarchive`.")
class UnarchivePayload(ChangePayload):
    pass


@strawberry.type(description="The result of `snooze`.")
class SnoozePayload(ChangePayload):
    pass


@strawberry.type(description="The result of `unsnooze`.")
class UnsnoozePayload(ChangePayload):
    pass


@strawberry.type(description="The result of `pin`.")
class PinPayload(ChangePayload):
    pass


@strawberry.type(description="The result of `unpin`.")
class UnpinPayload(ChangePayload):
    pass


@strawberry.type(description="The result of `performAction`.")
class PerformActionPayload(ChangePayload):
    recorded: bool = strawberry.field(
        description="Whether this call has recorded the action. If not, one was recorded before, by this device or "
        "another: `notification { performedAction performedAt }`."
    )

    @classmethod
    def of(cls, changed: services.Changed, **more: Any) -> Self:
        """Return the payload for the result."""
        return super().of(changed, recorded=changed.changed, **more)


@strawberry.type
class BulkPayload:
    """The result of a bulk change: not a type of the schema by itself."""

    count: int = strawberry.field(description="How many notifications were changed.")
    has_more: bool = strawberry.field(description=_HAS_MORE)
    undo_token: str | None = strawberry.field(description=_TO_UNDO)
    unread_count: int = strawberry.field(description=_UNREAD_COUNT)
    unseen_count: int = strawberry.field(description=_UNSEEN_COUNT)
    position: str = strawberry.field(description=_POSITION)

    @classmethod
    def of(cls, done: services.AllRead | services.BulkChanged) -> Self:
        """Return the payload for the result."""
        return cls(
            count=done.count,
            has_more=done.has_more,
            undo_token=done.undo_token,
            unread_count=done.unread_count,
            unseen_count=done.unseen_count,
            position=str(done.position),
        )


@strawberry.type(description="The result of `markAllRead`.")
class MarkAllReadPayload(BulkPayload):
    count: int = strawberry.field(description="How many notifications became read.")


@strawberry.type(description="The result of `archiveAll`.")
class ArchiveAllPayload(BulkPayload):
    pass


@strawberry.type(description="The result of `deleteAll`.")
class DeleteAllPayload(BulkPayload):
    pass


@strawberry.type(description="The result of `undo`.")
class UndoPayload:
    count: int = strawberry.field(description="How many notifications are as they were before.")
    unread_count: int = strawberry.field(description=_UNREAD_COUNT)
    unseen_count: int = strawberry.field(description=_UNSEEN_COUNT)
    position: str = strawberry.field(description=_POSITION)

    @classmethod
    def of(cls, done: services.BulkChanged) -> UndoPayload:
        """Return the payload for the result."""
        return cls(
            count=done.count,
            unread_count=done.unread_count,
            unseen_count=done.unseen_count,
            position=str(done.position),
        )


@strawberry.type(description="The result of `markSeen`.")
class MarkSeenPayload:
    count: int = strawberry.field(description="How many notifications are unseen no more.")
    unread_count: int = strawberry.field(description=_UNREAD_COUNT)
    unseen_count: int = strawberry.field(description=_UNSEEN_COUNT)
    position: str = strawberry.field(description=_POSITION)

    @classmethod
    def of(cls, done: services.Seen) -> MarkSeenPayload:
        """Return the payload for the result."""
        return cls(
            count=done.count,
            unread_count=done.unread_count,
            unseen_count=done.unseen_count,
            position=str(done.position),
        )


@strawberry.type(description="The result of `delete`.")
class DeletePayload:
    notification_id: strawberry.ID = strawberry.field(
        description="The id of the deleted notification."
    )
    undo_token: str | None = strawberry.field(
        description="For `undo`, within 30 seconds, once. Null unless `undoable` was true."
    )
    unread_count: int = strawberry.field(description=_UNREAD_COUNT)
    unseen_count: int = strawberry.field(description=_UNSEEN_COUNT)
    position: str = strawberry.field(description=_POSITION)

    @classmethod
    def of(cls, deleted: services.Deleted) -> DeletePayload:
        """Return the payload for the result."""
        return cls(
            notification_id=ids.notification_id(deleted.notification_id),
            undo_token=deleted.undo_token,
            unread_count=deleted.unread_count,
            unseen_count=deleted.unseen_count,
            position=str(deleted.position),
        )


@strawberry.type(description="The result of `signOutEverywhere`.")
class SignOutPayload:
    signed_out_before: datetime = strawberry.field(
        description="Tokens issued, and sessions begun, before this moment are refused."
    )


@strawberry.type(description="The result of `refreshToken`.")
class RefreshTokenPayload:
    expires_at: datetime | None = strawberry.field(
        description="When the socket is closed unless it is given another token; null for never."
    )


@strawberry.enum(description="An API that serves sockets.")
class SocketApi(Enum):
    GRAPHQL = strawberry.enum_value("graphql", description="This API.")
    JSON = strawberry.enum_value("json", description="The original JSON protocol.")


@strawberry.type(description="The result of `createTicket`.")
class TicketPayload:
    ticket: str = strawberry.field(description="The ticket: a secret until it is used.")
    expires_in_seconds: int = strawberry.field(description="How long it can be used.")
