"""Authenticates tokens for tests that are not asynchronous."""

from __future__ import annotations

from asgiref.sync import async_to_sync

from live_inbox.identity.callers import Caller, authenticate


def authenticate_now(token: str | None) -> Caller:
    """Return the caller of a token, as the APIs determine it; raise AuthenticationFailed."""
    return async_to_sync(authenticate)(token)
