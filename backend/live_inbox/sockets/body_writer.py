"""Writes the body of a streamed HTTP response, as `live_inbox.sockets.writer` writes to a WebSocket."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from live_inbox.sockets.asgi import Send
from live_inbox.sockets.writer import AsgiWriter

logger = logging.getLogger(__name__)


class BodyWriter(AsgiWriter):
    """Writes by plain ASGI, on any server: the response has to be started before. To close it is to end the body.

    Not by direct writing: what stands between the server and the application may change a body, and compress it.
    """

    __slots__ = ("parts",)

    def __init__(self, send: Send) -> None:
        super().__init__(send)
        self.parts = 0
        """How many parts of the body the server has taken. It takes none while the client does not read."""

    async def _send_all(self, messages: Sequence[bytes]) -> None:
        await self._send(
            {"type": "http.response.body", "body": b"".join(messages), "more_body": True}
        )
        self.parts += 1

    async def _send_end(self, code: int, reason: str) -> None:
        try:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        except (OSError, RuntimeError):
            logger.debug("A stream was gone before it was ended.")
