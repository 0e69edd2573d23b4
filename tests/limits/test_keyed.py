"""One allowance for each key, in bounded memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_inbox.limits.keyed import KeyedLimiter
from live_inbox.limits.rate import NANOSECONDS, Meter, RateLimit

# Slow machines are no reason to fail.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SECOND = NANOSECONDS


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_keys_do_not_share(clock: Clock) -> None:
    limiter = KeyedLimiter(RateLimit.parse("1/minute"), clock=clock)
    assert limiter.check("alice") is None
    assert limiter.check("alice") == 60.0
    assert limiter.check("bob") is None
    clock.now = 45 * SECOND
    assert limiter.check("alice") == 15.0
    clock.now = 60 * SECOND
    assert limiter.check("alice") is None


def test_a_cost_above_the_burst_is_an_error_and_takes_nothing(clock: Clock) -> None:
    limiter = KeyedLimiter(RateLimit.parse("1/minute burst 3"), clock=clock)
    with pytest.raises(ValueError, match="never granted"):
        limiter.check("alice", cost=4)
    assert len(limiter) == 0
    assert limiter.check("alice", cost=3) is None


def test_a_refused_check_adds_no_key(clock: Clock) -> None:
    limiter = KeyedLimiter(RateLimit.parse("2/minute burst 2"), clock=clock)
    limiter.check("alice", cost=2)
    assert [limiter.check("alice") for _ in range(3)] == [30.0, 30.0, 30.0]


def test_an_allowance_can_be_reserved_in_advance(clock: Clock) -> None:
    limiter = KeyedLimiter(RateLimit.parse("2/second burst 2"), clock=clock)
    assert [limiter.reserve("alice", 1.0) for _ in range(5)] == [0.0, 0.0, 0.5, 1.0, None]
    assert limiter.reserve("bob", 1.0) == 0.0
    clock.now = SECOND
    assert [limiter.reserve("alice", 1.0) for _ in range(3)] == [0.5, 1.0, None]
    clock.now = 10 * SECOND
    assert limiter.reserve("alice", 0.0) == 0.0


def test_keys_with_a_full_allowance_are_removed(clock: Clock) -> None:
    limiter = KeyedLimiter(RateLimit.parse("1/second"), clock=clock)
    for number in range(1000):
        limiter.check(number)
    assert len(limiter) == 1000
    clock.now = SECOND
    for number in range(1000):
        limiter.check(("new", number))
    assert len(limiter) == 1000
    clock.now = 3 * SECOND
    for _ in range(500):
        limiter.check("alice")
        clock.now += SECOND
    assert len(limiter) <= 2


def test_the_memory_is_bounded(clock: Clock) -> None:
    """With too many keys, the one with the oldest grant is evicted; the others are unchanged."""
    limiter = KeyedLimiter(RateLimit.parse("1/minute"), max_keys=3, clock=clock)
    for key in "abcd":
        assert limiter.check(key) is None
    assert len(limiter) == 3
    assert [limiter.check(key) for key in "bcd"] == [60.0, 60.0, 60.0]
    assert limiter.check("a") is None
    assert limiter.check("b") is None
    assert len(limiter) == 3


def test_a_recently_granted_key_is_not_evicted(clock: Clock) -> None:
    limiter = KeyedLimiter(RateLimit.parse("2/minute"), max_keys=3, clock=clock)
    for key in "abcad":
        assert limiter.check(key) is None
    assert limiter.check("a") == 30.0
    assert [limiter.check(key) for key in "cd"] == [None, None]


def test_threads_share_one_allowance(clock: Clock) -> None:
    limiter = KeyedLimiter(RateLimit.parse("100/minute"), clock=clock)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: limiter.check("alice"), range(400)))
    assert results.count(None) == 100
    assert set(results) == {None, 0.6}


@PATIENT
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 3 * SECOND), st.integers(1, 3))))
def test_it_equals_one_meter_for_each_key(steps: list[tuple[str, int, int]]) -> None:
    """Removing keys changes no result."""
    limit, clock = RateLimit.parse("3/2s burst 4"), Clock()
    limiter = KeyedLimiter(limit, clock=clock)
    meters = {key: Meter(limit, clock=clock) for key in "abcde"}
    for key, pause, cost in steps:
        clock.now += pause
        assert limiter.check(key, cost) == meters[key].check(cost)
