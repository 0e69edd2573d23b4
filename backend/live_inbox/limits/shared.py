"""Rates that all processes of a site count together, by the library `limits`.

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

from live_inbox import metrics
from live_inbox.faults import Fault
from live_inbox.limits.rate import RateLimit
from live_inbox.limits.storage import rate_storage

RETRY_SECONDS = 5.0
"""How long the storage is left alone after a failure."""

_NAMESPACE = "live-inbox"


class SharedRates:
    """Counts rates in a storage. Thread-safe. For database threads: a check waits for the storage.

    While the storage does not answer, everything is granted, and the failure is logged once and counted. `site` returns
    what tells sites that share a storage apart. A check raises what `site` raises, and nothing else.
    """

    def __init__(
        self,
        storage: Callable[[], Storage | None] = rate_storage,
        *,
        site: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage = storage
        self._site = site
        self._clock = clock
        self._fault = Fault("storage of rates", metrics.RATE_STORAGE_FAULTS)
        self._paused_until = -math.inf

    def check(self, limit: RateLimit, *key: str, cost: int = 1) -> float | None:
        """Take `cost` from what all processes may use of a limit under a key. Returns None, or the seconds to wait."""
        if self._clock() < self._paused_until:
            return None
        try:
            storage = self._storage()
        except Exception as error:  # Of an address that cannot be used.
            self._pause(error)
            return None
        if storage is None:
            return None
        site = self._site()
        try:
            wait = _take(storage, limit, (site, *key), cost)
        except Exception as error:  # Whatever the client of a storage raises.
            self._pause(error)
            return None
        self._fault.recovered()
        return wait

    def _pause(self, error: Exception) -> None:
        self._paused_until = self._clock() + RETRY_SECONDS
        self._fault.report(error)


def window_of(limit: RateLimit) -> tuple[int, int]:
    """Return the most that a limit allows in a window, and the seconds of the window.

    In the period, one process allows the count and the burst together. The window is longer where the burst takes
    longer than a period to be refilled.
    """
    seconds = max(limit.period_seconds, math.ceil(limit.burst * limit.period_seconds / limit.count))
    return limit.burst + math.ceil(limit.count * seconds / limit.period_seconds), seconds


def _take(storage: Storage, limit: RateLimit, key: tuple[str, ...], cost: int) -> float | None:
    limiter = SlidingWindowCounterRateLimiter(storage)
    amount, seconds = window_of(limit)
    window = RateLimitItemPerSecond(amount, seconds, _NAMESPACE)
    if limiter.hit(window, *key, cost=cost):
        return None
    reset_at = limiter.get_window_stats(window, *key).reset_time
    return min(max(reset_at - time.time(), 1.0), float(seconds))
