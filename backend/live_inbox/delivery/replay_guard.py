"""The replay guard: accepts each message once, for a limited time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable


class ReplayGuard:
    """Remembers the ids of messages that were accepted. Not thread-safe.

    A message whose time is more than `max_age_seconds` from the clock is stale, in both directions: so its id need
    not be remembered for longer. Of more than `capacity` messages within that time, the oldest are forgotten, and
    what was sent as early as they were is stale.
    """

    def __init__(
        self,
        *,
        max_age_seconds: float = 300.0,
        capacity: int = 10_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._max_age_seconds = max_age_seconds
        self._capacity = capacity
        self._clock = clock
        self._seen: OrderedDict[bytes, float] = OrderedDict()
        self._forgotten_until = float("-inf")

    def is_stale(self, sent_at: float) -> bool:
        """Whether a message of this time (unix seconds) is too old, or too far ahead, to be told from a replay."""
        # The comparison is false for NaN, too.
        is_recent = abs(self._clock() - sent_at) <= self._max_age_seconds
        return not is_recent or sent_at <= self._forgotten_until

    def is_first(self, message_id: bytes, sent_at: float) -> bool:
        """Remember a message that is not stale; return whether it was accepted for the first time."""
        if message_id in self._seen:
            return False
        self._seen[message_id] = sent_at
        self._forget()
        return True

    def _forget(self) -> None:
        horizon = self._clock() - self._max_age_seconds
        while self._seen:
            oldest = next(iter(self._seen.values()))
            is_full = len(self._seen) > self._capacity
            if not is_full and oldest >= horizon:
                return
            self._seen.popitem(last=False)
            if is_full:
                self._forgotten_until = max(self._forgotten_until, oldest)
