"""The WebSocket protocol class for uvicorn: `--ws live_inbox.sockets.server_protocol:SocketProtocol`.

It is uvicorn's own, and differs in three things:

- It lends its socket to the doors, which write to it without ASGI (`live_inbox.sockets.writer`). ASGI's `send` is a
  coroutine and takes text that has to be encoded and framed anew for each socket; most of the cost of telling a
  thousand sockets the same is there.
- When the server stops, sockets are not closed all at once, but each at a moment of its own, so that not all
  clients come back at the same moment; and by its door, which finishes what it is doing.
- It gives up what only the handshake needed, and waits with less: a third of the memory of an idle socket.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from live_inbox.conf import inbox_settings
from live_inbox.sockets.asgi import Message
from live_inbox.sockets.frames import text_header
from live_inbox.sockets.waiting import Flag, Mailbox
from live_inbox.sockets.write_coalescing import outbox
from live_inbox.sockets.writer import DIRECT

SHUTDOWN_RATE = 500.0
"""Sockets that are closed in a second when the server stops."""

SHUTDOWN_SECONDS = 5.0
"""How long the closing of all sockets is spread over, at most."""

FAREWELL_SECONDS = 1.0
"""How long a door may take to close its socket, beyond `DRAIN_SECONDS`; then the server does."""


MOST_UNSENT = 65_536
"""Bytes that wait for the end of a turn of the event loop; with more, it has to be known whether there is room."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """One socket of the server. It is a `DirectSocket`."""

    # All that is looked at to write an event, uvicorn's own attributes too, lies side by side. In a dictionary of fifty
    # it is all over the place, and nothing of it in the processor's cache when an event comes for one socket of many.
    __slots__ = (
        "_cut_off_timer",
        "_outbox",
        "_shutdown_timer",
        "_unsent",
        "_unsent_bytes",
        "close_sent",
        "disconnected",
        "on_shutdown",
        "transport",
        "writable",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Two lines for each socket are not worth their price; they can be had at the level INFO of this logger.
        self.logger = self.conn.logger = logging.getLogger("uvicorn.sockets")
        self.queue = Mailbox()  # type: ignore[assignment]  # does all that is asked of it
        self.writable = Flag()  # type: ignore[assignment]
        self.writable.set()
        self._outbox = outbox(self.loop)
        self._unsent: list[bytes] | None = None
        self._unsent_bytes = 0
        self.on_shutdown: Callable[[], None] | None = None
        self._shutdown_timer: asyncio.TimerHandle | None = None
        self._cut_off_timer: asyncio.TimerHandle | None = None

    # -- direct writing -----------------------------------------------------------------------------------

    def handle_connect(self, event: Request) -> None:
        """Begin to serve a socket, and lend it to the application."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"] = {**(self.scope["extensions"] or {}), DIRECT: self}  # type: ignore[dict-item]

    def write_texts(self, messages: Sequence[bytes]) -> Awaitable[None] | None:
        """Write text messages in this turn of the event loop; return what to wait for if there is no room for more."""
        if self.close_sent or self.disconnected:
            return None
        unsent, size = self._unsent, self._unsent_bytes
        is_first = unsent is None
        if unsent is None:
            unsent = self._unsent = []
        for message in messages:
            length = len(message)
            unsent += (text_header(length), message)
            size += length
        self._unsent_bytes = size
        if size > MOST_UNSENT:
            self.flush()
        elif is_first:
            self._outbox.add(self)
        return None if self.writable.is_set() else _Room(self)

    def flush(self) -> None:
        """Write what was not written yet. Before anything else that the client may care to get after it."""
        unsent, self._unsent = self._unsent, None
        if unsent is not None:
            self._unsent_bytes = 0
            if not self.disconnected and not self.transport.is_closing():
                self.transport.write(b"".join(unsent))

    async def send(self, message: Message) -> None:  # type: ignore[override]  # uvicorn's own names every message
        """Take a message of ASGI: an acceptance, or a close."""
        self.flush()
        await super().send(message)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """Take what the client says. It may be a close, upon which nothing may be written any more."""
        self.flush()
        super().data_received(data)
        if self.transport.is_closing():
            self._cut_off_soon()

    def eof_received(self) -> None:
        """Take it for the end that the client will say no more: the transport closes itself upon this."""
        super().eof_received()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
        self._cut_off_soon()

    async def drained(self) -> None:
        """Wait until there is room for more, or the socket is gone."""
        await self.writable.wait()

    def forget_handshake(self) -> None:
        """Give up the request and the response, to which nobody looks back."""
        self.scope["headers"] = []
        self.scope["query_string"] = b""
        self.request = self.response = None  # type: ignore[assignment]  # not used after the acceptance

    # -- the end ------------------------------------------------------------------------------------------

    def keepalive_timeout(self) -> None:
        """Drop a client that has not answered a ping, and with it what it did not read."""
        super().keepalive_timeout()
        self.transport.abort()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Let the client read the rest, now that its door has ended; but not for ever."""
        super().on_task_complete(task)
        if not self.disconnected:
            self._cut_off_soon()

    def _cut_off_soon(self) -> None:
        """Let the client read the rest, but not for ever; and nobody wait for room in what is closing.

        A transport that closes tells nobody so before its client has read everything.
        """
        self.writable.set()
        if self._cut_off_timer is None:
            self._cut_off_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def shutdown(self) -> None:
        """Close the socket some time soon: its door first, and if that does not, this class."""
        is_ending = self.close_sent or self.transport.is_closing()
        if self.on_shutdown is None or self._shutdown_timer is not None or is_ending:
            self._end()
            return
        spread = min(SHUTDOWN_SECONDS, len(self.connections) / SHUTDOWN_RATE)
        self._shutdown_timer = self.loop.call_later(random.uniform(0, spread), self._ask_to_close)

    def _ask_to_close(self) -> None:
        patience = inbox_settings().drain_seconds + FAREWELL_SECONDS
        self._shutdown_timer = self.loop.call_later(patience, self._end)
        if self.on_shutdown is not None:
            self.on_shutdown()

    def _end(self) -> None:
        """Close the socket here and now."""
        self.flush()
        # Where the client has closed it, uvicorn would break: what was closed cannot be closed again.
        if not self.transport.is_closing():
            super().shutdown()
        # Does nothing to a transport that has nothing left to write.
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the socket."""
        for timer in (self._shutdown_timer, self._cut_off_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self.on_shutdown = None


class _Room:
    """Room for more, to wait for. Not a coroutine, of which Python complains if nobody waits."""

    __slots__ = ("_socket",)

    def __init__(self, socket: SocketProtocol) -> None:
        self._socket = socket

    def __await__(self) -> Generator[Any, None, None]:
        return self._socket.drained().__await__()
