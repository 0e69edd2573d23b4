"""The messages of the JSON protocol, of clients and of the server.

`docs/legacy-protocol.md` is the specification of these messages; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal, NotRequired, TypedDict, assert_never, cast

from live_inbox.content import GivenFields
from live_inbox.events import Event, Folder, Snapshot
from live_inbox.json_api.bulk_messages import (
    CampaignMessage,
    CancelCampaign,
    GetCampaign,
    NotificationsSent,
    RecallCampaign,
    SendMany,
    StartCampaign,
)
from live_inbox.json_api.failures import ErrorBody, Failure
from live_inbox.json_api.moments import wire_time
from live_inbox.json_api.sent_messages import (
    EditNotification,
    NotificationEdited,
    NotificationRecalled,
    RecallNotification,
)
from live_inbox.json_api.topic_messages import (
    GetTopics,
    SubscribeToTopic,
    TopicChanged,
    TopicsList,
    UnsubscribeFromTopic,
)
from live_inbox.json_api.type_messages import (
    GetPreferences,
    GetTypes,
    NotificationPreferences,
    NotificationTypes,
    PreferenceSet,
    SetPreference,
)
from live_inbox.selectors import EVERYTHING, ListFilter, TypeCounts
from live_inbox.selectors.counts_by_type import Count
from live_inbox.snapshots import shown_icon

DEFAULT_LIMIT = 50
"""Notifications in a list without a `limit`: the guide's clients never send one."""

# -- client → server -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendNotification:
    """Client → server: `send_notification` delivers a notification to a user.

    `user_id` is text whatever the client wrote: primary keys may be numbers, UUIDs or names.
    """

    user_id: str
    content: GivenFields
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class CancelSend:
    """Client → server: `cancel_send` cancels a send that waits for its `deliver_at`. Not in the guide."""

    scheduled_id: int | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class GetNotifications:
    """Client → server: `get_notifications` requests the newest page, or the one before an id."""

    limit: int = DEFAULT_LIMIT
    before_id: int | None = None
    filter: ListFilter = EVERYTHING


@dataclass(frozen=True, slots=True)
class GetNotification:
    """Client → server: `get_notification` requests one notification, of any folder. Not in the guide."""

    notification_id: int


@dataclass(frozen=True, slots=True)
class Reload(GetNotifications):
    """Not on the wire: the protocol sends the newest page in place of an event that it has no message for."""


@dataclass(frozen=True, slots=True)
class MarkRead:
    """Client → server: `mark_read` marks one notification as read."""

    notification_id: int


@dataclass(frozen=True, slots=True)
class MarkUnread:
    """Client → server: `mark_unread` marks one notification as unread. Not in the guide."""

    notification_id: int


@dataclass(frozen=True, slots=True)
class MarkAllRead:
    """Client → server: `mark_all_read` marks the whole inbox as read, or what a filter has."""

    filter: ListFilter = EVERYTHING


@dataclass(frozen=True, slots=True)
class ArchiveAll:
    """Client → server: `archive_all` moves the whole inbox to the archive, or what a filter has. Not in the guide."""

    filter: ListFilter = EVERYTHING


@dataclass(frozen=True, slots=True)
class DeleteAll:
    """Client → server: `delete_all` deletes the whole inbox, or what a filter has. Not in the guide."""

    filter: ListFilter = EVERYTHING


@dataclass(frozen=True, slots=True)
class Undo:
    """Client → server: `undo` undoes one of these changes, or a deletion. Not in the guide."""

    undo_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeleteNotification:
    """Client → server: `delete_notification` removes one notification from the inbox."""

    notification_id: int
    undoable: bool = False
    """Whether the answer has a token for `undo`. Not in the guide."""


@dataclass(frozen=True, slots=True)
class ArchiveNotification:
    """Client → server: `archive_notification` moves one notification to the archive. Not in the guide."""

    notification_id: int


@dataclass(frozen=True, slots=True)
class UnarchiveNotification:
    """Client → server: `unarchive_notification` moves it back to the inbox. Not in the guide."""

    notification_id: int


@dataclass(frozen=True, slots=True)
class SnoozeNotification:
    """Client → server: `snooze_notification` takes one out of the inbox until a moment. Not in the guide."""

    notification_id: int
    until: datetime


@dataclass(frozen=True, slots=True)
class UnsnoozeNotification:
    """Client → server: `unsnooze_notification` returns it to the top of the inbox now. Not in the guide."""

    notification_id: int


