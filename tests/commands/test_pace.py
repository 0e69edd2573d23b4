"""A pace is kept by its clock."""

from __future__ import annotations

import pytest

from live_inbox.management.pace import paced


class Time:
    """A clock that sleeping moves, and work as well."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (0.0, [100.0, 100.5, 101.0, 101.5]),  # nothing to do in between
        (0.2, [100.0, 100.5, 101.0, 101.5]),  # work is taken into account
        (0.7, [100.0, 100.7, 101.4, 102.1]),  # too much work: as fast as can be
    ],
)
def test_numbers_come_at_their_times(work: float, expected: list[float]) -> None:
    time = Time()
    times = []
    for _ in paced(4, per_second=2, clock=time.clock, sleep=time.sleep):
        times.append(time.now)
        time.now += work

    assert times == pytest.approx(expected)


def test_a_delay_is_made_good() -> None:
    time = Time()
    times = []
    for number in paced(5, per_second=1, clock=time.clock, sleep=time.sleep):
        times.append(time.now)
        if number == 2:
            time.now += 2.5

    assert times == [100.0, 101.0, 103.5, 103.5, 104.0]


def test_without_a_pace_there_is_no_waiting() -> None:
    time = Time()

    assert list(paced(3, per_second=None, clock=time.clock, sleep=time.sleep)) == [1, 2, 3]
    assert time.slept == []
