"""The one clock: the database's, as far as this process knows it.

Times that are stored are the database's own. This clock is for what is compared without a query: the times of tokens
and sockets, and whether an expiry lies in the future. So a server whose clock is wrong goes by the database's, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

TOLERATED_SECONDS = 1.0
"""The difference up to which the server's own clock counts: a measurement may be as wrong as the network is slow."""


@dataclass(frozen=True, slots=True)
class _Measurement:
    database_time: float
    at: float
    doubt: float


class DatabaseClock:
    """The database's time of day, carried on by the monotonic clock since it was last measured.

    Before the first measurement it is the server's. Thread-safe.
    """

    def __init__(
        self,
        *,
        wall: Callable[[], float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        # Looked up at each call, so that a test can replace `time.time`.
        self._wall = wall or (lambda: time.time())
        self.monotonic = monotonic
        self._last: _Measurement | None = None

    def measured(self, database_time: float, *, began: float, ended: float) -> None:
        """Take over a time of the database, in unix seconds, that was read between two moments of `monotonic`."""
        self._last = _Measurement(database_time, (began + ended) / 2, (ended - began) / 2)

    def time(self) -> float:
        """Return the time in unix seconds."""
        last, wall = self._last, self._wall()
        if last is None:
            return wall
        expected = last.database_time + self.monotonic() - last.at
        is_right = abs(wall - expected) <= TOLERATED_SECONDS + last.doubt
        return wall if is_right else expected

    def now(self) -> datetime:
        """Return the same as a datetime in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    @property
    def offset(self) -> float | None:
        """By how many seconds the server's clock is ahead of the database's; None before the first measurement."""
        last = self._last
        if last is None:
            return None
        return self._wall() - (last.database_time + self.monotonic() - last.at)

    @property
    def doubt(self) -> float:
        """By how many seconds the offset may be wrong."""
        return 0.0 if self._last is None else self._last.doubt

    @property
    def age(self) -> float | None:
        """Seconds since the last measurement."""
        return None if self._last is None else self.monotonic() - self._last.at


clock = DatabaseClock()
"""The clock of this process."""
