"""Rates that several processes count together in the background, in a real Redis."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from limits.storage import MemoryStorage, RedisStorage, storage_from_string

from live_inbox.limits import exchange as exchanging
from live_inbox.limits.exchange import EXCHANGE_SECONDS, MAX_KEYS, Exchange, ExchangedLimiter
from live_inbox.limits.rate import NANOSECONDS, RateLimit
from live_inbox.limits.storage import RETRY_SECONDS, Count, GuardedStorage, add_counts, rate_storage
from tests.changed_settings import changed_settings
from tests.delivery.metric_values import counted
from tests.stacks.redis_server import RedisServer
from tests.waiting import wait_until

pytestmark = pytest.mark.stack("embedded")

FIVE = RateLimit.parse("5/hour burst 5")


class Process:
    """The limiters of one process, whose exchanges the test makes."""

    def __init__(
        self, storage: GuardedStorage, site: Callable[[], str], name: str = "handshakes"
    ) -> None:
        self.exchange = Exchange(storage, site=site)
        # The test decides when: no thread.
        self.exchange._thread = threading.current_thread()
        self.limiter = ExchangedLimiter(name, FIVE, self.exchange)

    def granted(self, key: str, most: int = 99) -> int:
        """Take from a key until it is refused; return how often it was not."""
        return next((n for n in range(most) if self.limiter.check(key) is not None), most)


@pytest.fixture
def now() -> list[float]:
    """The clock of the storage's pauses, as a list of one."""
    return [1000.0]


@pytest.fixture
def process(private_redis: RedisServer, now: list[float]) -> Callable[..., Process]:
    """Return the rates as another process has them, with connections of its own."""

    def new(site: str = "site", name: str = "handshakes") -> Process:
        with changed_settings(RATE_STORAGE_URL=private_redis.url):
            storage = rate_storage()
        return Process(GuardedStorage(lambda: storage, clock=lambda: now[0]), lambda: site, name)

    return new


def test_what_one_process_has_granted_others_refuse(process: Callable[..., Process]) -> None:
    first, second, third = process(), process(), process()
    assert first.granted("192.0.2.1") == 5
    first.exchange.run()
    # It learns with its first grant.
    assert second.granted("192.0.2.1", most=1) == 1
    second.exchange.run()
    wait = second.limiter.check("192.0.2.1")
    assert wait is not None
    assert 0 < wait <= 2 * 3600
    assert second.granted("192.0.2.2") == 5
    assert third.granted("192.0.2.3", most=3) == 3
    third.exchange.run()
    assert third.granted("192.0.2.3") == 2
    # Another site, and another limit, have grants of their own.
    for other in (process("another site"), process(name="connections")):
        assert other.granted("192.0.2.1", most=1) == 1
        other.exchange.run()
        assert other.granted("192.0.2.1") == 4


def test_what_is_counted_again_and_again_is_charged_once(process: Callable[..., Process]) -> None:
    first, second = process(), process()
    for _ in range(2):
        for each in (first, second):
            assert each.granted("a", most=1) == 1
            each.exchange.run()
    # Two each: the first has not heard of the last one.
    assert second.granted("a") == 1
    assert first.granted("a") == 2


