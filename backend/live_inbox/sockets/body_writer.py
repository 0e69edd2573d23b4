"""Writes the body of a streamed HTTP response, as `live_inbox.sockets.writer` writes to a WebSocket."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from live_inbox.sockets.asgi import DirectBody, Send
from live_inbox.sockets.writer import AsgiWriter, SocketWriter, close_in_time

logger = logging.getLogger(__name__)


class BodyWriter(SocketWriter, Protocol):
    """Writes the parts of one body; the response has to be started before. To close it is to end the body."""

    @property
    def progress(self) -> int:
        """A number that changes when the client reads, while there is no room for more."""


class AsgiBodyWriter(AsgiWriter):
    """Writes by plain ASGI, on any server."""

    __slots__ = ("progress",)

    def __init__(self, send: Send) -> None:
        super().__init__(send)
        self.progress = 0

    async def _send_all(self, messages: Sequence[bytes]) -> None:
        await self._send(
            {"type": "http.response.body", "body": b"".join(messages), "more_body": True}
        )
        # The server takes no part while the client does not read.
        self.progress += 1

    async def _send_end(self, code: int, reason: str) -> None:
        await _send_end(self._send)


class DirectBodyWriter:
    """Writes into the server's connection: no task, no message object."""

    __slots__ = ("_direct", "_send", "room", "write")

    def __init__(self, direct: DirectBody, send: Send) -> None:
        self.write = direct.write
        self.room = direct.room
        self._direct = direct
        self._send = send

    @property
    def progress(self) -> int:
        """What waits for the client."""
        return self._direct.unread_bytes

    async def close(self, code: int, reason: str) -> None:
        """End the body after what was written, or give up after some seconds."""
        self._direct.flush()
        await close_in_time(_send_end(self._send))

    def discard(self) -> None:
        """Do nothing: the server has what was written."""


async def _send_end(send: Send) -> None:
    try:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except (OSError, RuntimeError):
        logger.debug("A stream was gone before it was ended.")
