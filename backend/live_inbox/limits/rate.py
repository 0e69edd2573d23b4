"""Rate limit arithmetic: the generic cell rate algorithm (GCRA, ITU-T I.371), in integers.

An allowance of `burst` refills evenly, `count` in each period. Its state is one number: the moment at which it
will be full again. Times are nanoseconds of a monotonic clock; that moment is in units of 1/`count` of a
nanosecond, which makes every step exact.
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
    """Raised for a string or numbers that are not a rate limit."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`count` in each `period_seconds`, and at most `burst` at once."""

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
        """Parse `60/minute`, `5/10s` or `10/second burst 20`. The burst defaults to the count.

        Raises InvalidRateLimit.
        """
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

    def take(self, full_at: int, now_ns: int, cost: int = 1) -> tuple[int, int]:
        """Take `cost` from an allowance; return its new state and the nanoseconds to wait.

        With a wait above 0 nothing was taken; after exactly that wait the cost is granted, unless something
        else took from the allowance. A new allowance has the state 0, or any moment in the past. Raises
        ValueError for a cost below 1 or above the burst.
        """
        if not 1 <= cost <= self.burst:
            raise ValueError(f"A cost of {cost} is never granted by a burst of {self.burst}.")
        now = now_ns * self.count
        period = self.period_seconds * NANOSECONDS
        after = max(full_at, now) + cost * period
        excess = after - now - self.burst * period
        if excess <= 0:
            return after, 0
        return full_at, -(-excess // self.count)

    def granted(self, full_at: int, at_ns: int, cost: int) -> int:
        """Return the state after a grant at a moment, whatever was left."""
        return max(full_at, at_ns * self.count) + cost * self.period_seconds * NANOSECONDS

    def raised(self, full_at: int, now_ns: int, other: int) -> int:
        """Return the later one of two states: this one, and one from elsewhere.

        The allowance falls by two bursts below its full size at most: after the time of two refills it is full again.
        """
        lowest = self.granted(0, now_ns, 2 * self.burst)
        return max(full_at, min(other, lowest))

    def reserve(self, full_at: int, now_ns: int, longest_ns: int) -> tuple[int, int]:
        """Take 1 from an allowance that may be empty; return its new state and the nanoseconds to wait for it.

        If that is more than `longest_ns`, nothing was taken.
        """
        now = now_ns * self.count
        period = self.period_seconds * NANOSECONDS
        after = max(full_at, now) + period
        wait = max(0, -(-(after - now - self.burst * period) // self.count))
        return (full_at if wait > longest_ns else after), wait

    def is_full(self, full_at: int, now_ns: int) -> bool:
        """Whether the allowance is full, so that its state can be dropped."""
        return full_at <= now_ns * self.count


class Meter:
    """A rate limiter with a single allowance, such as a socket's. Not thread-safe."""

    __slots__ = ("_clock", "_full_at", "_limit")

    def __init__(self, limit: RateLimit, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._limit = limit
        self._clock = clock
        self._full_at = 0

    def check(self, cost: int = 1) -> float | None:
        """Take `cost` and return None; or return the seconds to wait."""
        self._full_at, wait = self._limit.take(self._full_at, self._clock(), cost)
        return wait / NANOSECONDS if wait else None
