"""The types of ASGI: what servers call, and with what."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BOUNDED = "live_inbox.bounded"
"""What a scope has whose server bounds the size and the time of a body itself."""

STREAMING = "live_inbox.streaming"
"""What a scope has whose server can serve a response as it serves a socket: a StreamingConnection."""


class DirectBody(Protocol):
    """The body of a response of a server that takes its parts without ASGI: direct writing."""

    @property
    def unread_bytes(self) -> int:
        """What waits for the client."""

    def write(self, parts: Sequence[bytes]) -> Awaitable[None] | None:
        """Write parts in this iteration of the event loop. As `live_inbox.sockets.writer.SocketWriter.write`."""

    def room(self) -> Awaitable[None] | None:
        """Return None if there is room for more; otherwise what to wait for."""

    def flush(self) -> None:
        """Write what was not written yet: called before anything is sent by ASGI, to keep the order."""


class StreamingConnection(Protocol):
    """A connection of the server for requests, whose response may last for hours."""

    def begin_stream(self, on_shutdown: Callable[[], None]) -> None:
        """Count the connection among sockets, and close it after the response. Call it before the response starts.

        `on_shutdown` is called when the server stops and it is this connection's turn to be closed.
        """

    def direct_body(self, first_part: bytes) -> DirectBody | None:
        """Return what takes the body without ASGI, after its first part; None where something may change it.

        Call it once, when the header and that part have been sent.
        """

    def end_stream(self) -> None:
        """Call nothing any more."""


_MOST_DIGITS = 18


def announced_length(value: bytes) -> float | None:
    """Return the bytes of a body by its Content-Length; None for what is no length."""
    if not value.isdigit():
        return None
    # So many digits are not read: Python would take a time that is quadratic in their number.
    return int(value) if len(value) <= _MOST_DIGITS else math.inf


def client_address(scope: Mapping[str, Any]) -> str:
    """Return the IP address of the client, as the server knows it; empty if it does not."""
    client = scope.get("client")
    return str(client[0]) if client else ""
