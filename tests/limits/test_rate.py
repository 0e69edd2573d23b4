"""Rate limit arithmetic, to the nanosecond."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_inbox.limits.rate import NANOSECONDS, InvalidRateLimit, Meter, RateLimit

# Slow machines are no reason to fail.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SECOND = NANOSECONDS


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("60/minute", RateLimit(60, 60, 60)),
        ("10/second burst 20", RateLimit(10, 1, 20)),
        ("600/minute burst 100", RateLimit(600, 60, 100)),
        ("5/10s", RateLimit(5, 10, 5)),
        (" 1 / Hour  BURST 3 ", RateLimit(1, 3600, 3)),
        ("1000/2 days", RateLimit(1000, 172_800, 1000)),
        ("1/m", RateLimit(1, 60, 1)),
    ],
)
def test_texts(text: str, limit: RateLimit) -> None:
    assert RateLimit.parse(text) == limit
    assert RateLimit.parse(str(limit)) == limit


@pytest.mark.parametrize(
    "text",
    [
        "", "60", "60/", "/minute", "60/fortnight", "0/minute", "60/0s", "60/minute burst 0",
        "-1/minute", "1.5/second", "60/minute burst", "60 per minute", "60/minuteburst 5",
        "60/minute burst 5 x", "٣/minute", "9999999999/s",
    ],
)  # fmt: skip
def test_invalid_texts(text: str) -> None:
    with pytest.raises(InvalidRateLimit):
        RateLimit.parse(text)


def test_a_burst_then_an_even_rate() -> None:
    limit = RateLimit.parse("2/second burst 3")
    state, now = 0, 100 * SECOND
    for _ in range(3):
        state, wait = limit.take(state, now)
        assert wait == 0
    assert limit.take(state, now) == (state, SECOND // 2)
    assert limit.take(state, now + SECOND // 2 - 1) == (state, 1)
    state, wait = limit.take(state, now + SECOND // 2)
    assert wait == 0
    assert limit.take(state, now + SECOND // 2) == (state, SECOND // 2)
    assert not limit.is_full(state, now + 2 * SECOND - 1)
    assert limit.is_full(state, now + 2 * SECOND)


def test_a_cost_is_taken_completely_or_not_at_all() -> None:
    limit = RateLimit.parse("1/second burst 5")
    state, wait = limit.take(0, 0, cost=4)
    assert wait == 0
    assert limit.take(state, 0, cost=3) == (state, 2 * SECOND)
    assert limit.take(state, 0, cost=1)[1] == 0


@pytest.mark.parametrize("cost", [0, -1, 6])
def test_a_cost_that_is_never_granted(cost: int) -> None:
    with pytest.raises(ValueError, match="never granted by a burst of 5"):
        RateLimit.parse("1/second burst 5").take(0, 0, cost)


def test_a_rate_that_does_not_divide_the_second_does_not_drift() -> None:
    limit = RateLimit.parse("7/second burst 1")
    state, now, granted = 0, 0, 0
    while now < 1000 * SECOND:
        state, wait = limit.take(state, now)
        now += wait
        granted += wait == 0
    assert granted == 7000


def test_a_clock_that_goes_back_grants_nothing_extra() -> None:
    limit = RateLimit.parse("1/second burst 1")
    state, _ = limit.take(0, 10 * SECOND)
    assert limit.take(state, 5 * SECOND) == (state, 6 * SECOND)


LIMITS = st.builds(RateLimit, st.integers(1, 50), st.integers(1, 120), st.integers(1, 30))
STEPS = st.lists(st.tuples(st.integers(0, 5 * SECOND), st.integers(1, 30)), max_size=60)


@PATIENT
@given(LIMITS, STEPS)
def test_never_more_than_burst_and_rate_and_never_less(
    limit: RateLimit, steps: list[tuple[int, int]]
) -> None:
    """In every interval. A refused cost is granted after exactly the wait, and no earlier."""
    state = now = 0
    granted: list[tuple[int, int]] = []
    for pause, wanted in steps:
        now += pause
        cost = min(wanted, limit.burst)
        after, wait = limit.take(state, now, cost)
        if wait:
            assert after == state
            assert limit.take(state, now + wait, cost)[1] == 0
            assert limit.take(state, now + wait - 1, cost)[1] == 1
        else:
            granted.append((now, cost))
        state = after
    for first, (start, _) in enumerate(granted):
        total = 0
        for moment, cost in granted[first:]:
            total += cost
            refilled = (moment - start) * limit.count
            assert total * limit.period_seconds * SECOND <= (
                limit.burst * limit.period_seconds * SECOND + refilled
            )


@PATIENT
@given(LIMITS, STEPS)
def test_it_equals_a_bucket_of_tokens(limit: RateLimit, steps: list[tuple[int, int]]) -> None:
    """The token bucket in integers: its capacity is burst * period, and a second adds count."""
    full = limit.burst * limit.period_seconds * SECOND
    level, state, now = full, 0, 0
    for pause, wanted in steps:
        now += pause
        level = min(full, level + pause * limit.count)
        price = min(wanted, limit.burst) * limit.period_seconds * SECOND
        state, wait = limit.take(state, now, min(wanted, limit.burst))
        assert (wait == 0) == (level >= price)
        if wait == 0:
            level -= price
        assert limit.is_full(state, now) == (level == full)


def test_a_meter_keeps_one_allowance() -> None:
    moments = iter([0, 0, 0, 250_000_000, SECOND])
    meter = Meter(RateLimit.parse("1/second burst 2"), clock=lambda: next(moments))
    assert [meter.check() for _ in range(5)] == [None, None, 1.0, 0.75, None]


def test_a_meter_is_small() -> None:
    assert not hasattr(Meter(RateLimit(1, 1, 1)), "__dict__")
    assert Meter(RateLimit(1, 1, 1)).check() is None