def test_a_storage_that_is_frozen_refuses_nothing_and_is_left_alone(
    process: Callable[..., Process],
    private_redis: RedisServer,
    now: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = process()
    before = counted("rate_storage_faults_total")
    private_redis.freeze()
    with caplog.at_level(logging.WARNING):
        for number in range(5):
            assert first.granted(f"a{number}", most=9) == 5
            first.exchange.run()
        assert counted("rate_storage_faults_total") == before + 1
        assert [each.getMessage().split(":")[0] for each in caplog.records] == [
            "The storage of rates fails"
        ]
        private_redis.thaw()
        now[0] += RETRY_SECONDS
        assert first.granted("b", most=5) == 5
        first.exchange.run()
    assert "works again" in caplog.records[-1].getMessage()
    second = process()
    assert second.granted("b", most=1) == 1
    second.exchange.run()
    assert second.granted("b") == 0


def test_without_a_storage_nothing_is_kept_for_an_exchange() -> None:
    def site() -> str:
        raise AssertionError("the id of the site costs a query")

    alone = Process(GuardedStorage(lambda: None), site)
    assert alone.granted("a") == 5
    assert alone.limiter.take_granted() == {}
    alone.exchange.run()


def test_its_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = MemoryStorage()
    process = Process(GuardedStorage(lambda: storage), lambda: "site")
    for number in range(MAX_KEYS + 100):
        assert process.limiter.check(str(number)) is None
    assert len(process.limiter._granted) == MAX_KEYS
    process.exchange.run()
    assert process.limiter._granted == {}
    assert len(process.limiter._known) == MAX_KEYS
    monkeypatch.setattr(exchanging, "MAX_KNOWN", 100)
    assert process.limiter.check("another") is None
    process.exchange.run()
    assert len(process.limiter._known) == 100


def test_a_thread_exchanges_what_was_granted(private_redis: RedisServer) -> None:
    with changed_settings(RATE_STORAGE_URL=private_redis.url):
        storage = rate_storage()
    guarded = GuardedStorage(lambda: storage)
    first, second = (
        ExchangedLimiter("handshakes", FIVE, Exchange(guarded, site=lambda: "site"))
        for _ in range(2)
    )
    assert [first.check("a") for _ in range(5)] == [None] * 5
    assert storage is not None
    wait_until(lambda: storage.get(first.name_of("site", "a")) == 5)
    assert second.check("a") is None
    alone = second._here._full_at["a"]
    wait_until(lambda: second._here._full_at["a"] != alone)
    assert second.check("a") is not None


def test_no_thread_waits_for_the_storage(private_redis: RedisServer) -> None:
    storage = storage_from_string(private_redis.url, socket_timeout=60)
    assert isinstance(storage, RedisStorage)
    before = counted("rate_storage_faults_total")
    rate = RateLimit.parse("60/hour burst 60")
    limiter = ExchangedLimiter(
        "changes", rate, Exchange(GuardedStorage(lambda: storage), site=lambda: "site")
    )

    def granted(_: int) -> int:
        return sum(limiter.check("a") is None for _ in range(50))

    private_redis.freeze()
    try:
        with ThreadPoolExecutor(4) as threads:
            assert sum(threads.map(granted, range(4))) == 60
    finally:
        private_redis.thaw()
    # Those who are counted without an answer are counted once.
    wait_until(lambda: storage.get(limiter.name_of("site", "a")) == 60)
    assert counted("rate_storage_faults_total") == before


@pytest.mark.parametrize("kind", ["redis", "memory"])
def test_counts_have_an_age(private_redis: RedisServer, kind: str) -> None:
    url = private_redis.url if kind == "redis" else "memory://"
    with changed_settings(RATE_STORAGE_URL=url):
        storage = rate_storage()
    assert storage is not None
    assert {key: each.total for key, each in add_counts(storage, {"a": 2, "b": 1}, 60).items()} == {
        "a": 2,
        "b": 1,
    }
    counts = add_counts(storage, {"b": 3, "c": 1}, 60)
    assert [(key, count.total) for key, count in counts.items()] == [("b", 4), ("c", 1)]
    assert all(-1 <= count.age < 59 for count in counts.values())


# -- the arithmetic --------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(
    rate=st.builds(RateLimit, st.integers(1, 50), st.integers(1, 20), st.integers(1, 60)),
    requests=st.lists(
        st.tuples(st.integers(0, 900), st.integers(0, 2), st.booleans()), max_size=150
    ),
)
# What one has granted before counts as before, although it is learned of afterwards.
@example(RateLimit(26, 1, 3), [(0, 1, True), (1, 0, False), (0, 0, True), (38, 0, False)])
def test_traffic_that_one_process_would_allow_is_allowed_by_several(
    rate: RateLimit, requests: list[tuple[int, int, bool]]
) -> None:
    now = [10 * NANOSECONDS]
    processes = [
        ExchangedLimiter("x", rate, _no_exchange(), clock=lambda: now[0]) for _ in range(3)
    ]
    window = processes[0].window_seconds * NANOSECONDS
    one, total, began = 0, 0, 0
    waiting: dict[int, tuple[int, int]] = {}

    def exchange(number: int) -> None:
        nonlocal total, began
        own, _ = waiting.pop(number)
        if not total or now[0] >= began + window:
            total, began = 0, now[0]
        total += own
        processes[number].learn("a", own, Count(total, (now[0] - began) / NANOSECONDS))

    for gap, number, exchanges in requests:
        for each, (_, since) in list(waiting.items()):
            if now[0] + gap * 1_000_000 > since + EXCHANGE_SECONDS * NANOSECONDS:
                exchange(each)
        now[0] += gap * 1_000_000
        one, wait = rate.take(one, now[0])
        if wait:
            continue
        assert processes[number].check("a") is None
        own, since = waiting.get(number, (0, now[0]))
        waiting[number] = own + 1, since
        if exchanges:
            exchange(number)


def _no_exchange() -> Exchange:
    return Exchange(GuardedStorage(lambda: None), site=lambda: "site")


def test_all_processes_together_keep_the_rate() -> None:
    """Four that try as often as they can, and exchange every second, for ten minutes."""
    rate = RateLimit.parse("10/second burst 50")
    now = [NANOSECONDS]
    processes = [
        ExchangedLimiter("x", rate, _no_exchange(), clock=lambda: now[0]) for _ in range(4)
    ]
    total, began, granted = 0, now[0], 0
    own = [0] * len(processes)
    for step in range(6000):
        now[0] += NANOSECONDS // 10
        for number, limiter in enumerate(processes):
            while limiter.check("a") is None:
                own[number] += 1
                granted += 1
            is_due = step % 10 == number or own[number] > rate.burst // 4
            if own[number] and is_due:
                if now[0] >= began + limiter.window_seconds * NANOSECONDS:
                    total, began = 0, now[0]
                total += own[number]
                count = Count(total, (now[0] - began) / NANOSECONDS)
                limiter.learn("a", own[number], count)
                own[number] = 0
    # A burst of each, the rate, and what an exchange has missed when a count ended.
    assert granted <= 4 * rate.burst + 1.05 * 600 * rate.count
