"""Rates that several processes count together, in a real Redis."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st
from limits.storage import RedisStorage, Storage, storage_from_string

from live_inbox.limits.rate import NANOSECONDS, RateLimit
from live_inbox.limits.shared import SharedRates, window_of
from live_inbox.limits.storage import RETRY_SECONDS, GuardedStorage, rate_storage
from tests.changed_settings import changed_settings
from tests.delivery.metric_values import counted
from tests.stacks.redis_server import RedisServer

pytestmark = pytest.mark.stack("embedded")

TWO = RateLimit.parse("2/hour")
"""In all processes together, four in an hour."""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def process(private_redis: RedisServer, clock: Clock) -> Callable[..., SharedRates]:
    """Return the rates as another process has them, with connections of its own."""

    def new(site: str = "site") -> SharedRates:
        with changed_settings(RATE_STORAGE_URL=private_redis.url):
            storage = rate_storage()
        assert storage is not None
        guarded = GuardedStorage(lambda: storage, clock=clock)
        return SharedRates(guarded, site=lambda: site)

    return new


def test_processes_count_together(process: Callable[..., SharedRates]) -> None:
    first, second = process(), process()
    for each in (first, first, second, first):
        assert each.check(TWO, "sign in as", "eve") is None
    for each in (first, second, process()):
        wait = each.check(TWO, "sign in as", "eve")
        assert wait is not None
        assert 1 <= wait <= 3600
    # Nothing of it concerns others.
    assert second.check(TWO, "sign in as", "bob") is None
    assert second.check(TWO, "sign in from", "eve") is None
    assert process("another site").check(TWO, "sign in as", "eve") is None


@pytest.mark.parametrize("failure", ["freeze", "kill"])
def test_a_storage_that_is_away_is_left_alone_and_refuses_nothing(
    process: Callable[..., SharedRates],
    private_redis: RedisServer,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    failure: str,
) -> None:
    rates = process()
    assert rates.check(TWO, "sign in as", "eve") is None
    before = counted("rate_storage_faults_total")
    getattr(private_redis, failure)()
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            assert rates.check(TWO, "sign in as", "eve") is None
        assert counted("rate_storage_faults_total") == before + 1
        clock.now += RETRY_SECONDS
        for _ in range(20):
            assert rates.check(TWO, "sign in as", "eve") is None
        assert counted("rate_storage_faults_total") == before + 2
        assert [each.getMessage().split(":")[0] for each in caplog.records] == [
            "The storage of rates fails"
        ]
        private_redis.thaw() if failure == "freeze" else private_redis.start()
        clock.now += RETRY_SECONDS
        rates.check(TWO, "sign in as", "bob")
    assert caplog.records[-1].getMessage() == "The storage of rates works again after 2 failures."
    assert counted("rate_storage_faults_total") == before + 2


def test_a_connection_that_was_cut_while_idle_is_no_failure(
    process: Callable[..., SharedRates], private_redis: RedisServer
) -> None:
    rates = process()
    assert rates.check(TWO, "sign in as", "eve") is None
    before = counted("rate_storage_faults_total")
    private_redis.kill()
    private_redis.start()
    assert rates.check(TWO, "sign in as", "eve") is None
    assert counted("rate_storage_faults_total") == before


def test_without_a_storage_nothing_is_counted() -> None:
    def site() -> str:
        raise AssertionError("the id of the site costs a query")

    rates = SharedRates(GuardedStorage(lambda: None), site=site)
    assert [rates.check(TWO, "sign in as", "eve") for _ in range(9)] == [None] * 9


def test_an_address_that_cannot_be_used_refuses_nothing(clock: Clock) -> None:
    def storage() -> Any:
        return storage_from_string("nothing://here")

    before = counted("rate_storage_faults_total")
    rates = SharedRates(GuardedStorage(storage, clock=clock), site=lambda: "site")
    assert [rates.check(TWO, "sign in as", "eve") for _ in range(9)] == [None] * 9
    assert counted("rate_storage_faults_total") == before + 1


# -- the window ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "window"),
    [
        ("60/minute burst 100", (200, 100)),
        ("30/hour burst 10", (40, 3600)),
        ("1/minute", (2, 60)),
        ("1/minute burst 5", (10, 300)),
        ("7/minute burst 20", (41, 172)),
    ],
)
def test_the_window_of_a_rate(rate: str, window: tuple[int, int]) -> None:
    assert window_of(RateLimit.parse(rate)) == window


class Window:
    """What `limits` computes in Redis, with a clock of its own."""

    def __init__(self, amount: int, seconds: int) -> None:
        self.amount, self.seconds = amount, seconds
        self.previous = self.current = 0
        self.previous_end = self.current_end = 0.0

    def hit(self, now: float, cost: int) -> bool:
        if self.current_end <= now < self.current_end + self.seconds:
            self.previous, self.previous_end = self.current, self.current_end + self.seconds
            self.current, self.current_end = 0, self.current_end + self.seconds
        elif now >= self.current_end:
            self.previous = self.current = 0
            self.current_end = now + self.seconds
        left = max(0.0, self.previous_end - now)
        if int(self.previous * left / self.seconds) + self.current + cost > self.amount:
            return False
        self.current += cost
        return True


@settings(max_examples=300, deadline=None)
@given(
    rate=st.builds(RateLimit, st.integers(1, 50), st.integers(1, 90), st.integers(1, 60)),
    requests=st.lists(st.tuples(st.floats(0, 200), st.integers(1, 60)), max_size=60),
)
def test_what_one_process_allows_is_within_the_window(
    rate: RateLimit, requests: list[tuple[float, int]]
) -> None:
    window = Window(*window_of(rate))
    full_at = 0
    moments = accumulate(gap for gap, _ in requests)
    for moment, (_, cost) in zip(moments, requests, strict=True):
        full_at, wait = rate.take(full_at, int(moment * NANOSECONDS), min(cost, rate.burst))
        if not wait:
            assert window.hit(moment, min(cost, rate.burst))


# -- where it is -----------------------------------------------------------------------------------------


def layer(*hosts: Any, backend: str = "live_inbox.delivery.redis_layer.RedisLayer") -> Any:
    return override_settings(
        CHANNEL_LAYERS={"default": {"BACKEND": backend, "CONFIG": {"hosts": list(hosts)}}}
    )


@pytest.fixture(autouse=True)
def _rebuilt() -> Iterator[None]:
    rate_storage.cache_clear()
    yield
    rate_storage.cache_clear()


def options_of(storage: Storage | None) -> dict[str, Any]:
    assert isinstance(storage, RedisStorage)
    options: dict[str, Any] = storage.storage.connection_pool.connection_kwargs
    assert options["socket_timeout"] == options["socket_connect_timeout"] == 0.25
    return options


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("redis://:pass@one:1234/5", {"host": "one", "port": 1234, "db": 5, "password": "pass"}),
        (("one", 1234), {"host": "one", "port": 1234}),
        ({"host": "one", "port": 1234, "db": 5}, {"host": "one", "port": 1234, "db": 5}),
        ({"address": "rediss://one", "socket_timeout": 9}, {"host": "one"}),
        ({"sentinels": [("one", 1234)], "master_name": "main", "db": 5}, {"db": 5}),
    ],
)
@pytest.mark.parametrize(
    "backend",
    [
        "live_inbox.delivery.redis_layer.RedisLayer",
        "channels_redis.core.RedisChannelLayer",
        "channels_redis.pubsub.RedisPubSubChannelLayer",
    ],
)
def test_it_is_the_first_host_of_the_channel_layer(
    host: Any, expected: dict[str, Any], backend: str
) -> None:
    with layer(host, "redis://another", backend=backend):
        assert options_of(rate_storage()).items() >= expected.items()
        with changed_settings(RATE_STORAGE_URL="none"):
            assert rate_storage() is None
        with changed_settings(RATE_STORAGE_URL="redis://other:99"):
            assert options_of(rate_storage())["host"] == "other"


def test_other_channel_layers_have_no_storage() -> None:
    with layer(backend="channels.layers.InMemoryChannelLayer"):
        assert rate_storage() is None
    with override_settings(CHANNEL_LAYERS={}):
        assert rate_storage() is None


@pytest.mark.parametrize("url", ["nothing://here", "async+redis://one", "redis"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with changed_settings(RATE_STORAGE_URL=url), pytest.raises(Exception):  # noqa: B017, PT011
        rate_storage()
