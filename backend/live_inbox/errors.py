"""The errors of the services, which callers can handle.

NotificationError
├── InvalidInput     BAD_USER_INPUT
├── NotFound         NOT_FOUND
├── Forbidden        FORBIDDEN
├── Conflict         CONFLICT
└── RateLimited      RATE_LIMITED

The APIs turn them into errors of their protocols; the messages are for the people who call. UnrecordedWrite is for
programmers: code that bypasses the services.
"""

from __future__ import annotations

from typing import ClassVar


class NotificationError(Exception):
    """Base of the errors that a caller can do something about.

    Nothing was changed when one is raised. The exceptions, SenderDeleted and SendManyCancelled of a bulk send, say what
    was.
    """

    code: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(NotificationError):
    """Raised when a value is not acceptable; `field` names it as the service's argument is named."""

    code = "BAD_USER_INPUT"

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class NotFound(NotificationError):
    """Raised when the user has no such notification; also when it is another user's: ids cannot be probed."""

    code = "NOT_FOUND"


class Forbidden(NotificationError):
    """Raised when the policy does not let this caller send to that user."""

    code = "FORBIDDEN"


class Conflict(NotificationError):
    """Raised for an idempotency key that was used for something else, or whose bulk send was cancelled.

    Also for a notification that is folded under a newer one of its group: that one is moved and pinned.
    """

    code = "CONFLICT"


class RateLimited(NotificationError):
    """Raised when a caller does something too often; `retry_after` is in seconds."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnrecordedWrite(TypeError):
    """Raised when code writes notifications with the ORM: no device would notice, and the counts would be wrong."""

    def __init__(self, attempt: str, instead: str) -> None:
        super().__init__(
            f"Notifications cannot be written by {attempt}: use {instead}."
            " To write behind the inbox's back all the same, docs/other-writers.md says how."
        )
