"""Refuses request bodies that are too large, on any ASGI server: Django writes them to the disk first.

The server's own HTTP class (`live_inbox.internals.uvicorn_requests`) does it before, and without reading on.
"""

from __future__ import annotations

from collections.abc import Awaitable

from live_inbox.sockets.asgi import Application, Message, Receive, Scope, Send
from live_inbox_site.environment import site_settings

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class BodyLimit:
    """Answers 413 for bodies beyond MAX_BODY_BYTES, and passes everything else on."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._most = site_settings().max_body_bytes

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] != "http":
            return self._application(scope, receive, send)
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        if length.isdigit() and (len(length) > 18 or int(length) > self._most):
            return _refuse(send)
        # One of unknown length comes in chunks; with HTTP/2 nothing says so.
        if length or (scope["method"] in _WITHOUT_BODY and b"transfer-encoding" not in headers):
            return self._application(scope, receive, send)
        return self._count(scope, receive, send)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        received, is_started = 0, False

        async def counting() -> Message:
            nonlocal received
            if received > self._most:
                return {"type": "http.disconnect"}
            message = await receive()
            received += len(message.get("body", b""))
            return message if received <= self._most else {"type": "http.disconnect"}

        async def noting(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        await self._application(scope, counting, noting)
        if received > self._most and not is_started:
            await _refuse(send)


async def _refuse(send: Send) -> None:
    body = b"Request Entity Too Large"
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
