"""What a project needs to write an authenticator of its own: see docs/authentication.md."""

from live_inbox.identity.authenticators import (
    Authenticator,
    Credentials,
    TokenOrSessionAuthenticator,
)
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed, Reason

__all__ = [
    "AuthenticationFailed",
    "Authenticator",
    "Caller",
    "Credentials",
    "Reason",
    "TokenOrSessionAuthenticator",
]
