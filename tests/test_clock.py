"""The database's clock, as a process carries it on."""

from __future__ import annotations

import asyncio
import logging

import pytest

from live_inbox.clock import DatabaseClock
from live_inbox.clock_monitor import ClockMonitor, is_wrong


class Hands:
    """The clocks of a server, which a test sets."""

    def __init__(self) -> None:
        self.wall, self.monotonic = 1_000_000.0, 50.0
        self.clock = DatabaseClock(wall=lambda: self.wall, monotonic=lambda: self.monotonic)

    def measure(self, database_time: float, *, seconds: float = 0.0) -> None:
        self.clock.measured(database_time, began=self.monotonic - seconds, ended=self.monotonic)


@pytest.fixture
def hands() -> Hands:
    return Hands()


def test_before_the_first_measurement_it_is_the_servers(hands: Hands) -> None:
    assert (hands.clock.time(), hands.clock.offset, hands.clock.age) == (1_000_000.0, None, None)


@pytest.mark.parametrize("offset", [3600.0, -3600.0, 2.0])
def test_a_wrong_clock_is_not_used(hands: Hands, offset: float) -> None:
    hands.measure(1_000_000.0 - offset)
    assert hands.clock.offset == offset
    hands.monotonic += 10
    hands.wall += 10
    assert hands.clock.time() == 1_000_010.0 - offset


@pytest.mark.parametrize("offset", [0.0, 0.9, -0.9])
def test_a_clock_that_is_almost_right_is_used_as_it_is(hands: Hands, offset: float) -> None:
    hands.measure(1_000_000.0 - offset)
    assert hands.clock.time() == 1_000_000.0


def test_a_slow_measurement_proves_less(hands: Hands) -> None:
    hands.measure(1_000_000.0 - 25.0, seconds=50.0)
    assert hands.clock.time() == 1_000_000.0
    assert not is_wrong(hands.clock, 10)


def test_a_clock_that_jumps_does_not_matter(hands: Hands) -> None:
    hands.measure(1_000_000.0)
    hands.wall += 3600
    hands.monotonic += 1
    assert hands.clock.time() == 1_000_001.0
    assert hands.clock.now().timestamp() == 1_000_001.0
    assert is_wrong(hands.clock, 10)


def test_a_wrong_clock_is_logged_once(hands: Hands, caplog: pytest.LogCaptureFixture) -> None:
    readings = iter([1_000_000.0] * 3 + [996_400.0] * 3 + [1_000_000.0] * 2)

    async def scenario() -> None:
        done = asyncio.Event()

        async def sleep(seconds: float) -> None:
            await asyncio.sleep(0)

        def measure() -> None:
            reading = next(readings, None)
            if reading is None:
                done.set()
                raise ConnectionError
            hands.measure(reading)

        monitor = ClockMonitor(leeway_seconds=10, measure=measure, clock=hands.clock, sleep=sleep)
        monitor.start()
        await asyncio.wait_for(done.wait(), 30)
        await monitor.stop()

    with caplog.at_level(logging.WARNING, "live_inbox.clock_monitor"):
        asyncio.run(scenario())
    first, second = (record.getMessage() for record in caplog.records)
    assert "3600.0 seconds ahead" in first
    assert "agrees" in second
