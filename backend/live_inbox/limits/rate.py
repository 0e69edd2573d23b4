"""The arithmetic of rate limits: the generic cell rate algorithm, in whole numbers.

An allowance of `burst` refills evenly, `count` in each period. All its state is one number: the
moment at which it will be whole again. Times are nanoseconds of a monotonic clock; the moment is
kept in units of a `count`-th of a nanosecond, which makes every step exact.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

NANOSECONDS = 1_000_000_000

_UNITS = {
    **dict.fromkeys(("s", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
}
_TEXT = re.compile(r"(\d{1,9})\s*/\s*(\d{1,6})?\s*([a-z]+)(?:\s+burst\s+(\d{1,9}))?", re.ASCII)


class InvalidRateLimit(ValueError):
    """Raised for a text or numbers that are not a rate limit."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many in a period, and at most `burst` at once."""

    count: int
    period_seconds: int
    burst: int

    def __post_init__(self) -> None:
        if min(self.count, self.period_seconds, self.burst) < 1:
            raise InvalidRateLimit(
                "A rate limit needs a count, a period and a burst of at least 1."
            )

    @classmethod
    def parse(cls, text: str) -> RateLimit:
        """Read `60/minute`, `5/10s` or `10/second burst 20`. Without a burst, it is the count."""
        match = _TEXT.fullmatch(text.strip().lower())
        if match is None or match[3] not in _UNITS:
            raise InvalidRateLimit(
                f"{text!r} is not a rate limit: "
                "write for example `60/minute` or `10/second burst 20`."
            )
        count = int(match[1])
        period_seconds = int(match[2] or 1) * _UNITS[match[3]]
        return cls(count, period_seconds, int(match[4]) if match[4] else count)

    def __str__(self) -> str:
        return f"{self.count}/{self.period_seconds}s burst {self.burst}"

    def take(self, whole_at: int, now_ns: int, cost: int = 1) -> tuple[int, int]:
        """Take `cost` from an allowance, and return its new state and the nanoseconds to wait.

        If the wait is not 0, nothing was taken; after exactly that wait it is granted, unless
        others took some. A fresh allowance has the state 0 (or any moment that has passed).
        """
        if not 1 <= cost <= self.burst:
            raise ValueError(f"A cost of {cost} is never granted by a burst of {self.burst}.")
        now = now_ns * self.count
        period = self.period_seconds * NANOSECONDS
        after = max(whole_at, now) + cost * period
        excess = after - now - self.burst * period
        if excess <= 0:
            return after, 0
        return whole_at, -(-excess // self.count)

    def is_whole(self, whole_at: int, now_ns: int) -> bool:
        """Whether the allowance is untouched, so that forgetting it changes nothing."""
        return whole_at <= now_ns * self.count


class Meter:
    """The allowance of one thing, such as a socket. Not for several threads."""

    __slots__ = ("_clock", "_limit", "_whole_at")

    def __init__(self, limit: RateLimit, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._limit = limit
        self._clock = clock
        self._whole_at = 0

    def check(self, cost: int = 1) -> float | None:
        """Take `cost` and return None, or the seconds after which to try again."""
        self._whole_at, wait = self._limit.take(self._whole_at, self._clock(), cost)
        return wait / NANOSECONDS if wait else None
