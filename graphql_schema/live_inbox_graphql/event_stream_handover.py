"""Hands event streams over from Django's view to what serves them, in front of Django.

All of Django's middleware sees the request and the head of the answer, whose headers the stream gets. Then Django is
done: no request, no response and no thread of its own is kept for the hours that a stream may last.
"""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest

from live_inbox.sockets.asgi import Application, Message, Receive, Scope, Send
from live_inbox_graphql.event_streams import REQUEST, Headers, StreamRequest

_HANDOVER = "live_inbox.stream_handover"

_OF_EMPTY_ANSWER = frozenset(
    {b"cache-control", b"connection", b"content-length", b"content-type", b"etag"}
)
"""Headers that a stream has by itself, or that are true of an empty answer only."""


class Handover:
    """Where the view of one request leaves the subscription that it has authenticated."""

    __slots__ = ("request",)

    def __init__(self) -> None:
        self.request: StreamRequest | None = None


def handover_of(request: HttpRequest) -> Handover | None:
    """Return the handover of a request; None where nothing in front of Django serves streams."""
    scope = getattr(request, "scope", None)
    handover: Handover | None = None if scope is None else scope.get(_HANDOVER)
    return handover


async def serve_or_hand_over(
    application: Application, streams: Application, scope: Scope, receive: Receive, send: Send
) -> None:
    """Let an application serve a request; if it hands a stream over, serve that."""
    request = await _handed_over(application, scope, receive, send)
    if request is not None:
        scope[REQUEST] = request
        await streams(scope, receive, send)


async def _handed_over(
    application: Application, scope: Scope, receive: Receive, send: Send
) -> StreamRequest | None:
    handover = scope[_HANDOVER] = Handover()
    headers: Headers | None = None

    async def send_unless_handed_over(message: Message) -> None:
        nonlocal headers
        if message["type"] == "http.response.start" and handover.request is not None:
            if message["status"] == 200:
                headers = list(message.get("headers", ()))
                return
            # Middleware has put an answer of its own in place of it.
            handover.request = None
        if headers is None:
            await send(message)

    await application(scope, receive, send_unless_handed_over)
    del scope[_HANDOVER]
    if handover.request is None or headers is None:
        return None
    kept = [(name, value) for name, value in headers if name.lower() not in _OF_EMPTY_ANSWER]
    return replace(handover.request, headers=kept)
