"""Why an action of the JSON protocol has failed: the object `error` of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NotRequired, Self, TypedDict

from live_inbox.database_errors import MESSAGES, kind_of
from live_inbox.errors import InvalidInput, NotificationError, RateLimited
from live_inbox.services import SenderDeleted, SendManyCancelled, SendManyInterrupted


class ErrorBody(TypedDict):
    """The reason of a failure: `code` is for programs, `message` for people."""

    code: str
    message: str
    field: NotRequired[str]
    retry_after: NotRequired[float]
    reason: NotRequired[str]
    sent_count: NotRequired[int]
    remaining_count: NotRequired[int]


WIRE_NAMES = {
    "recipient_id": "user_id",
    "recipient_ids": "user_ids",
    "recipient_refs": "user_refs",
    "type": "notification_type",
}
"""The keys of a message that are not named like the argument of the service."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an action failed; `field` is the invalid key of the client's message, if there is one.

    `reason` says what is not available. A bulk send that broke off says how many recipients have the notification, and
    how many are left.
    """

    code: str
    message: str
    field: str | None = None
    retry_after: float | None = None
    reason: str | None = None
    sent_count: int | None = None
    remaining_count: int | None = None

    @classmethod
    def of(cls, error: NotificationError) -> Self:
        """Return the failure for an error of a service."""
        if isinstance(error, SenderDeleted | SendManyCancelled):
            return cls(error.code, error.message, **_progress(error))
        if isinstance(error, InvalidInput):
            return cls(error.code, error.message, field=WIRE_NAMES.get(error.field, error.field))
        if isinstance(error, RateLimited):
            return cls(error.code, error.message, retry_after=error.retry_after)
        return cls(error.code, error.message)

    @classmethod
    def unavailable(cls, error: Exception) -> Self:
        """Return the failure for an error of the database that may be over at the next attempt."""
        kind = kind_of(error)
        code = "SERVICE_UNAVAILABLE"
        if isinstance(error, SendManyInterrupted):
            return cls(code, str(error), reason=kind.value, **_progress(error))
        return cls(code, MESSAGES[kind], reason=kind.value)

    def body(self) -> ErrorBody:
        """Return the failure as part of a message."""
        body: ErrorBody = {"code": self.code, "message": self.message}
        if self.field is not None:
            body["field"] = self.field
        if self.retry_after is not None:
            body["retry_after"] = self.retry_after
        if self.reason is not None:
            body["reason"] = self.reason
        if self.sent_count is not None and self.remaining_count is not None:
            body["sent_count"] = self.sent_count
            body["remaining_count"] = self.remaining_count
        return body


def _progress(error: SenderDeleted | SendManyCancelled | SendManyInterrupted) -> dict[str, Any]:
    return {"sent_count": error.progress.reached, "remaining_count": error.remaining}
