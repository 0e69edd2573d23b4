"""The outbox of an event loop: what its sockets are told within one turn is written at the end of it.

Each write is a call into the system, and costs nearly twice as much when other work comes before it as right after
another: a client that has read everything falls asleep, and is woken again. Together they are written in one go, and
what one socket is told several times becomes one write.
"""

from __future__ import annotations

import asyncio
from typing import Protocol
from weakref import WeakKeyDictionary

_TOGETHER = 64
"""Sockets after which there is nothing more to gain: the first need not wait until the last has its messages."""


class Unsent(Protocol):
    """Somebody who has something to write."""

    def flush(self) -> None:
        """Write it. Must not fail."""


class Outbox:
    """Those who have something to write. One for each event loop: see `outbox`."""

    __slots__ = ("_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Unsent] = []

    def add(self, unsent: Unsent) -> None:
        """Have somebody write at the end of this turn of the loop, or now if there are enough."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(unsent)
        if len(self._waiting) >= _TOGETHER:
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for unsent in waiting:
            unsent.flush()


_outboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = WeakKeyDictionary()


def outbox(loop: asyncio.AbstractEventLoop) -> Outbox:
    """Return the outbox of an event loop."""
    found = _outboxes.get(loop)
    if found is None:
        found = _outboxes[loop] = Outbox(loop)
    return found
