"""A rate limiter with one allowance for each key, such as a user. In memory, for one process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from live_inbox.limits.rate import NANOSECONDS, RateLimit

# Each check adds at most one key and removes up to two, so refilled keys do not accumulate.
_REMOVED_PER_CHECK = 2


class KeyedLimiter:
    """Applies one rate limit to each key. Thread-safe, with bounded memory.

    A key is removed once its allowance is full again, which loses nothing. With more than `max_keys` keys in
    use, the one with the oldest grant is evicted, and its allowance starts afresh.
    """

    def __init__(
        self,
        limit: RateLimit,
        *,
        max_keys: int = 100_000,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.limit = limit
        self._max_keys = max_keys
        self._clock = clock
        self._lock = threading.Lock()
        # Ordered by the last grant, oldest first.
        self._full_at: OrderedDict[Hashable, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def check(self, key: Hashable, cost: int = 1) -> float | None:
        """Take `cost` from the allowance of `key` and return None; or return the seconds to wait.

        Raises ValueError for a cost above the limit's burst, which is never granted.
        """
        with self._lock:
            now = self._clock()
            full_at, wait = self.limit.take(self._full_at.get(key, 0), now, cost)
            if wait:
                return wait / NANOSECONDS
            self._full_at[key] = full_at
            self._full_at.move_to_end(key)
            self._evict(now)
            return None

    def raise_to(self, key: Hashable, state: int) -> None:
        """Take what the allowance of `key` has more than one in a state from elsewhere, by `RateLimit.granted`."""
        with self._lock:
            now = self._clock()
            full_at = self.limit.raised(self._full_at.get(key, 0), now, state)
            if not self.limit.is_full(full_at, now):
                self._full_at[key] = full_at
                self._evict(now)

    def reserve(self, key: Hashable, longest_seconds: float) -> float | None:
        """Take 1 from the allowance of `key` in advance, and return the seconds to wait for it (traffic shaping).

        Returns None, and takes nothing, if that is more than `longest_seconds`.
        """
        longest = int(longest_seconds * NANOSECONDS)
        with self._lock:
            now = self._clock()
            full_at, wait = self.limit.reserve(self._full_at.get(key, 0), now, longest)
            if wait > longest:
                return None
            self._full_at[key] = full_at
            self._full_at.move_to_end(key)
            self._evict(now)
            return wait / NANOSECONDS

    def charge(self, key: Hashable, cost: int) -> None:
        """Take `cost` from the allowance of `key`, whatever is left: whoever reserves next waits for it."""
        with self._lock:
            now = self._clock()
            self._full_at[key] = self.limit.granted(self._full_at.get(key, 0), now, cost)
            self._full_at.move_to_end(key)
            self._evict(now)

    def _evict(self, now: int) -> None:
        for _ in range(_REMOVED_PER_CHECK):
            oldest = next(iter(self._full_at))
            is_idle = self.limit.is_full(self._full_at[oldest], now)
            if not is_idle and len(self._full_at) <= self._max_keys:
                return
            del self._full_at[oldest]
