"""A steady pace."""

from __future__ import annotations

from collections.abc import Callable, Iterator


def paced(
    count: int,
    *,
    per_second: float | None,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Iterator[int]:
    """Count from 1, each number at its time; without a pace, as fast as they are taken.

    The times are fixed by the first one: what the caller does in between does not slow the pace down, unless it
    takes longer than the pace allows.
    """
    start = clock()
    for done in range(count):
        if per_second is not None:
            early = start + done / per_second - clock()
            if early > 0:
                sleep(early)
        yield done + 1
