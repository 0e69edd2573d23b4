"""Turns of the event loop: what crowds of connections ask for is done piece by piece, one piece in each turn.

To open a connection takes a tenth of a millisecond, a handshake takes a quarter, and what follows it as much again; as
long takes a kilobyte of small frames. Two thousand of them would hold up all others for a second. Addresses take turns
as well, so that one with many delays nobody but itself. An address that has waited for nothing comes before those that
go on waiting (as new flows in FQ-CoDel, RFC 8290), so that who opens one connection does not wait for the crowds of
many addresses. Before both come addresses of users (`live_inbox.sockets.known_addresses`), with the first piece that
they ask for. After each piece, threads that work for users go on (`live_inbox.computing_threads`).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import lru_cache
from weakref import WeakKeyDictionary

from live_inbox.computing_threads import computing_threads
from live_inbox.sockets.known_addresses import known_addresses

Piece = Callable[[], None]

_Waiting = OrderedDict[str, deque[Piece]]


class LoopTurns:
    """The turns of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._known: _Waiting = OrderedDict()
        """What waits of the addresses of users, as far as they have had no turn since they began to wait."""
        self._new: _Waiting = OrderedDict()
        """The same of strangers. The first address is the next."""
        self._old: _Waiting = OrderedDict()
        """What waits of the others."""
        self._has_begun = False
        """Whether a piece was done in this turn of the loop."""
        self._latest: str | None = None
        """Of which address that was. What it asks for in the same turn has not waited for nothing."""

    def take(self, key: str | None, piece: Piece) -> bool:
        """Call `piece` when it is the turn of an address; return whether that was now. `None` takes no turns."""
        if key is None:
            piece()
        elif self._has_begun:
            self._queue_of(key).setdefault(key, deque()).append(piece)
            return False
        else:
            self._begin(key, piece)
        return True

    def _queue_of(self, key: str) -> _Waiting:
        for queue in (self._known, self._new, self._old):
            if key in queue:
                return queue
        if key == self._latest:
            return self._old
        return self._known if key in known_addresses() else self._new

    def _begin(self, key: str, piece: Piece) -> None:
        self._has_begun = True
        self._latest = key
        self._loop.call_soon(self._next)
        try:
            piece()
        finally:
            computing_threads().give_way()

    def _next(self) -> None:
        self._has_begun = False
        addresses = self._known or self._new or self._old
        if not addresses:
            return
        key, waiting = addresses.popitem(last=False)
        piece = waiting.popleft()
        if waiting:
            self._old[key] = waiting
        self._begin(key, piece)


@lru_cache(maxsize=1)
def _all_turns() -> WeakKeyDictionary[asyncio.AbstractEventLoop, LoopTurns]:
    return WeakKeyDictionary()


def loop_turns(loop: asyncio.AbstractEventLoop) -> LoopTurns:
    """Return the turns of an event loop."""
    turns = _all_turns().get(loop)
    if turns is None:
        turns = _all_turns()[loop] = LoopTurns(loop)
    return turns