@dataclass(frozen=True, slots=True)
class PinNotification:
    """Client → server: `pin_notification` pins one notification. Not in the guide."""

    notification_id: int


@dataclass(frozen=True, slots=True)
class UnpinNotification:
    """Client → server: `unpin_notification` unpins one notification. Not in the guide."""

    notification_id: int


@dataclass(frozen=True, slots=True)
class PerformAction:
    """Client → server: `perform_action` records that the user has chosen an action. Not in the guide."""

    notification_id: int
    action_id: str


@dataclass(frozen=True, slots=True)
class GetCounts:
    """Client → server: `get_counts` requests the numbers of each type and category. Not in the guide."""


@dataclass(frozen=True, slots=True)
class MarkSeen:
    """Client → server: `mark_seen` notes that the user has opened the list. Not in the guide."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Client → server: `ping` asks whether the connection is alive. Not in the guide."""


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Client → server: `refresh_token` keeps the connection open by a fresh token. Not in the guide."""

    token: str = field(repr=False)


OneChange = (
    MarkRead
    | MarkUnread
    | DeleteNotification
    | ArchiveNotification
    | UnarchiveNotification
    | SnoozeNotification
    | UnsnoozeNotification
    | PinNotification
    | UnpinNotification
)
"""The actions on one notification of the client's inbox."""

BulkChange = MarkAllRead | ArchiveAll | DeleteAll
"""The actions on all that a filter has."""

SenderAction = (
    EditNotification
    | RecallNotification
    | SendMany
    | StartCampaign
    | GetCampaign
    | CancelCampaign
    | RecallCampaign
)
"""The actions on what was sent to whomever."""

Action = (
    SendNotification
    | CancelSend
    | GetNotifications
    | GetNotification
    | GetCounts
    | BulkChange
    | Undo
    | MarkSeen
    | PerformAction
    | OneChange
    | GetTypes
    | GetPreferences
    | SetPreference
    | GetTopics
    | SubscribeToTopic
    | UnsubscribeFromTopic
    | SenderAction
)

CLIENT_MESSAGES: dict[str, type[Action | Ping | RefreshToken]] = {
    "send_notification": SendNotification,
    "cancel_send": CancelSend,
    "edit_notification": EditNotification,
    "recall_notification": RecallNotification,
    "send_many": SendMany,
    "start_campaign": StartCampaign,
    "get_campaign": GetCampaign,
    "cancel_campaign": CancelCampaign,
    "recall_campaign": RecallCampaign,
    "get_notifications": GetNotifications,
    "get_notification": GetNotification,
    "get_counts": GetCounts,
    "mark_read": MarkRead,
    "mark_unread": MarkUnread,
    "mark_all_read": MarkAllRead,
    "delete_notification": DeleteNotification,
    "archive_notification": ArchiveNotification,
    "unarchive_notification": UnarchiveNotification,
    "snooze_notification": SnoozeNotification,
    "unsnooze_notification": UnsnoozeNotification,
    "pin_notification": PinNotification,
    "unpin_notification": UnpinNotification,
    "perform_action": PerformAction,
    "mark_seen": MarkSeen,
    "archive_all": ArchiveAll,
    "delete_all": DeleteAll,
    "undo": Undo,
    "get_types": GetTypes,
    "get_preferences": GetPreferences,
    "set_preference": SetPreference,
    "get_topics": GetTopics,
    "subscribe_to_topic": SubscribeToTopic,
    "unsubscribe_from_topic": UnsubscribeFromTopic,
    "ping": Ping,
    "refresh_token": RefreshToken,
}
"""Every `type` that a client may send."""

# -- server → client -------------------------------------------------------------------------------


class FaultCode(StrEnum):
    """The code of an `error` for a message that cannot be understood."""

    INVALID_JSON = "INVALID_JSON"
    INVALID_MESSAGE = "INVALID_MESSAGE"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    BINARY_MESSAGE = "BINARY_MESSAGE"


Change = Literal[
    "notification_marked_read",
    "notification_marked_unread",
    "notification_archived",
    "notification_unarchived",
    "notification_snoozed",
    "notification_unsnoozed",
    "notification_pinned",
    "notification_unpinned",
]


