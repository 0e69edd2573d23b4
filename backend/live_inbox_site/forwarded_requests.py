"""Lets Django see the addresses of clients behind the trusted proxies."""

from __future__ import annotations

from collections.abc import Awaitable

from live_inbox.sockets.asgi import Application, Receive, Scope, Send
from live_inbox.sockets.forwarding import apply_forwarded
from live_inbox_site.environment import site_settings


class ForwardedRequests:
    """Puts the client's address into each request, and passes everything on."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._proxies = site_settings().proxies

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] == "http":
            apply_forwarded(scope, self._proxies)
        return self._application(scope, receive, send)
