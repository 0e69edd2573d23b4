"""The writer: how messages reach a socket, by plain ASGI or by direct writing.

An API writes events from the callback that delivers them, without a task of its own. So writing must not wait.
Instead, `write` returns what to wait for when the socket has no more room, and the caller writes no more until then.
That is all the flow control there is (backpressure): a client that does not read has a full buffer, and whoever writes
to it waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

from live_inbox.sockets.asgi import Scope, Send

logger = logging.getLogger(__name__)

DIRECT = "live_inbox.direct"
"""The ASGI extension by which a server offers a DirectSocket."""

APPLICATION_CODES = 3000
"""Where close codes begin that every server lets applications use (RFC 6455, section 7.4.2). A server that refuses 1012
gets 4012."""

_CLOSE_SECONDS = 5.0
"""How long a closing socket may take to accept its last frames: a limit for clients that do not read."""


class SocketWriter(Protocol):
    """Writes the text messages of one socket, in UTF-8 and in order. Never raises; a no-op after the disconnect."""

    def write(self, messages: Sequence[bytes]) -> Awaitable[None] | None:
        """Write messages. None: there is room for more. Otherwise await what is returned before the next `write`."""

    def room(self) -> Awaitable[None] | None:
        """Return None if there is room for more; otherwise what to wait for."""

    async def close(self, code: int, reason: str) -> None:
        """Close the socket after what was written, or give up after some seconds. Before the acceptance: refuse it."""

    def discard(self) -> None:
        """Drop what was not sent: the socket is gone."""


class DirectSocket(Protocol):
    """A socket of a server that takes messages without ASGI: direct writing."""

    on_shutdown: Callable[[], None] | None
    """Called when the server stops and it is this socket's turn to be closed."""

    on_frame_rate: Callable[[], tuple[int, str]] | None
    """Called when the client exceeds SOCKET_RATE by frames that are no messages. The server closes the socket with the
    code and the reason that it returns."""

    def write_texts(self, messages: Sequence[bytes]) -> Awaitable[None] | None:
        """Write text messages in this iteration of the event loop. As `SocketWriter.write`."""

    def room(self) -> Awaitable[None] | None:
        """Return None if there is room for more; otherwise what to wait for."""

    def forget_handshake(self) -> None:
        """Drop what only the handshake needed, the scope's headers included. Called after the acceptance."""


def writer_for(scope: Scope, send: Send) -> SocketWriter:
    """Return the fastest writer that the server offers for a socket."""
    direct = direct_socket(scope)
    return AsgiWriter(send) if direct is None else DirectWriter(direct, send)


def direct_socket(scope: Scope) -> DirectSocket | None:
    """Return the server's socket, if the server offers it."""
    direct: DirectSocket | None = (scope.get("extensions") or {}).get(DIRECT)
    return direct


class AsgiWriter:
    """Writes by plain ASGI, on any server. One task sends, while there is something to send."""

    __slots__ = ("_is_gone", "_pending", "_send", "_sending")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._pending: list[bytes] = []
        self._sending: asyncio.Task[None] | None = None
        self._is_gone = False

    def write(self, messages: Sequence[bytes]) -> Awaitable[None] | None:
        """Write messages; what is returned is done when all of them were sent."""
        if self._is_gone or not (messages or self._sending):
            return None
        self._pending += messages
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_pending())
        return asyncio.shield(self._sending)

    def room(self) -> Awaitable[None] | None:
        """Return None if everything was sent; otherwise what is done when it is."""
        return None if self._sending is None else asyncio.shield(self._sending)

    async def close(self, code: int, reason: str) -> None:
        """Close the socket after what was written, or give up after some seconds."""
        await close_in_time(self._close(code, reason))

    def discard(self) -> None:
        """Drop what was not sent."""
        self._is_gone = True
        self._pending.clear()
        if self._sending is not None:
            self._sending.cancel()

    async def _close(self, code: int, reason: str) -> None:
        if self._sending is not None:
            await asyncio.shield(self._sending)
        if not self._is_gone:
            self._is_gone = True
            await self._send_end(code, reason)

    async def _send_end(self, code: int, reason: str) -> None:
        await _send_close(self._send, code, reason)

    async def _send_all(self, messages: Sequence[bytes]) -> None:
        for message in messages:
            await self._send({"type": "websocket.send", "text": message.decode()})

    async def _send_pending(self) -> None:
        try:
            while self._pending:
                messages, self._pending = self._pending, []
                await self._send_all(messages)
        except (OSError, RuntimeError):
            # What servers raise when the client has gone.
            self._is_gone = True
        except Exception:
            # Not raised: not every caller waits, and none could do anything about it.
            self._is_gone = True
            logger.exception("A server could not send; nothing more is sent to its socket.")
        finally:
            self._sending = None


class DirectWriter:
    """Writes into the server's socket: no task, no message object, no second encoding."""

    __slots__ = ("_send", "room", "write")

    def __init__(self, direct: DirectSocket, send: Send) -> None:
        self.write = direct.write_texts
        self.room = direct.room
        self._send = send

    async def close(self, code: int, reason: str) -> None:
        """Close the socket after what was written, or give up after some seconds."""
        await close_in_time(_send_close(self._send, code, reason))

    def discard(self) -> None:
        """Do nothing: the server has what was written."""


async def close_in_time(closing: Coroutine[Any, Any, None]) -> None:
    """Close a socket, unless its client has stopped reading."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await closing
    except TimeoutError:
        # The server's pings detect that client too, and drop it.
        logger.debug("A socket could not be closed in time.")


async def _send_close(send: Send, code: int, reason: str) -> None:
    try:
        await send({"type": "websocket.close", "code": code, "reason": reason})
    except (OSError, RuntimeError):
        logger.debug("A socket was gone before it was closed.")
    except Exception:
        if code >= APPLICATION_CODES:
            raise
        # autobahn, and so daphne, allows applications no code of the WebSocket protocol but 1000.
        await _send_close(send, code + APPLICATION_CODES, reason)
