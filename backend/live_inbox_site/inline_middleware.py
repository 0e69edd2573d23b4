"""Django's middleware of the site, run on the event loop.

Under ASGI, Django calls each method of its own middleware in a thread. That is a dozen changes of thread for each
request: half of the processor time of a small one, and each change waits for the interpreter while another thread is
busy. What these methods do takes microseconds. They use the database only to store a session or messages that the view
has changed; then they run in a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware import clickjacking, common, csrf, security

from live_inbox.web import session_middleware

_WITHOUT_EFFECT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""The methods whose requests are not checked."""


class _Inline:
    """For a class of Django's middleware, put before it."""

    process_request: Any
    process_response: Any
    get_response: Any

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve a request."""
        response: HttpResponseBase | None = None
        if hasattr(self, "process_request"):
            response = self.process_request(request)
        if response is None:
            response = await self.get_response(request)
        if not hasattr(self, "process_response"):
            return response
        if _may_write(request):
            response = await sync_to_async(self.process_response)(request, response)
        else:
            response = self.process_response(request, response)
        return response


def _may_write(request: Any) -> bool:
    """Whether the session has to be stored, or messages that the next page shows."""
    session, stored = getattr(request, "session", None), getattr(request, "_messages", None)
    return bool(getattr(session, "modified", False)) or bool(
        stored is not None and (stored.used or stored.added_new)
    )


class SecurityMiddleware(_Inline, security.SecurityMiddleware):
    """Django's `SecurityMiddleware`."""


class SessionMiddleware(_Inline, sessions.SessionMiddleware):
    """Django's `SessionMiddleware`."""


class CommonMiddleware(_Inline, common.CommonMiddleware):
    """Django's `CommonMiddleware`."""


class CsrfViewMiddleware(_Inline, csrf.CsrfViewMiddleware):
    """Django's `CsrfViewMiddleware`. What is posted is parsed in a thread."""

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        if self.async_mode:
            # Set here: under WSGI, Django would have to call a coroutine function by an event loop of its own.
            self.process_view = self._process_view_inline  # type: ignore[method-assign,assignment]

    async def _process_view_inline(
        self, request: HttpRequest, callback: Any, arguments: Any, options: Any
    ) -> HttpResponseBase | None:
        check = super().process_view
        if request.method in _WITHOUT_EFFECT or getattr(callback, "csrf_exempt", False):
            return check(request, callback, arguments, options)
        return await sync_to_async(check)(request, callback, arguments, options)


class RevocableAuthenticationMiddleware(
    _Inline, session_middleware.RevocableAuthenticationMiddleware
):
    """That of the inbox, which is Django's."""


class MessageMiddleware(_Inline, messages.MessageMiddleware):
    """Django's `MessageMiddleware`."""


class XFrameOptionsMiddleware(_Inline, clickjacking.XFrameOptionsMiddleware):
    """Django's `XFrameOptionsMiddleware`."""


_SUBCLASSES = {
    f"{each.__bases__[1].__module__}.{each.__name__}": f"{__name__}.{each.__name__}"
    for each in (
        SecurityMiddleware,
        SessionMiddleware,
        CommonMiddleware,
        CsrfViewMiddleware,
        RevocableAuthenticationMiddleware,
        MessageMiddleware,
        XFrameOptionsMiddleware,
    )
}


def inline(names: Sequence[str]) -> list[str]:
    """Return the names of middleware, those of the subclasses here in place of what they inherit from."""
    return [_SUBCLASSES.get(name, name) for name in names]
