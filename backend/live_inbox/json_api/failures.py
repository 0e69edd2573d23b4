"""Why an action of the JSON protocol has failed: the object `error` of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NotRequired, Self, TypedDict

from live_inbox.errors import InvalidInput, NotificationError, RateLimited


class ErrorBody(TypedDict):
    """The reason of a failure: `code` is for programs, `message` for people."""

    code: str
    message: str
    field: NotRequired[str]
    retry_after: NotRequired[float]
    reason: NotRequired[str]


WIRE_NAMES = {"recipient_id": "user_id", "type": "notification_type"}
"""The keys of a message that are not named like the argument of the service."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an action failed; `field` is the invalid key of the client's message, if there is one.

    `reason` says what is not available.
    """

    code: str
    message: str
    field: str | None = None
    retry_after: float | None = None
    reason: str | None = None

    @classmethod
    def of(cls, error: NotificationError) -> Self:
        """Return the failure for an error of a service."""
        if isinstance(error, InvalidInput):
            return cls(error.code, error.message, field=WIRE_NAMES.get(error.field, error.field))
        if isinstance(error, RateLimited):
            return cls(error.code, error.message, retry_after=error.retry_after)
        return cls(error.code, error.message)

    def body(self) -> ErrorBody:
        """Return the failure as part of a message."""
        body: ErrorBody = {"code": self.code, "message": self.message}
        if self.field is not None:
            body["field"] = self.field
        if self.retry_after is not None:
            body["retry_after"] = self.retry_after
        if self.reason is not None:
            body["reason"] = self.reason
        return body
