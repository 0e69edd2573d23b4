"""Gives each HTTP request a context for the log, and a line of the access log to some."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable
from functools import partial
from urllib.parse import quote

from live_inbox import access_log, log_context
from live_inbox.log_context import LogContext
from live_inbox.redaction import redacted
from live_inbox.sockets.asgi import Application, Message, Receive, Scope, Send

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
LONGEST_PATH = 500


class RequestLog:
    """Begins the context of a request, with the id that a proxy gives it in `X-Request-ID`, and serves it."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] != "http":
            return self._application(scope, receive, send)
        log_context.begin(LogContext("request", None, partial(_given_id, scope)))
        if access_log.is_chosen():
            return self._serve_logged(scope, receive, send)
        return self._application(scope, receive, send)

    async def _serve_logged(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._application(scope, receive, noting)
        finally:
            access_log.log_request(
                scope["method"], _shown_path(scope), status, time.monotonic() - began
            )


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode() if _ID.fullmatch(value) else None
    return None


def _shown_path(scope: Scope) -> str:
    """Return the path as the client has sent it, without secrets: it may hold anything."""
    raw: bytes | None = scope.get("raw_path")
    path = quote(scope["path"]) if raw is None else raw.partition(b"?")[0].decode("latin-1")
    return redacted(path[:LONGEST_PATH])
