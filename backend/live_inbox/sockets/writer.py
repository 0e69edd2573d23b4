"""The writer: how messages reach a socket, by plain ASGI or written straight into it.

A door tells what is new from whatever is running just then, without a task of its own. So writing must not wait.
What may have to wait is returned instead, and who gets something to wait for writes no more until that is over.
That is all the flow control there is: a client that does not read has a full buffer, and whoever writes to it
waits.
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

_FAREWELL_SECONDS = 5.0
"""How long a closing socket may take to accept its last frames. A client that does not read gets no longer."""


class SocketWriter(Protocol):
    """Takes the text messages of one socket, in UTF-8 and in order. Never fails: who is gone is told nothing."""

    def write(self, messages: Sequence[bytes]) -> Awaitable[None] | None:
        """Write messages. None: there is room for more. Otherwise wait for it before the next are written."""

    async def close(self, code: int, reason: str) -> None:
        """Close the socket after what was written, or give up. Before it was accepted, this refuses it."""

    def discard(self) -> None:
        """Forget what was not sent: the socket is gone."""


class DirectSocket(Protocol):
    """A socket of a server that takes messages without ASGI."""

    on_shutdown: Callable[[], None] | None
    """Called when the server stops and it is this socket's turn to be closed."""

    def write_texts(self, messages: Sequence[bytes]) -> Awaitable[None] | None:
        """Write text messages in this turn of the loop, or nothing if the socket is gone. As `SocketWriter.write`."""

    def forget_handshake(self) -> None:
        """Give up what only the handshake needed, the scope's headers included. After the acceptance."""


def writer_for(scope: Scope, send: Send) -> SocketWriter:
    """Return the best writer that the server has for a socket."""
    direct = direct_socket(scope)
    return AsgiWriter(send) if direct is None else DirectWriter(direct, send)


def direct_socket(scope: Scope) -> DirectSocket | None:
    """Return the server's socket, if it lends it to us."""
    direct: DirectSocket | None = (scope.get("extensions") or {}).get(DIRECT)
    return direct


class AsgiWriter:
    """Sends by plain ASGI, on any server. One task sends, while there is something to send."""

    __slots__ = ("_is_gone", "_pending", "_send", "_sending")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._pending: list[bytes] = []
        self._sending: asyncio.Task[None] | None = None
        self._is_gone = False

    def write(self, messages: Sequence[bytes]) -> Awaitable[None] | None:
        """Write messages; what is returned is over when all of them were sent."""
        if self._is_gone or not messages:
            return None
        self._pending += messages
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_pending())
        return asyncio.shield(self._sending)

    async def close(self, code: int, reason: str) -> None:
        """Close the socket after what was written, or give up."""
        await _politely(self._close(code, reason))

    def discard(self) -> None:
        """Forget what was not sent."""
        self._is_gone = True
        self._pending.clear()
        if self._sending is not None:
            self._sending.cancel()

    async def _close(self, code: int, reason: str) -> None:
        if self._sending is not None:
            await asyncio.shield(self._sending)
        if not self._is_gone:
            self._is_gone = True
            await _send_close(self._send, code, reason)

    async def _send_pending(self) -> None:
        try:
            while self._pending:
                messages, self._pending = self._pending, []
                for message in messages:
                    await self._send({"type": "websocket.send", "text": message.decode()})
        except (OSError, RuntimeError):
            # What servers raise when the client has gone.
            self._is_gone = True
        except Exception:
            # Not passed on: not everybody who writes waits, and nobody could do anything about it.
            self._is_gone = True
            logger.exception("A server could not send; its socket is told nothing any more.")
        finally:
            self._sending = None


class DirectWriter:
    """Writes into the server's socket: no task, no message object, no second encoding."""

    __slots__ = ("_send", "write")

    def __init__(self, direct: DirectSocket, send: Send) -> None:
        self.write = direct.write_texts
        self._send = send

    async def close(self, code: int, reason: str) -> None:
        """Close the socket after what was written, or give up."""
        await _politely(_send_close(self._send, code, reason))

    def discard(self) -> None:
        """Do nothing: the server has what was written."""


async def _politely(closing: Coroutine[Any, Any, None]) -> None:
    """Close a socket, unless its client does not read any more."""
    try:
        async with asyncio.timeout(_FAREWELL_SECONDS):
            await closing
    except TimeoutError:
        # The server's pings find that out too, and drop it.
        logger.debug("A socket could not be closed politely.")


async def _send_close(send: Send, code: int, reason: str) -> None:
    try:
        await send({"type": "websocket.close", "code": code, "reason": reason})
    except (OSError, RuntimeError):
        logger.debug("A socket was gone before it was closed.")
