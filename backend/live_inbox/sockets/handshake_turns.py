"""Handshakes take turns: when thousands come at once, one is answered in each turn of the event loop.

A handshake takes a quarter of a millisecond, and what follows it as much again. Two thousand of them would hold up all
others for a second. Addresses take turns as well, so that one with many handshakes delays nobody but itself.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import lru_cache
from weakref import WeakKeyDictionary

Answer = Callable[[], None]


class HandshakeTurns:
    """The turns of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: OrderedDict[str, deque[Answer]] = OrderedDict()
        """Those who wait, by address. The first address is the next."""
        self._has_begun = False
        """Whether one was answered in this turn of the loop."""

    def take(self, key: str | None, answer: Answer) -> bool:
        """Call `answer` when it is the turn of an address; return whether that was now. `None` takes no turns."""
        if key is None:
            answer()
        elif self._has_begun:
            self._waiting.setdefault(key, deque()).append(answer)
            return False
        else:
            self._begin(answer)
        return True

    def _begin(self, answer: Answer) -> None:
        self._has_begun = True
        self._loop.call_soon(self._next)
        answer()

    def _next(self) -> None:
        self._has_begun = False
        if not self._waiting:
            return
        key, waiting = self._waiting.popitem(last=False)
        answer = waiting.popleft()
        if waiting:
            self._waiting[key] = waiting
        self._begin(answer)


@lru_cache(maxsize=1)
def _all_turns() -> WeakKeyDictionary[asyncio.AbstractEventLoop, HandshakeTurns]:
    return WeakKeyDictionary()


def handshake_turns(loop: asyncio.AbstractEventLoop) -> HandshakeTurns:
    """Return the turns of an event loop."""
    turns = _all_turns().get(loop)
    if turns is None:
        turns = _all_turns()[loop] = HandshakeTurns(loop)
    return turns
