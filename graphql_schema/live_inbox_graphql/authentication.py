"""Authenticates requests and sockets: by a token, or else by a Django session."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, HttpResponse
from django.http.cookie import parse_cookie
from django.middleware.csrf import CsrfViewMiddleware

from live_inbox.database_threads import in_database_thread
from live_inbox.identity.callers import Caller, authenticate, caller_for_session
from live_inbox.identity.credentials import token_from_headers, token_from_payload
from live_inbox.identity.errors import AuthenticationFailed, Reason


class CsrfFailed(Exception):
    """Raised when a request with a session cookie may have been forged by another site."""


async def caller_of_request(request: HttpRequest) -> Caller | None:
    """Return the caller of an HTTP request; None for an anonymous one.

    With a token, cookies do not count, and nothing can be forged: browsers do not add tokens by
    themselves. A session has to pass Django's CSRF check. Raises AuthenticationFailed for a token that
    is not accepted, and CsrfFailed.
    """
    header = request.headers.get("Authorization", "")
    token = token_from_headers([(b"authorization", header.encode("latin-1", "replace"))])
    if token is not None:
        return await authenticate(token)
    return await in_database_thread(_caller_of_session, request)


def _caller_of_session(request: HttpRequest) -> Caller | None:
    if not request.user.is_authenticated:
        return None
    check = _CsrfCheck(_not_called)
    check.process_request(request)
    reason = check.process_view(request, _not_called, (), {})
    if reason is not None:
        raise CsrfFailed(reason)
    return caller_for_session(request.user)


def _not_called(request: HttpRequest) -> HttpResponse:
    raise NotImplementedError


class _CsrfCheck(CsrfViewMiddleware):
    """Django's CSRF check, run for session callers only; returns the reason of a failure."""

    def _reject(self, request: HttpRequest, reason: str) -> str:
        return reason


async def caller_of_socket(scope: Mapping[str, Any], payload: object) -> Caller:
    """Return the caller of a socket; raise AuthenticationFailed for an anonymous one.

    The token of `connection_init` counts more than the one of the handshake, and any token more than a
    session. The session's cookie is good enough because handshakes of pages on strange origins are refused.
    """
    token = token_from_payload(payload) or token_from_headers(scope["headers"])
    if token is not None:
        return await authenticate(token)
    session_key = _session_key(scope["headers"])
    if session_key is None:
        raise AuthenticationFailed(Reason.MISSING)
    return await in_database_thread(_caller_of_session_key, session_key)


def _session_key(headers: Any) -> str | None:
    cookies: dict[str, str] = {}
    for name, value in headers:
        if name == b"cookie":
            cookies |= parse_cookie(value.decode("latin-1"))
    return cookies.get(settings.SESSION_COOKIE_NAME)


def _caller_of_session_key(session_key: str) -> Caller:
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    return caller_for_session(get_user(request))
