"""Shares: how many calls with one key may be under way at a time, so that no key uses up what all share."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable, Sequence
from typing import NamedTuple


class Share(NamedTuple):
    """A key, and how many calls with it may be under way at a time."""

    key: Hashable
    most: int


class _Waiter(NamedTuple):
    shares: Sequence[Share]
    admitted: asyncio.Future[None]


class Shares:
    """Counts the calls of one event loop by key. Whoever exceeds a share waits in the loop, first come, first served.

    A call that needs several shares takes all of them or none: while it waits for one, it holds no other.
    """

    def __init__(self) -> None:
        self._taken: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, deque[_Waiter]] = {}

    def take(self, shares: Sequence[Share]) -> bool:
        """Take all of these shares if they are free; return whether they were."""
        return self._take(shares) is None

    async def wait(self, shares: Sequence[Share]) -> None:
        """Take all of these shares as soon as they are free."""
        full = self._take(shares)
        if full is None:
            return
        waiter = _Waiter(shares, asyncio.get_running_loop().create_future())
        self._enqueue(full, waiter)
        try:
            await waiter.admitted
        except asyncio.CancelledError:
            if waiter.admitted.done() and not waiter.admitted.cancelled():
                self.release(shares)
            else:
                self._withdraw(waiter)
            raise

    def release(self, shares: Sequence[Share]) -> None:
        """Give back shares that were taken, to those that wait for them."""
        for share in shares:
            left = self._taken[share.key] - 1
            if left:
                self._taken[share.key] = left
            else:
                del self._taken[share.key]
        for share in shares:
            if share.key in self._waiting:
                self._admit(share)

    def _take(self, shares: Sequence[Share]) -> Hashable | None:
        """Take all, or return the key of the first that is full."""
        for share in shares:
            if self._taken.get(share.key, 0) >= share.most:
                return share.key
        for share in shares:
            self._taken[share.key] = self._taken.get(share.key, 0) + 1
        return None

    def _enqueue(self, key: Hashable, waiter: _Waiter) -> None:
        self._waiting.setdefault(key, deque()).append(waiter)

    def _withdraw(self, waiter: _Waiter) -> None:
        """Leave the queue. Whoever waits for a share that is held for long would otherwise stay in it as long."""
        for share in waiter.shares:
            waiting = self._waiting.get(share.key, ())
            if waiter in waiting:
                self._waiting[share.key].remove(waiter)
                if not self._waiting[share.key]:
                    del self._waiting[share.key]

    def _admit(self, share: Share) -> None:
        waiting = self._waiting[share.key]
        while waiting and self._taken.get(share.key, 0) < share.most:
            waiter = waiting.popleft()
            if waiter.admitted.done():
                continue
            full = self._take(waiter.shares)
            if full is None:
                waiter.admitted.set_result(None)
            else:
                self._enqueue(full, waiter)
        if not waiting:
            del self._waiting[share.key]
