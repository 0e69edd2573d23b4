"""Refuses request bodies that are too large or too slow, on any ASGI server: Django writes them to the disk first.

The server's own HTTP class (`live_inbox.internals.uvicorn_requests`) does it before, and without reading on. It marks
its requests, so that nothing is done twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus

from live_inbox.sockets.asgi import (
    BOUNDED,
    Application,
    Message,
    Receive,
    Scope,
    Send,
    announced_length,
)
from live_inbox.sockets.refusals import refuse_request
from live_inbox_site.environment import site_settings

SECONDS = 30.0
"""How often the rate of a body is checked. Only the time counts in which the application waits for it."""

RATE = 1024
"""Bytes of a body in a second, at least."""

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class BodyLimit:
    """Answers 413 for bodies beyond MAX_BODY_BYTES and 408 for those that do not arrive; passes everything else on."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._most = site_settings().max_body_bytes

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] != "http" or scope.get(BOUNDED):
            return self._application(scope, receive, send)
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        announced = announced_length(length)
        if announced is not None and announced > self._most:
            return refuse_request(send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        # One of unknown length comes in chunks; with HTTP/2 nothing says so.
        is_unknown = scope["method"] not in _WITHOUT_BODY or b"transfer-encoding" in headers
        if length == b"0" or not (length or is_unknown):
            return self._application(scope, receive, send)
        return self._bounded(scope, _Body(receive, self._most), send)

    async def _bounded(self, scope: Scope, body: _Body, send: Send) -> None:
        is_started = False

        async def noting(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        await self._application(scope, body.receive, noting)
        if body.refusal is not None and not is_started:
            await refuse_request(send, body.refusal)


class _Body:
    """The body of one request, as the application receives it: it breaks off when it is refused."""

    def __init__(self, receive: Receive, most: int) -> None:
        self.refusal: HTTPStatus | None = None
        self._receive = receive
        self._most = most
        self._received = 0
        self._is_complete = False
        self._in_window = 0
        self._left = SECONDS

    async def receive(self) -> Message:
        """Return the next message; after a refusal, and when the client has gone, that it has disconnected."""
        if self._is_complete and self.refusal is None:
            return await self._receive()
        message = None if self.refusal else await self._next()
        if message is None:
            return {"type": "http.disconnect"}
        size = len(message.get("body", b""))
        self._received += size
        self._in_window += size
        self._is_complete = not message.get("more_body", False)
        if self._received > self._most:
            self.refusal = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            return {"type": "http.disconnect"}
        return message

    async def _next(self) -> Message | None:
        """Return the next message, or None if it comes too late."""
        loop = asyncio.get_running_loop()
        waiting = asyncio.ensure_future(self._receive())
        try:
            while True:
                began = loop.time()
                await asyncio.wait({waiting}, timeout=self._left)
                self._left -= loop.time() - began
                if self._left <= 0:
                    if self._in_window < SECONDS * RATE and not self._is_last(waiting):
                        self.refusal = HTTPStatus.REQUEST_TIMEOUT
                        return None
                    self._in_window, self._left = 0, SECONDS
                if waiting.done():
                    return waiting.result()
        finally:
            waiting.cancel()

    @staticmethod
    def _is_last(waiting: asyncio.Future[Message]) -> bool:
        return waiting.done() and not waiting.result().get("more_body", False)
