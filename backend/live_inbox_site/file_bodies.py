"""Sends the files that responses name by their path, on servers that do not (`http.response.pathsend` of ASGI).

ServeStatic would start a thread for each response, and go to it and back four times. Here a thread reads a file once:
small files are kept in memory, and long ones are read in blocks.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import ParamSpec, TypeVar

from live_inbox.sockets.asgi import Message, Scope, Send

P = ParamSpec("P")
T = TypeVar("T")

PATHSEND = "http.response.pathsend"
"""The name of the extension, and of its message."""

LONGEST_KEPT = 256 * 1024
"""Bytes of a file that is kept in memory."""

MOST_KEPT = 4 * 1024 * 1024
"""Bytes of all files that are kept. The least recently used are dropped first."""

BLOCK = 256 * 1024
"""Bytes of a longer file that are read and sent at a time."""


class FileBodies:
    """Sends bodies. `are_final`: whether a file stays as it is while the process runs, so that it may be kept."""

    def __init__(self, *, are_final: bool) -> None:
        self._are_final = are_final
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def offered_in(self, scope: Scope) -> Scope:
        """Return the scope with the extension. A server that has it sends files itself."""
        extensions = scope.get("extensions") or {}
        return {**scope, "extensions": {PATHSEND: {}, **extensions}}

    def sender(self, scope: Scope, send: Send) -> Send:
        """Return what sends the messages of a response to a request with this scope of the server."""
        if PATHSEND in (scope.get("extensions") or {}):
            return send

        async def send_or_read(message: Message) -> None:
            if message["type"] == PATHSEND:
                await self._send_file(message["path"], send)
            else:
                await send(message)

        return send_or_read

    async def _send_file(self, path: str, send: Send) -> None:
        content = self._kept.get(path)
        if content is None:
            content = await _in_thread(_beginning, path)
            if len(content) > LONGEST_KEPT:
                await _send_rest(path, content, send)
                return
            self._keep(path, content)
        else:
            self._kept.move_to_end(path)
        await _send_part(send, content)

    def _keep(self, path: str, content: bytes) -> None:
        if not self._are_final or path in self._kept:
            return
        self._kept[path] = content
        self._size += len(content)
        while self._size > MOST_KEPT:
            _, dropped = self._kept.popitem(last=False)
            self._size -= len(dropped)


def _beginning(path: str) -> bytes:
    """Return the whole of a file that may be kept, and more than that of a longer one."""
    with Path(path).open("rb") as file:
        return file.read(LONGEST_KEPT + 1)


async def _send_rest(path: str, beginning: bytes, send: Send) -> None:
    await _send_part(send, beginning, more_body=True)
    with await _in_thread(Path(path).open, "rb") as file:
        await _in_thread(file.seek, len(beginning))
        while block := await _in_thread(file.read, BLOCK):
            await _send_part(send, block, more_body=True)
    await _send_part(send, b"")


async def _send_part(send: Send, content: bytes, *, more_body: bool = False) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": more_body})


async def _in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await asyncio.wrap_future(_threads().submit(function, *args, **kwargs))


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, "live-inbox-files")
