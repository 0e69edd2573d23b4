"""Small replacements for asyncio's Queue and Event, which uvicorn's WebSocket protocol has one of for each socket.

An empty `deque` takes 600 bytes, a Queue has four of them and an Event one: three and a half kilobytes for each
socket, of which most never wait for anything but the next message. Each has one reader here.

What this relies on: which methods uvicorn's `WebSocketsSansIOProtocol` calls on `queue` and `writable`. Tested with
uvicorn 0.54.
"""

from __future__ import annotations

import asyncio
from typing import Any


class WritableFlag:
    """An asyncio.Event, as far as uvicorn's socket protocol uses one."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        """Return whether the flag is set."""
        return self._is_set

    def set(self) -> None:
        """Set the flag and wake all that wait."""
        self._is_set = True
        waiting, self._waiting = self._waiting, None
        for future in waiting or ():
            if not future.done():
                future.set_result(None)

    def clear(self) -> None:
        """Clear the flag."""
        self._is_set = False

    async def wait(self) -> None:
        """Wait until the flag is set."""
        if self._is_set:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(future)
        await future


class MessageQueue:
    """An asyncio.Queue without a limit and with one reader at a time, as far as uvicorn's socket protocol uses one."""

    __slots__ = ("_holds_reader", "_messages", "_reader")

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._reader: asyncio.Future[None] | None = None
        self._holds_reader = False

    def empty(self) -> bool:
        """Return whether there is no message."""
        return not self._messages

    def put_nowait(self, message: Any) -> None:
        """Add a message."""
        self._messages.append(message)
        if not self._holds_reader:
            self._wake()

    def hold_reader(self) -> bool:
        """Have a reader that waits go on waiting, also with messages, until `wake`; return whether one is held now."""
        if self._holds_reader or self._reader is None or self._reader.done():
            return False
        self._holds_reader = True
        return True

    def wake(self) -> None:
        """Let the reader go on that was held."""
        self._holds_reader = False
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Any:
        """Remove and return the oldest message; wait for it if there is none."""
        while not self._messages:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        # There are never many: the server stops reading a socket whose message was not fetched (backpressure).
        return self._messages.pop(0)
