"""The server's own WebSocket protocol class, derived from uvicorn's `WebSocketsSansIOProtocol`.

It differs from uvicorn's class in what `uvicorn_frames` says about limits, and in three things:

- Direct writing: it offers its socket to the APIs, which write to it without ASGI (`live_inbox.sockets.writer`). ASGI's
  `send` is a coroutine and takes text that has to be encoded and framed anew for each socket; that is most of the cost
  of fan-out to a thousand sockets.
- Graceful shutdown: sockets are not closed all at once, but each at its own random moment, so that not all clients
  reconnect at the same moment; and by their API, which first answers what is in progress.
- Memory: it drops what only the handshake needed, and waits with smaller objects (`uvicorn_waiting`): a third of the
  memory of an idle socket.

What it relies on: the methods that it overrides, which are not documented; the attributes `queue`, `writable`, `conn`,
`scope`, `request`, `response`, `connections`, `close_sent`, `disconnected` and `close_timeout`; that `queue` and
`writable` are used as `asyncio.Queue` and `asyncio.Event`; `parser` of websockets' `ServerProtocol`. Tested with
uvicorn 0.54 and websockets 17.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any

from websockets.frames import CloseCode
from websockets.http11 import Request

from live_inbox.conf import inbox_settings
from live_inbox.identity.authenticators import plain_headers
from live_inbox.internals.requirements import require
from live_inbox.internals.uvicorn_frames import BoundedSocketProtocol
from live_inbox.internals.uvicorn_waiting import MessageQueue, WritableFlag
from live_inbox.sockets.asgi import Message
from live_inbox.sockets.frames import text_header
from live_inbox.sockets.server_protocol import CLOSE_SECONDS, SHUTDOWN_RATE, SHUTDOWN_SECONDS
from live_inbox.sockets.write_coalescing import write_coalescer
from live_inbox.sockets.writer import DIRECT

require(
    BoundedSocketProtocol,
    "connection_lost",
    "data_received",
    "eof_received",
    "handle_connect",
    "keepalive_timeout",
    "on_task_complete",
    "send",
    "shutdown",
)

logger = logging.getLogger(__name__)

MOST_UNSENT = 65_536
"""Bytes that wait for the end of an iteration of the event loop (write coalescing). With more, they are written at
once, to learn whether the transport has room."""


class DirectSocketProtocol(BoundedSocketProtocol):
    """One WebSocket of the server: a `live_inbox.sockets.writer.DirectSocket`."""

    # Everything that writing an event reads, uvicorn's own attributes too, lies side by side. In a dictionary of fifty
    # entries it is scattered, and not in the processor's cache when an event comes for one socket of many.
    __slots__ = (
        "_coalescer",
        "_cut_off_timer",
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
        self.queue = MessageQueue()  # type: ignore[assignment]  # has every method that uvicorn calls
        self.writable = WritableFlag()  # type: ignore[assignment]
        self.writable.set()
        self._coalescer = write_coalescer(self.loop)
        self._unsent: list[bytes] | None = None
        self._unsent_bytes = 0
        self.on_shutdown: Callable[[], None] | None = None
        self._shutdown_timer: asyncio.TimerHandle | None = None
        self._cut_off_timer: asyncio.TimerHandle | None = None

    # -- direct writing -----------------------------------------------------------------------------------

    def handle_connect(self, event: Request) -> None:
        """Begin to serve a socket, and offer it to the application for direct writing."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"] = {**(self.scope["extensions"] or {}), DIRECT: self}  # type: ignore[dict-item]

    def write_texts(self, messages: Sequence[bytes]) -> Awaitable[None] | None:
        """Write text messages in this iteration of the event loop; return what to wait for if there is no more room."""
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
            self._coalescer.add(self)
        return None if self.writable.is_set() else DrainWaiter(self)

    def room(self) -> Awaitable[None] | None:
        """Return what to wait for if there is no room for more."""
        return None if self.writable.is_set() else DrainWaiter(self)

    def flush(self) -> None:
        """Write what was not written yet; called before anything else is written, to keep the order."""
        unsent, self._unsent = self._unsent, None
        if unsent is not None:
            self._unsent_bytes = 0
            if not self.disconnected and not self.transport.is_closing():
                self.transport.write(b"".join(unsent))

    async def send(self, message: Message) -> None:  # type: ignore[override]  # uvicorn's own names every message
        """Send a message of ASGI: an acceptance, or a close."""
        self.flush()
        await super().send(message)

    def data_received(self, data: bytes) -> None:
        """Handle data of the client. After a close frame in it, nothing may be written."""
        self.flush()
        super().data_received(data)
        if self.transport.is_closing():
            self._cut_off_soon()

    def _parse(self) -> None:
        """Parse what waited for its turn."""
        super()._parse()
        if self.transport.is_closing():
            self._cut_off_soon()

    def eof_received(self) -> None:
        """Treat EOF as a disconnect: the transport closes itself upon it."""
        super().eof_received()
        self._end_in_turn()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
        self._cut_off_soon()

    async def drained(self) -> None:
        """Wait until there is room, or the socket is gone."""
        await self.writable.wait()

    def forget_handshake(self) -> None:
        """Drop what nothing reads after the handshake: the request, the response, and most of the headers."""
        self.scope["headers"] = plain_headers(self.scope["headers"])
        self.scope["query_string"] = b""
        self.request = self.response = None  # type: ignore[assignment]  # not used after the acceptance

    # -- the end ------------------------------------------------------------------------------------------

    def keepalive_timeout(self) -> None:
        """Drop a client that has not answered a ping, and with it what it did not read."""
        super().keepalive_timeout()
        self.transport.abort()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Let the client read the rest after its API has ended, but not without a time limit."""
        super().on_task_complete(task)
        if not self.disconnected:
            self._cut_off_soon()

    def _cut_off_soon(self) -> None:
        """Let the client read the rest within a time limit, and end all waiting for room.

        A closing transport reports nothing before its client has read everything.
        """
        self.writable.set()
        if self._cut_off_timer is None:
            self._cut_off_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def shutdown(self) -> None:
        """Close the socket at a random moment soon: by its API first, and by this class if the API takes too long."""
        is_ending = self.close_sent or self.transport.is_closing()
        if self.on_shutdown is None or self._shutdown_timer is not None or is_ending:
            self._end()
            return
        spread = min(SHUTDOWN_SECONDS, len(self.connections) / SHUTDOWN_RATE)
        self._shutdown_timer = self.loop.call_later(random.uniform(0, spread), self._request_close)  # noqa: S311  # no secret

    def _request_close(self) -> None:
        seconds = inbox_settings().drain_seconds + CLOSE_SECONDS
        self._shutdown_timer = self.loop.call_later(seconds, self._end)
        if self.on_shutdown is not None:
            self.on_shutdown()

    def close_now(self) -> None:
        """Close the socket without waiting for its turn, or for what is in progress: the server is in a hurry."""
        for timer in (self._shutdown_timer, self.close_timer):
            if timer is not None:
                timer.cancel()
        try:
            if not self.handshake_complete or self.transport.is_closing():
                self._end()
                return
            # uvicorn closes the connection when the application has ended, unless there is this timer.
            self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)
            if not self.close_sent:
                self._send_close()
        except Exception:
            logger.exception("A socket could not be closed; its connection is cut.")
            self.transport.abort()

    def _send_close(self) -> None:
        self.flush()
        self.stop_keepalive()
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": CloseCode.SERVICE_RESTART, "reason": ""}
        )
        self.conn.send_close(CloseCode.SERVICE_RESTART)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._resume_reading()

    def _end(self) -> None:
        """Close the socket at once. Does not raise: the server closes its other sockets in the same loop."""
        try:
            self.flush()
            # Where the client has closed it, uvicorn would raise: a closed connection cannot be closed again.
            if not self.transport.is_closing():
                super().shutdown()
        except Exception:
            logger.exception("A socket could not be closed; its connection is cut.")
        # Does nothing to a transport that has nothing left to write.
        self.transport.abort()

    def _end_in_turn(self) -> None:
        """Have the application learn of the end in its address's turn: thousands may go at once, as with a proxy."""
        queue: MessageQueue = self.queue  # type: ignore[assignment]
        if self.handshake_complete and queue.hold_reader():
            self._take_turn(queue.wake)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the socket."""
        for timer in (self._shutdown_timer, self._cut_off_timer):
            if timer is not None:
                timer.cancel()
        self._end_in_turn()
        super().connection_lost(exc)
        self.on_shutdown = self.on_frame_rate = None
        # These refer to this object and to each other, and would stay until a garbage collection.
        self.conn.parser.close()
        scope = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"].pop(DIRECT, None)


class DrainWaiter:
    """Awaitable until the socket has room. Not a coroutine: Python warns about one that nobody awaits."""

    __slots__ = ("_socket",)

    def __init__(self, socket: DirectSocketProtocol) -> None:
        self._socket = socket

    def __await__(self) -> Generator[Any, None, None]:
        return self._socket.drained().__await__()
