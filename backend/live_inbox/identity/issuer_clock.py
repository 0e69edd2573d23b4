"""How far the clock of an issuer may be ahead, so that no token survives a revocation because of its `iat`."""

from __future__ import annotations

from collections.abc import Callable

NEGLIGIBLE_SECONDS = 1.0
REMEMBERED_SECONDS = 3600.0


class IssuerClock:
    """Estimates when a token was issued at the earliest, by the clock of this server.

    A token whose `iat` is in the future shows that the issuer's clock is ahead. Such a token, and those of the hour
    after it, may have been issued before a revocation although their `iat` is later. Times are unix seconds.
    """

    def __init__(self, *, leeway_seconds: float, clock: Callable[[], float]) -> None:
        self._leeway_seconds = leeway_seconds
        self._clock = clock
        self._ahead_seconds = 0.0
        self._seen_at = float("-inf")

    def issued_at(self, stated: float) -> float:
        """Return the earliest moment at which a token that states this `iat` was issued."""
        now = self._clock()
        ahead = stated - now
        if ahead > NEGLIGIBLE_SECONDS:
            self._ahead_seconds = max(ahead, self._current(now))
            self._seen_at = now
            # How far in all is unknown: the leeway is the most that is accepted.
            return stated - self._leeway_seconds
        return stated - self._current(now)

    def _current(self, now: float) -> float:
        return self._ahead_seconds if now - self._seen_at < REMEMBERED_SECONDS else 0.0
