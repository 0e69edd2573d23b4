"""A steady rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator


def paced(
    count: int,
    *,
    per_second: float | None,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Iterator[int]:
    """Yield the numbers from 1 at a rate; without one, as fast as the caller takes them.

    Times are multiples of the period from the start, so the caller's own work does not slow the rate down, unless
    it takes longer than a period.
    """
    start = clock()
    for done in range(count):
        if per_second is not None:
            early = start + done / per_second - clock()
            if early > 0:
                sleep(early)
        yield done + 1
