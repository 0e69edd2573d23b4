"""Write coalescing: what the sockets of an event loop write within one iteration is sent at the end of it.

Each write is a system call, and costs nearly twice as much after other work as right after another write: a client
that has read everything falls asleep, and has to be woken again. So the writes are made together, and several writes to
one socket become one.
"""

from __future__ import annotations

import asyncio
from typing import Protocol
from weakref import WeakKeyDictionary

_TOGETHER = 64
"""Sockets that are flushed together. More gain nothing, and would keep the first client waiting for the last."""


class Unsent(Protocol):
    """A socket that has something to write."""

    def flush(self) -> None:
        """Write it. Must not raise."""


class WriteCoalescer:
    """The sockets that have something to write. One for each event loop: see `write_coalescer`."""

    __slots__ = ("_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Unsent] = []

    def add(self, unsent: Unsent) -> None:
        """Flush a socket at the end of this iteration of the loop, or now if there are enough."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(unsent)
        if len(self._waiting) >= _TOGETHER:
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for unsent in waiting:
            unsent.flush()


_coalescers: WeakKeyDictionary[asyncio.AbstractEventLoop, WriteCoalescer] = WeakKeyDictionary()


def write_coalescer(loop: asyncio.AbstractEventLoop) -> WriteCoalescer:
    """Return the write coalescer of an event loop."""
    found = _coalescers.get(loop)
    if found is None:
        found = _coalescers[loop] = WriteCoalescer(loop)
    return found
