"""Why a caller is refused, in one table."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """The stable word for a refusal: for logs, metrics, tests and the code of clients."""

    MISSING = "missing"
    MALFORMED = "malformed"
    WRONG_KEY = "wrong_key"
    KEYS_UNAVAILABLE = "keys_unavailable"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_AUDIENCE = "wrong_audience"
    WRONG_ISSUER = "wrong_issuer"
    REFRESH = "refresh"
    NO_USER = "no_user"
    UNKNOWN_USER = "unknown_user"
    INACTIVE = "inactive"
    REVOKED = "revoked"


# The sentences are for the caller: none of them repeats a claim or tells which accounts exist.
_MESSAGES = {
    Reason.MISSING: "Authentication is required.",
    Reason.MALFORMED: "The token is malformed.",
    Reason.WRONG_KEY: "The token is not signed with a key that this server trusts.",
    Reason.KEYS_UNAVAILABLE: "The token cannot be checked at the moment; try again later.",
    Reason.EXPIRED: "The token has expired.",
    Reason.NOT_YET_VALID: "The token is not valid yet.",
    Reason.WRONG_AUDIENCE: "The token is meant for another service.",
    Reason.WRONG_ISSUER: "The token comes from an issuer that this server does not accept.",
    Reason.REFRESH: "This is not an access token.",
    Reason.NO_USER: "The token does not name a user.",
    Reason.UNKNOWN_USER: "The account of this token cannot be used.",
    Reason.INACTIVE: "The account of this token cannot be used.",
    Reason.REVOKED: "The token has been revoked.",
}


class AuthenticationFailed(Exception):
    """Raised when nobody, or nobody with access, stands behind a request."""

    code: ClassVar[str] = "UNAUTHENTICATED"

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        self.message = _MESSAGES[reason]
        super().__init__(self.message)


class InvalidTokenRules(ValueError):
    """Raised at start when the settings for tokens contradict each other or are unsafe."""