class NotificationObject(TypedDict):
    """A notification inside a message: the keys of the guide in its order, then the additions."""

    id: int
    title: str
    message: str
    type: str
    read: bool
    created_at: str
    data: dict[str, Any]
    link: str | None
    expires_at: NotRequired[str]
    priority: NotRequired[str]
    icon: NotRequired[str]
    actor: NotRequired[dict[str, Any]]
    target: NotRequired[dict[str, Any]]
    actions: NotRequired[list[dict[str, Any]]]
    format: NotRequired[str]
    folder: NotRequired[str]
    snoozed_until: NotRequired[str]
    pinned: NotRequired[Literal[True]]
    performed_action: NotRequired[str]
    performed_at: NotRequired[str]
    edited_at: NotRequired[str]
    group_key: NotRequired[str]
    group_count: NotRequired[int]
    group_actors: NotRequired[list[dict[str, Any]]]


class NotificationMessage(TypedDict):
    """Server → client: a notification has arrived."""

    type: Literal["notification"]
    notification: NotificationObject


class NotificationsList(TypedDict):
    """Server → client: a page, newest first. The counts are of the folder `inbox`, whatever the page."""

    type: Literal["notifications_list"]
    notifications: list[NotificationObject]
    total: int
    unread_count: int
    unseen_count: NotRequired[int]
    continue_before_id: NotRequired[int]


class NotificationDetails(TypedDict):
    """Server → client: the answer to `get_notification`, with the notification as it is now."""

    type: Literal["notification_details"]
    notification_id: int | None
    success: bool
    notification: NotRequired[NotificationObject]
    error: NotRequired[ErrorBody]


class NotificationSent(TypedDict):
    """Server → client: the answer to `send_notification`."""

    type: Literal["notification_sent"]
    success: bool
    notification_id: int | None
    suppressed: NotRequired[Literal[True]]
    scheduled_id: NotRequired[int]
    error: NotRequired[ErrorBody]


class SendCancelled(TypedDict):
    """Server → client: the answer to `cancel_send`; `cancelled` says whether it was in time."""

    type: Literal["send_cancelled"]
    success: bool
    cancelled: NotRequired[bool]
    error: NotRequired[ErrorBody]


class NotificationChanged(TypedDict):
    """Server → client: one notification was marked as read or unread, on this device or another.

    Of moves and pins, only the device that asked gets one: see `Kind`.
    """

    type: Change
    notification_id: int | None
    success: bool
    error: NotRequired[ErrorBody]


class NotificationDeleted(TypedDict):
    """Server → client: one notification was deleted, on this device or another, or has left the list."""

    type: Literal["notification_deleted"]
    notification_id: int | None
    success: bool
    undo_token: NotRequired[str]
    error: NotRequired[ErrorBody]


BulkAnswer = Literal[
    "notifications_marked_read", "notifications_archived", "notifications_deleted", "change_undone"
]


class AllNotificationsMarkedRead(TypedDict):
    """Server → client: all notifications are read; `count` of them were unread before."""

    type: Literal["all_notifications_marked_read"]
    success: bool
    count: NotRequired[int]
    error: NotRequired[ErrorBody]


class ActionPerformed(TypedDict):
    """Server → client: the answer to `perform_action`, with the outcome that is recorded.

    `recorded` is whether this message has recorded it, and not one before, of this device or another.
    """

    type: Literal["action_performed"]
    notification_id: int | None
    success: bool
    action_id: NotRequired[str]
    performed_at: NotRequired[str]
    recorded: NotRequired[bool]
    error: NotRequired[ErrorBody]


class BulkChanged(TypedDict):
    """Server → client: the answer to `mark_all_read` with a filter, `archive_all`, `delete_all` and `undo`."""

    type: BulkAnswer
    success: bool
    count: NotRequired[int]
    undo_token: NotRequired[str]
    has_more: NotRequired[Literal[True]]
    error: NotRequired[ErrorBody]


class Numbers(TypedDict):
    """Numbers of notifications in the inbox: at least so many, and exactly if `is_exact`."""

    total: int
    unread_count: int
    unseen_count: int
    is_exact: bool


class TypeNumbers(Numbers):
    """Those of a type."""

    type: str


class CategoryNumbers(Numbers):
    """Those of a category; of the types that have none, it is null."""

    category: str | None


class NotificationCounts(TypedDict):
    """Server → client: the answer to `get_counts`."""

    type: Literal["notification_counts"]
    types: list[TypeNumbers]
    categories: list[CategoryNumbers]


