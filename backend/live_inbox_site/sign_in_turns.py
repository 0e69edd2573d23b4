"""Lets attempts to sign in be checked one after the other, so that hashing passwords leaves processors for others.

A hash takes a good part of a second of processor time, on purpose. Each request has a thread of its own, so twenty
attempts at once would hash on all processors, and the event loop would wait for its share of one.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

WAIT_SECONDS = 10.0
"""How long an attempt may wait for its turn."""

MOST_WAITING = 40
MOST_OF_ADDRESS = 8
"""Attempts that wait or are checked, in all and of one address, so that nobody waits behind many of somebody else's.
Those of users where they have signed in before are counted apart."""


class SignInTurns:
    """The turns of one process: first come, first served, but users where they have signed in before. Thread-safe.

    A few addresses can have as many attempts as may wait. Without that, they would keep everybody from signing in.
    """

    def __init__(self, *, seconds: float = WAIT_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._is_taken = False
        self._queues: dict[bool, deque[threading.Event]] = {True: deque(), False: deque()}
        """Of known users, and of others. An event is set when its thread has the turn."""
        self._count: Counter[bool] = Counter()
        self._of_address: Counter[str] = Counter()

    @contextmanager
    def turn(self, address: str | None, *, is_known: bool = False) -> Iterator[bool]:
        """Have the turn while in the block. Yields False if there is none soon.

        `address` is None for one without limits. `is_known`: the user has signed in from there before.
        """
        if not self._join(address, is_known):
            yield False
            return
        try:
            if not self._take(is_known):
                yield False
                return
            try:
                yield True
            finally:
                self._hand_over()
        finally:
            self._leave(address, is_known)

    def _take(self, is_known: bool) -> bool:
        mine = threading.Event()
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return True
            self._queues[is_known].append(mine)
        mine.wait(self._seconds)
        with self._lock:
            if not mine.is_set():
                self._queues[is_known].remove(mine)
            return mine.is_set()

    def _hand_over(self) -> None:
        with self._lock:
            queue = self._queues[True] or self._queues[False]
            if queue:
                queue.popleft().set()
            else:
                self._is_taken = False

    def _join(self, address: str | None, is_known: bool = False) -> bool:
        with self._lock:
            if self._count[is_known] >= MOST_WAITING:
                return False
            if address is not None:
                if self._of_address[address] >= MOST_OF_ADDRESS:
                    return False
                self._of_address[address] += 1
            self._count[is_known] += 1
            return True

    def _leave(self, address: str | None, is_known: bool = False) -> None:
        with self._lock:
            self._count[is_known] -= 1
            if address is not None:
                self._of_address[address] -= 1
                if not self._of_address[address]:
                    del self._of_address[address]


@lru_cache(maxsize=1)
def sign_in_turns() -> SignInTurns:
    """Return the turns of this process."""
    return SignInTurns()
