"""Reads Django sessions for sockets. Synchronous, by the project's own session engine."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends import db, signed_cookies
from django.http import HttpRequest
from django.http.cookie import parse_cookie
from django.utils import timezone

_SIGNED_IN_AT = "_live_inbox_signed_in_at"
_KEYS_PER_QUERY = 1_000
_MIDDLEWARE = ("SessionMiddleware", "AuthenticationMiddleware")


def session_key_in(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the key of the session in the cookies of an ASGI scope; None if the project does not use sessions."""
    cookies: dict[str, str] = {}
    for name, value in headers:
        if name == b"cookie":
            cookies |= parse_cookie(value.decode("latin-1"))
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    return key if key and _uses_sessions() else None


def signed_in_user(session_key: str) -> tuple[AbstractBaseUser | None, Mapping[str, Any]]:
    """Return the user who is signed in with a session, None if nobody is, and the data of the session.

    A query for the session, and one for the user, by the project's own backends.
    """
    request: Any = HttpRequest()
    request.session = _SessionData(_store_class()(session_key).items())
    user = get_user(request)
    return (None if isinstance(user, AnonymousUser) else user), request.session


def note_sign_in(session: Any, *, now: float) -> None:
    """Store in a session when its user has signed in (unix seconds), so that it can be revoked."""
    session[_SIGNED_IN_AT] = now


def signed_in_at(session: Any) -> float | None:
    """Return when the user of a session has signed in (unix seconds); None if that is unknown."""
    value = None if session is None else session.get(_SIGNED_IN_AT)
    return float(value) if isinstance(value, int | float) else None


def checkable_key(session_key: str | None) -> str | None:
    """Return the key, if it can be found out later whether there still is a session with it; or else None."""
    # Signed cookies are their own keys, and nothing else knows of them.
    return None if issubclass(_store_class(), signed_cookies.SessionStore) else session_key


def ended_sessions(keys: Collection[str]) -> set[str]:
    """Return those of these keys that have no session any more. A query for each thousand, or a look for each key."""
    store_class = _store_class()
    if not issubclass(store_class, db.SessionStore):
        return {key for key in keys if not store_class().exists(key)}
    sessions = store_class.get_model_class()._default_manager.filter(expire_date__gt=timezone.now())
    ended = set(keys)
    wanted = list(keys)
    for start in range(0, len(wanted), _KEYS_PER_QUERY):
        chunk = wanted[start : start + _KEYS_PER_QUERY]
        found = sessions.filter(session_key__in=chunk)
        ended.difference_update(found.values_list("session_key", flat=True))
    return ended


def _store_class() -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore


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