class NotificationsSeen(TypedDict):
    """Server → client: the answer to `mark_seen`; `count` notifications are unseen no more."""

    type: Literal["notifications_seen"]
    success: bool
    count: NotRequired[int]
    error: NotRequired[ErrorBody]


class TokenRefreshed(TypedDict):
    """Server → client: the answer to `refresh_token`; after a failure, the connection is as it was."""

    type: Literal["token_refreshed"]
    success: bool
    expires_at: NotRequired[str]
    error: NotRequired[ErrorBody]


class TokenExpiring(TypedDict):
    """Server → client: the connection ends at `expires_at`. Sent to clients that have asked for it."""

    type: Literal["token_expiring"]
    expires_at: str


class ErrorMessage(TypedDict):
    """Server → client: a message was not understood, or a list could not be read."""

    type: Literal["error"]
    code: str
    message: str
    field: NotRequired[str]
    retry_after: NotRequired[float]
    reason: NotRequired[str]


class Pong(TypedDict):
    """Server → client: the answer to `ping`."""

    type: Literal["pong"]


ServerMessage = (
    NotificationMessage
    | NotificationsList
    | NotificationDetails
    | NotificationCounts
    | NotificationSent
    | SendCancelled
    | NotificationChanged
    | NotificationDeleted
    | AllNotificationsMarkedRead
    | BulkChanged
    | NotificationsSeen
    | ActionPerformed
    | NotificationEdited
    | NotificationRecalled
    | NotificationsSent
    | CampaignMessage
    | NotificationTypes
    | NotificationPreferences
    | PreferenceSet
    | TopicsList
    | TopicChanged
    | ErrorMessage
    | Pong
    | TokenRefreshed
    | TokenExpiring
)

Performed = tuple[ServerMessage, int | None]
"""The answer to an action, and the sequence of the caller's inbox after it if that was touched."""


def notification(snapshot: Snapshot) -> NotificationMessage:
    """Return the message for a new notification."""
    return {"type": "notification", "notification": _notification_object(snapshot)}


def notifications_list(
    notifications: Iterable[Snapshot],
    *,
    total: int,
    unread_count: int,
    unseen_count: int | None = None,
    examined_to: int | None = None,
) -> NotificationsList:
    """Return the reply to `get_notifications`. It has the number of unseen ones if not all unread ones are unseen, and
    where to go on if the search has stopped early."""
    reply: NotificationsList = {
        "type": "notifications_list",
        "notifications": [_notification_object(snapshot) for snapshot in notifications],
        "total": total,
        "unread_count": unread_count,
    }
    if unseen_count is not None and unseen_count != unread_count:
        reply["unseen_count"] = unseen_count
    if examined_to is not None:
        reply["continue_before_id"] = examined_to
    return reply


def notification_details(snapshot: Snapshot) -> NotificationDetails:
    """Return the reply to `get_notification`."""
    return {
        "type": "notification_details",
        "notification_id": snapshot.id,
        "success": True,
        "notification": _notification_object(snapshot),
    }


def notification_scheduled(scheduled_id: int) -> NotificationSent:
    """Return the reply to a `send_notification` that waits for its time."""
    return {
        "type": "notification_sent",
        "success": True,
        "notification_id": None,
        "scheduled_id": scheduled_id,
    }


def send_cancelled(cancelled: bool) -> SendCancelled:
    """Return the reply to `cancel_send`."""
    return {"type": "send_cancelled", "success": True, "cancelled": cancelled}


def notification_sent(notification_id: int | None) -> NotificationSent:
    """Return the reply to `send_notification`; without an id, the recipient has turned off the type."""
    answer: NotificationSent = {
        "type": "notification_sent",
        "success": True,
        "notification_id": notification_id,
    }
    if notification_id is None:
        answer["suppressed"] = True
    return answer


def notification_changed(change: Change, notification_id: int) -> NotificationChanged:
    """Return the message for a notification that was marked, moved or pinned."""
    return {"type": change, "notification_id": notification_id, "success": True}


def notification_deleted(
    notification_id: int, *, undo_token: str | None = None
) -> NotificationDeleted:
    """Return the message for a notification that was deleted, to the device that did it with the token."""
    deleted: NotificationDeleted = {
        "type": "notification_deleted",
        "notification_id": notification_id,
        "success": True,
    }
    if undo_token is not None:
        deleted["undo_token"] = undo_token
    return deleted


