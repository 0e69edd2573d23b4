"""Reads Django sessions for sockets. Synchronous: a query for the session and one for the user."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.http.cookie import parse_cookie

_MIDDLEWARE = ("SessionMiddleware", "AuthenticationMiddleware")


def session_key_in(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the key of the session in the cookies of an ASGI scope; None if the project does not use sessions."""
    cookies: dict[str, str] = {}
    for name, value in headers:
        if name == b"cookie":
            cookies |= parse_cookie(value.decode("latin-1"))
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    return key if key and _uses_sessions() else None


def user_of_session(session_key: str) -> AbstractBaseUser | AnonymousUser:
    """Return the user who is signed in with a session, by the project's own session engine and backends."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    request: Any = HttpRequest()
    request.session = _SessionData(store.items())
    return get_user(request)


def _uses_sessions() -> bool:
    """Whether the project has Django's middleware for sessions and users, or others with such names."""
    return all(any(path.endswith(name) for path in settings.MIDDLEWARE) for name in _MIDDLEWARE)


class _SessionData(dict[str, Any]):
    """A copy of a session's data, which Django may change as if it were the session.

    With a session of an earlier SECRET_KEY, Django gives the session another key. A socket cannot set the cookie with
    that key, so the browser would be signed out.
    """

    def cycle_key(self) -> None:
        """Do nothing: the next HTTP request does it."""

    def flush(self) -> None:
        """Do nothing: the session is refused, not deleted."""
