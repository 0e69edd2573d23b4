"""A progress bar on a terminal."""

from __future__ import annotations

from collections.abc import Callable

_WIDTH = 30
_EVERY_SECONDS = 0.1


class ProgressBar:
    """Draws how much of something has been done, on one line of a terminal that it overwrites."""

    def __init__(
        self, draw: Callable[[str], object], *, total: int | None, clock: Callable[[], float]
    ) -> None:
        self._draw = draw
        self._total = total
        self._clock = clock
        self._start = clock()
        self._next = self._start
        self._is_drawn = False

    def update(self, done: int) -> None:
        """Draw the bar, unless that was done a moment ago."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + _EVERY_SECONDS
        self._is_drawn = True
        self._draw(f"\r\x1b[K{progress_line(done, self._total, now - self._start)}")

    def clear(self) -> None:
        """Remove the bar, so that something else can be printed."""
        if self._is_drawn:
            self._is_drawn = False
            self._next = 0.0
            self._draw("\r\x1b[K")


def progress_line(done: int, total: int | None, seconds: float) -> str:
    """Return the bar as text: `[=====     ]  50%  1,000 rows  500/s`; without a total, the numbers alone."""
    rate = f"{done / seconds:,.0f}/s" if seconds > 0 else ""
    numbers = f"{done:,} rows  {rate}".rstrip()
    if not total:
        return numbers
    share = min(1.0, done / total)
    bar = ("=" * round(share * _WIDTH)).ljust(_WIDTH)
    return f"[{bar}] {share:4.0%}  {numbers}"