def all_notifications_marked_read(count: int) -> AllNotificationsMarkedRead:
    """Return the message for an inbox in which everything was marked as read."""
    return {"type": "all_notifications_marked_read", "success": True, "count": count}


def bulk_changed(
    action: BulkChange | Undo, count: int, *, undo_token: str | None, has_more: bool
) -> BulkChanged:
    """Return the reply to a bulk change with a filter, or to its undoing."""
    answer: BulkChanged = {"type": _BULK[type(action)], "success": True, "count": count}
    if undo_token is not None:
        answer["undo_token"] = undo_token
    if has_more:
        answer["has_more"] = True
    return answer


def notification_counts(counts: TypeCounts) -> NotificationCounts:
    """Return the reply to `get_counts`."""
    return {
        "type": "notification_counts",
        "types": [{"type": each.name, **_numbers(each)} for each in counts.types],
        "categories": [
            {"category": each.name or None, **_numbers(each)} for each in counts.categories
        ],
    }


def _numbers(count: Count) -> Numbers:
    return {
        "total": count.total,
        "unread_count": count.unread,
        "unseen_count": count.unseen,
        "is_exact": count.is_exact,
    }


def notifications_seen(count: int) -> NotificationsSeen:
    """Return the reply to `mark_seen`."""
    return {"type": "notifications_seen", "success": True, "count": count}


def action_performed(shown: Snapshot, *, recorded: bool) -> ActionPerformed:
    """Return the reply to `perform_action`, for a notification that has an outcome."""
    answer: ActionPerformed = {
        "type": "action_performed",
        "notification_id": shown.id,
        "success": True,
    }
    if shown.performed_action is not None and shown.performed_at is not None:
        answer["action_id"] = shown.performed_action
        answer["performed_at"] = wire_time(shown.performed_at)
    answer["recorded"] = recorded
    return answer


def error(code: str, message: str) -> ErrorMessage:
    """Return the message for a client message that could not be understood."""
    return {"type": "error", "code": code, "message": message}


def pong() -> Pong:
    """Return the reply to `ping`."""
    return {"type": "pong"}


def token_refreshed(expires_at: float | None) -> TokenRefreshed:
    """Return the answer to a token that is accepted; the moment is in unix seconds."""
    answer: TokenRefreshed = {"type": "token_refreshed", "success": True}
    if expires_at is not None:
        answer["expires_at"] = wire_time(datetime.fromtimestamp(expires_at, UTC))
    return answer


def token_refused(failure: Failure) -> TokenRefreshed:
    """Return the answer to a token that is not accepted."""
    return {"type": "token_refreshed", "success": False, "error": failure.body()}


def token_expiring(expires_at: float) -> TokenExpiring:
    """Return the warning before the end of a connection; the moment is in unix seconds."""
    moment = wire_time(datetime.fromtimestamp(expires_at, UTC))
    return {"type": "token_expiring", "expires_at": moment}


def event_message(event: Event) -> ServerMessage | None:
    """Return the message that shows an event; None when the protocol has no message for it.

    It has none for a mark-all-read that left something unread, because no message names a part of an inbox. Nor for
    kinds that take a new list, or that its clients need not know: see `Kind.json_message`.
    """
    kind = event.kind
    message = kind.json_message
    match message:
        case "notification":
            return None if event.notification is None else notification(event.notification)
        case "all_notifications_marked_read":
            return None if event.unread_count else all_notifications_marked_read(event.count)
        case "notification_marked_read" | "notification_marked_unread":
            number = event.notification_id
            return None if number is None else notification_changed(message, number)
        case "notification_deleted":
            number = event.notification_id
            return None if number is None else notification_deleted(number)
        case None | "notifications_list":
            return None
        case _:
            assert_never(message)


def confirmation(
    action: OneChange, *, undo_token: str | None = None
) -> NotificationChanged | NotificationDeleted:
    """Return the reply to an action on one notification."""
    if isinstance(action, DeleteNotification):
        return notification_deleted(action.notification_id, undo_token=undo_token)
    return notification_changed(_CHANGES[type(action)], action.notification_id)


