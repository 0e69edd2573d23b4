"""Lets attempts to sign in be checked one after the other, so that hashing passwords leaves processors for others.

A hash takes a good part of a second of processor time, on purpose. Each request has a thread of its own, so twenty
attempts at once would hash on all processors, and the event loop would wait for its share of one.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

WAIT_SECONDS = 10.0
"""How long an attempt may wait for its turn."""

MOST_WAITING = 40
MOST_OF_ADDRESS = 8
"""Attempts that wait or are checked, in all and of one address, so that nobody waits behind many of somebody else's."""


class SignInTurns:
    """The turns of one process. Thread-safe."""

    def __init__(self, *, seconds: float = WAIT_SECONDS) -> None:
        self._seconds = seconds
        self._turn = threading.Semaphore(1)
        self._lock = threading.Lock()
        self._waiting = 0
        self._of_address: Counter[str] = Counter()

    @contextmanager
    def turn(self, address: str | None) -> Iterator[bool]:
        """Have the turn while in the block. Yields False if there is none soon.

        `address` is None for one without limits.
        """
        if not self._join(address):
            yield False
            return
        try:
            if not self._turn.acquire(timeout=self._seconds):
                yield False
                return
            try:
                yield True
            finally:
                self._turn.release()
        finally:
            self._leave(address)

    def _join(self, address: str | None) -> bool:
        with self._lock:
            if self._waiting >= MOST_WAITING:
                return False
            if address is not None:
                if self._of_address[address] >= MOST_OF_ADDRESS:
                    return False
                self._of_address[address] += 1
            self._waiting += 1
            return True

    def _leave(self, address: str | None) -> None:
        with self._lock:
            self._waiting -= 1
            if address is not None:
                self._of_address[address] -= 1
                if not self._of_address[address]:
                    del self._of_address[address]


@lru_cache(maxsize=1)
def sign_in_turns() -> SignInTurns:
    """Return the turns of this process."""
    return SignInTurns()
