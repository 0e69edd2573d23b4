"""Connections and sockets are opened in turns: when thousands come at once, one in each turn of the event loop.

To open a connection takes a tenth of a millisecond, a handshake takes a quarter, and what follows it as much again. Two
thousand of them would hold up all others for a second. Addresses take turns as well, so that one with many delays
nobody but itself. An address that has waited for nothing comes before those that go on waiting (as new flows in
FQ-CoDel, RFC 8290), so that who opens one connection does not wait for the crowds of many addresses.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import lru_cache
from weakref import WeakKeyDictionary

Opening = Callable[[], None]

_Waiting = OrderedDict[str, deque[Opening]]


class OpeningTurns:
    """The turns of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._new: _Waiting = OrderedDict()
        """What waits of addresses that have had no turn since they began to wait. The first address is the next."""
        self._old: _Waiting = OrderedDict()
        """What waits of the others."""
        self._has_begun = False
        """Whether one was opened in this turn of the loop."""

    def take(self, key: str | None, opening: Opening) -> bool:
        """Call `opening` when it is the turn of an address; return whether that was now. `None` takes no turns."""
        if key is None:
            opening()
        elif self._has_begun:
            waiting = self._old.get(key)
            if waiting is None:
                waiting = self._new.setdefault(key, deque())
            waiting.append(opening)
            return False
        else:
            self._begin(opening)
        return True

    def _begin(self, opening: Opening) -> None:
        self._has_begun = True
        self._loop.call_soon(self._next)
        opening()

    def _next(self) -> None:
        self._has_begun = False
        addresses = self._new or self._old
        if not addresses:
            return
        key, waiting = addresses.popitem(last=False)
        opening = waiting.popleft()
        if waiting:
            self._old[key] = waiting
        self._begin(opening)


@lru_cache(maxsize=1)
def _all_turns() -> WeakKeyDictionary[asyncio.AbstractEventLoop, OpeningTurns]:
    return WeakKeyDictionary()


def opening_turns(loop: asyncio.AbstractEventLoop) -> OpeningTurns:
    """Return the turns of an event loop."""
    turns = _all_turns().get(loop)
    if turns is None:
        turns = _all_turns()[loop] = OpeningTurns(loop)
    return turns