def refusal(
    action: type[Action],
    failure: Failure,
    *,
    notification_id: int | None = None,
    campaign_id: int | None = None,
) -> ServerMessage:
    """Return the reply to a failed action: its own confirmation with `success: false`, or else `error`."""
    body = failure.body()
    answer: dict[str, Any] = {"success": False, "error": body}
    if action is SendNotification:
        # In the guide's order.
        answer = {
            "type": "notification_sent",
            "success": False,
            "notification_id": None,
            "error": body,
        }
    elif name := _ANSWERS_OF_ONE.get(action):
        answer = {"type": name, "notification_id": notification_id, **answer}
    elif name := _CAMPAIGN_ANSWERS.get(action):
        answer = {"type": name, "campaign_id": campaign_id, **answer}
    elif name := _OTHER_ANSWERS.get(action):
        answer = {"type": name, **answer}
    else:
        answer = {"type": "error", **body}
    return cast("ServerMessage", answer)


_BULK: dict[type[Action], BulkAnswer] = {
    MarkAllRead: "notifications_marked_read",
    ArchiveAll: "notifications_archived",
    DeleteAll: "notifications_deleted",
    Undo: "change_undone",
}

_CHANGES: dict[type[Action], Change] = {
    MarkRead: "notification_marked_read",
    MarkUnread: "notification_marked_unread",
    ArchiveNotification: "notification_archived",
    UnarchiveNotification: "notification_unarchived",
    SnoozeNotification: "notification_snoozed",
    UnsnoozeNotification: "notification_unsnoozed",
    PinNotification: "notification_pinned",
    UnpinNotification: "notification_unpinned",
}

_ANSWERS_OF_ONE: dict[type[Action], str] = {
    **_CHANGES,
    GetNotification: "notification_details",
    DeleteNotification: "notification_deleted",
    PerformAction: "action_performed",
    EditNotification: "notification_edited",
    RecallNotification: "notification_recalled",
}
"""The answers that name a notification, also when the action has failed."""

_CAMPAIGN_ANSWERS: dict[type[Action], str] = {
    StartCampaign: "campaign_started",
    GetCampaign: "campaign_progress",
    CancelCampaign: "campaign_cancelled",
    RecallCampaign: "campaign_recalled",
}
"""The answers that name a campaign, likewise."""

_OTHER_ANSWERS: dict[type[Action], str] = {
    **_BULK,
    CancelSend: "send_cancelled",
    MarkAllRead: "all_notifications_marked_read",
    MarkSeen: "notifications_seen",
    SendMany: "notifications_sent",
    SetPreference: "preference_set",
    SubscribeToTopic: "topic_subscribed",
    UnsubscribeFromTopic: "topic_unsubscribed",
}


def _notification_object(snapshot: Snapshot) -> NotificationObject:
    shown: NotificationObject = {
        "id": snapshot.id,
        "title": snapshot.title,
        "message": snapshot.message,
        "type": snapshot.type,
        "read": snapshot.read,
        "created_at": wire_time(snapshot.created_at),
        "data": snapshot.data,
        "link": snapshot.link or None,
    }
    if snapshot.expires_at is not None:
        shown["expires_at"] = wire_time(snapshot.expires_at)
    # The rest is left out at its default, so that messages stay as clients know them.
    if snapshot.priority != "normal":
        shown["priority"] = snapshot.priority
    if (icon := shown_icon(snapshot)) is not None:
        shown["icon"] = icon
    if snapshot.actor is not None:
        shown["actor"] = snapshot.actor
    if snapshot.target is not None:
        shown["target"] = snapshot.target
    if snapshot.actions is not None:
        shown["actions"] = snapshot.actions
    if snapshot.format != "plain":
        shown["format"] = snapshot.format
    if snapshot.folder is not Folder.INBOX:
        shown["folder"] = snapshot.folder.value
    if snapshot.snoozed_until is not None:
        shown["snoozed_until"] = wire_time(snapshot.snoozed_until)
    if snapshot.pinned:
        shown["pinned"] = True
    if snapshot.performed_action is not None and snapshot.performed_at is not None:
        shown["performed_action"] = snapshot.performed_action
        shown["performed_at"] = wire_time(snapshot.performed_at)
    if snapshot.edited_at is not None:
        shown["edited_at"] = wire_time(snapshot.edited_at)
    if snapshot.group_key is not None:
        shown["group_key"] = snapshot.group_key
        shown["group_count"] = snapshot.group_count
    if snapshot.group_actors is not None:
        shown["group_actors"] = snapshot.group_actors
    return shown
