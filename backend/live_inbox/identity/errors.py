"""The reasons why authentication fails, and the message of each."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """A stable code for each refusal, for logs, metrics, tests and clients. Clients receive it as `reason`."""

    MISSING = "missing"
    MALFORMED = "malformed"
    WRONG_KEY = "wrong_key"
    KEYS_UNAVAILABLE = "keys_unavailable"
    TIMEOUT = "timeout"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_AUDIENCE = "wrong_audience"
    WRONG_ISSUER = "wrong_issuer"
    REFRESH = "refresh"
    NOT_ACCESS = "not_access"
    TOO_LONG = "too_long"
    SCOPE = "scope"
    NO_USER = "no_user"
    UNKNOWN_USER = "unknown_user"
    INACTIVE = "inactive"
    REVOKED = "revoked"
    OTHER_USER = "other_user"
    TICKET = "ticket"

    @property
    def is_temporary(self) -> bool:
        """Whether the credentials may well be valid: they could not be checked, and may be presented again."""
        return self in (Reason.KEYS_UNAVAILABLE, Reason.TIMEOUT)


# Callers read these messages, so none repeats a claim or reveals which accounts exist.
_MESSAGES = {
    Reason.MISSING: "Authentication is required.",
    Reason.MALFORMED: "The token is malformed.",
    Reason.WRONG_KEY: "The token is not signed with a key that this server trusts.",
    Reason.KEYS_UNAVAILABLE: "The token cannot be checked at the moment; try again later.",
    Reason.TIMEOUT: "Authentication takes too long at the moment; try again later.",
    Reason.EXPIRED: "The token has expired.",
    Reason.NOT_YET_VALID: "The token is not valid yet.",
    Reason.WRONG_AUDIENCE: "The token is meant for another service.",
    Reason.WRONG_ISSUER: "The token comes from an issuer that this server does not accept.",
    Reason.REFRESH: "This is not an access token.",
    Reason.NOT_ACCESS: "This is not an access token.",
    Reason.TOO_LONG: "The token is valid for longer than this server accepts.",
    Reason.SCOPE: "The token lacks a scope that is needed here.",
    Reason.NO_USER: "The token does not name a user.",
    Reason.UNKNOWN_USER: "The account of this token cannot be used.",
    Reason.INACTIVE: "The account of this token cannot be used.",
    Reason.REVOKED: "The token has been revoked.",
    Reason.TICKET: "The ticket has been used, or is for another address or API.",
    Reason.OTHER_USER: "The token is of another user than the socket.",
}


class AuthenticationFailed(Exception):
    """Raised when a request has no credentials, or credentials that are not accepted. `reason` is the cause."""

    code: ClassVar[str] = "UNAUTHENTICATED"

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        self.message = _MESSAGES[reason]
        super().__init__(self.message)


class InvalidIdentityConfig(ValueError):
    """Raised at startup when the JWT_ settings contradict each other or are unsafe; the message says what to do."""
