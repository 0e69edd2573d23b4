"""The messages that change what was sent: editing and recalling."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NotRequired, TypedDict

from live_inbox.content import GivenFields
from live_inbox.json_api.failures import ErrorBody

# -- client → server -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EditNotification:
    """Client → server: `edit_notification` changes the content of what was sent. Not in the guide.

    It is named by its id or by the key of its send. `content` has the fields that change, and no others.
    """

    notification_id: int | None = None
    idempotency_key: str | None = None
    content: GivenFields = field(default_factory=GivenFields)


@dataclass(frozen=True, slots=True)
class RecallNotification:
    """Client → server: `recall_notification` takes back what was sent, named likewise. Not in the guide."""

    notification_id: int | None = None
    idempotency_key: str | None = None


# -- server → client -------------------------------------------------------------------------------


class NotificationEdited(TypedDict):
    """Server → client: the answer to `edit_notification`; `changed` says whether it is other than before."""

    type: Literal["notification_edited"]
    notification_id: int | None
    success: bool
    changed: NotRequired[bool]
    error: NotRequired[ErrorBody]


class NotificationRecalled(TypedDict):
    """Server → client: the answer to `recall_notification`; `recalled` says whether it was still there.

    The id is that of the request, null where that names it by a key.
    """

    type: Literal["notification_recalled"]
    notification_id: int | None
    success: bool
    recalled: NotRequired[bool]
    error: NotRequired[ErrorBody]


def notification_edited(notification_id: int, *, changed: bool) -> NotificationEdited:
    """Return the reply to `edit_notification`."""
    return {
        "type": "notification_edited",
        "notification_id": notification_id,
        "success": True,
        "changed": changed,
    }


def notification_recalled(notification_id: int | None, *, recalled: bool) -> NotificationRecalled:
    """Return the reply to `recall_notification`."""
    return {
        "type": "notification_recalled",
        "notification_id": notification_id,
        "success": True,
        "recalled": recalled,
    }
