"""Stand-ins for asyncio's Queue and Event where there are thousands, and each has one reader.

An empty `deque` takes 600 bytes, a Queue has four of them and an Event one: three kilobytes and a half for each
socket, of which most never wait for anything but the next message.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Flag:
    """An asyncio.Event, as far as uvicorn's socket protocol uses one."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        """Whether nobody has to wait."""
        return self._is_set

    def set(self) -> None:
        """Let all go on that wait, and nobody wait from now on."""
        self._is_set = True
        waiting, self._waiting = self._waiting, None
        for future in waiting or ():
            if not future.done():
                future.set_result(None)

    def clear(self) -> None:
        """Let those wait that come from now on."""
        self._is_set = False

    async def wait(self) -> None:
        """Wait until it is set, unless it is."""
        if self._is_set:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(future)
        await future


class Mailbox:
    """An asyncio.Queue without a limit and with one reader at a time, as far as uvicorn's socket protocol uses one."""

    __slots__ = ("_messages", "_reader")

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._reader: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        """Whether there is nothing to get."""
        return not self._messages

    def put_nowait(self, message: Any) -> None:
        """Add a message."""
        self._messages.append(message)
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
        # There are never many: the server stops reading a socket whose message was not fetched.
        return self._messages.pop(0)
