"""Rates that all processes of a site count together at once, by the library `limits`.

It is for what is rare, and may not be exceeded before processes have exchanged their counts (`exchange`): attempts to
sign in, each of which is a guess.

A process counts its own part first (`keyed`), exactly and without a connection. So what one process alone refuses does
not reach the storage, and while the storage is away each process still limits for itself.

What the storage counts is coarser: a sliding window, in which the two counts of adjacent windows are weighted. Its
size is such that no traffic which one process allows is refused because of it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from limits import RateLimitItemPerSecond
from limits.storage import Storage
from limits.strategies import SlidingWindowCounterRateLimiter

from live_inbox.limits.rate import RateLimit
from live_inbox.limits.storage import GuardedStorage

NAMESPACE = "live-inbox"


class SharedRates:
    """Counts rates in a storage. Thread-safe. For database threads: a check waits for the storage.

    While the storage does not answer, everything is granted. `site` returns what tells sites that share a storage
    apart. A check raises what `site` raises, and nothing else.
    """

    def __init__(self, storage: GuardedStorage, *, site: Callable[[], str]) -> None:
        self._storage = storage
        self._site = site

    def check(self, limit: RateLimit, *key: str) -> float | None:
        """Take 1 from what all processes may use of a limit under a key. Returns None, or the seconds to wait."""
        if not self._storage.is_usable:
            return None
        full_key = (self._site(), *key)
        return self._storage.use(lambda storage: _take(storage, limit, full_key))

    def remember(self, *key: str, seconds: int) -> None:
        """Note a fact for all processes, for so many seconds from the first time on."""
        if self._storage.is_usable:
            name = self._name_of(key)
            self._storage.use(lambda storage: storage.incr(name, seconds))

    def is_remembered(self, *key: str) -> bool:
        """Whether a process has noted the fact. False while the storage does not answer."""
        if not self._storage.is_usable:
            return False
        name = self._name_of(key)
        return bool(self._storage.use(lambda storage: storage.get(name)))

    def _name_of(self, key: tuple[str, ...]) -> str:
        return "/".join((NAMESPACE, self._site(), *key))


def window_of(limit: RateLimit) -> tuple[int, int]:
    """Return the most that a limit allows in a window, and the seconds of the window.

    In the period, one process allows the count and the burst together. The window is longer where the burst takes
    longer than a period to be refilled.
    """
    seconds = max(limit.period_seconds, math.ceil(limit.burst * limit.period_seconds / limit.count))
    return limit.burst + math.ceil(limit.count * seconds / limit.period_seconds), seconds


def _take(storage: Storage, limit: RateLimit, key: tuple[str, ...]) -> float | None:
    limiter = SlidingWindowCounterRateLimiter(storage)
    amount, seconds = window_of(limit)
    window = RateLimitItemPerSecond(amount, seconds, NAMESPACE)
    if limiter.hit(window, *key):
        return None
    reset_at = limiter.get_window_stats(window, *key).reset_time
    return min(max(reset_at - time.time(), 1.0), float(seconds))
