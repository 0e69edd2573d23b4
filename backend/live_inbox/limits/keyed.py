"""One allowance for each key, such as a user, in this process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from live_inbox.limits.rate import NANOSECONDS, RateLimit

# Each check may add one key and clears up to two, so the whole ones do not pile up.
_CLEARED_PER_CHECK = 2


class KeyedLimiter:
    """Grants each key what the limit allows. Thread-safe; the memory is bounded.

    A key is forgotten once its allowance is whole again, which changes nothing. Only if more than
    `max_keys` are in use at a time is the one forgotten whose last grant is longest ago, and with
    it what it had used up.
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
        # In the order of the last grant.
        self._whole_at: OrderedDict[Hashable, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._whole_at)

    def check(self, key: Hashable, cost: int = 1) -> float | None:
        """Take `cost` from the allowance of `key` and return None, or the seconds to wait.

        Raises ValueError for a cost above the limit's burst, which no wait would ever allow.
        """
        with self._lock:
            now = self._clock()
            whole_at, wait = self.limit.take(self._whole_at.get(key, 0), now, cost)
            if wait:
                return wait / NANOSECONDS
            self._whole_at[key] = whole_at
            self._whole_at.move_to_end(key)
            self._clear(now)
            return None

    def _clear(self, now: int) -> None:
        for _ in range(_CLEARED_PER_CHECK):
            oldest = next(iter(self._whole_at))
            is_idle = self.limit.is_whole(self._whole_at[oldest], now)
            if not is_idle and len(self._whole_at) <= self._max_keys:
                return
            del self._whole_at[oldest]
