"""Rates that all processes of a site count together, and for which nobody waits: no event loop, no database thread.

Each process decides by its own allowance of a key (`keyed`). In the background it adds what it has granted to a count
that all processes share, and takes what others have granted from its own allowance. So all processes together keep
the rate, and a burst is exceeded only by what they grant between two exchanges. Without a storage, or while it is
away, each process limits for itself.

Keys that nobody uses cost nothing. A process that has no grants exchanges nothing.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

from limits import RateLimitItemPerSecond

from live_inbox.limits.keyed import KeyedLimiter
from live_inbox.limits.rate import NANOSECONDS, RateLimit
from live_inbox.limits.shared import NAMESPACE
from live_inbox.limits.storage import Count, GuardedStorage, add_counts

EXCHANGE_SECONDS = 1.0
"""How long a grant waits for an exchange, at most."""

URGENT_SECONDS = 0.1
"""The least time between two exchanges. The next one comes so soon when a key has used a part of its burst."""

URGENT_PART = 4
"""Of a burst, one such part is urgent."""

LEAST_WINDOW_SECONDS = 60
"""The shortest life of a count in the storage. At its end, what was added since the last exchange stays unknown."""

MAX_KEYS = 10_000
"""Keys of one limit that are counted between two exchanges; grants of others are counted in this process alone."""

MAX_KNOWN = 50_000
"""Keys of one limit whose last count is remembered."""

BATCH = 500
"""Keys that are sent to the storage together."""

TOLERATED_NS = 2 * NANOSECONDS
"""How wrong the age of a count may be."""


_WAITED_NS = int(EXCHANGE_SECONDS * NANOSECONDS)


class _Known(NamedTuple):
    """What an exchange has found of a key."""

    total: int
    at: int
    """When, in nanoseconds of the clock."""
    state: int
    """That of an allowance from which all processes had taken, by `RateLimit.granted`."""


class ExchangedLimiter:
    """Applies one rate limit to each key, as `KeyedLimiter` does, and shares its grants with other processes.

    Thread-safe; never waits. `name` tells limits that count the same keys apart.
    """

    def __init__(
        self,
        name: str,
        limit: RateLimit,
        exchange: Exchange,
        *,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.limit = limit
        refill = math.ceil(limit.burst * limit.period_seconds / limit.count)
        self.window_seconds = max(refill, LEAST_WINDOW_SECONDS)
        self._name = name
        self._item = RateLimitItemPerSecond(limit.burst, self.window_seconds, NAMESPACE)
        self._here = KeyedLimiter(limit, clock=clock)
        self._exchange = exchange
        self._urgent = max(1, limit.burst // URGENT_PART)
        self._clock = clock
        self._lock = threading.Lock()
        self._granted: dict[str, int] = {}
        # What is known of each key: the oldest first. Of the exchange's thread alone.
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def check(self, key: str, cost: int = 1) -> float | None:
        """Take `cost` from the allowance of `key` and return None; or return the seconds to wait.

        Raises ValueError for a cost above the limit's burst, which is never granted.
        """
        wait = self._here.check(key, cost)
        if wait is None and self._exchange.is_on:
            self._note(key, cost)
        return wait

    def _note(self, key: str, cost: int) -> None:
        with self._lock:
            granted = self._granted.get(key, 0)
            if not granted and len(self._granted) >= MAX_KEYS:
                return
            granted += cost
            self._granted[key] = granted
        self._exchange.request(self, is_urgent=granted >= self._urgent)

    def take_granted(self) -> dict[str, int]:
        """Return what was granted to each key since the last call."""
        with self._lock:
            granted, self._granted = self._granted, {}
        return granted

    def name_of(self, site: str, key: str) -> str:
        """Return the name of a key's count in the storage."""
        return self._item.key_for(site, self._name, key)

    def learn(self, key: str, own: int, count: Count) -> None:
        """Take what others have granted to a key from its allowance. `own` is what this process has just added.

        When each grant was is not known. The earliest moments are taken, so that nothing is refused which one process
        would have granted: a grant may have waited for its exchange.
        """
        now = self._clock()
        began = now - int(max(0.0, count.age) * NANOSECONDS)
        others, since = count.total - own, began
        known = self._known.pop(key, None)
        # Else that count has ended, and another one begun.
        if known is not None and known.total <= others and known.at >= began - TOLERATED_NS:
            others, since = others - known.total, known.at
        state = 0 if known is None else known.state
        if others > 0:
            state = self.limit.granted(state, since - _WAITED_NS, others)
        state = self.limit.granted(state, now - _WAITED_NS, own)
        if others > 0:
            self._here.raise_to(key, state)
        self._known[key] = _Known(count.total, now, state)
        self._forget(now)

    def _forget(self, now: int) -> None:
        oldest = now - self.window_seconds * NANOSECONDS
        while self._known:
            key, known = next(iter(self._known.items()))
            if known.at >= oldest and len(self._known) <= MAX_KNOWN:
                return
            del self._known[key]


class Exchange:
    """Exchanges the grants of limiters with the storage, in a thread that runs while there are any.

    `site` returns what tells sites that share a storage apart. It is called in that thread, until it succeeds once.
    """

    def __init__(self, storage: GuardedStorage, *, site: Callable[[], str]) -> None:
        self._storage = storage
        self._site = site
        self._site_id: str | None = None
        self.forget_thread()

    def forget_thread(self) -> None:
        """Begin anew, in a process that was forked: threads do not run there."""
        self._lock = threading.Lock()
        self._limiters: set[ExchangedLimiter] = set()
        self._requested = threading.Event()
        self._urgent = threading.Event()
        self._is_stopped = False
        self._thread: threading.Thread | None = None

    def stop(self) -> None:
        """Exchange nothing any more: the process ends, and the storage may end with it."""
        self._is_stopped = True
        self._requested.set()
        self._urgent.set()

    @property
    def is_on(self) -> bool:
        """Whether grants are exchanged: there is a storage, and it has not just failed."""
        return not self._is_stopped and self._storage.is_usable

    def request(self, limiter: ExchangedLimiter, *, is_urgent: bool) -> None:
        """Have the grants of a limiter exchanged soon."""
        if limiter not in self._limiters:
            with self._lock:
                self._limiters.add(limiter)
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._repeat, name="live inbox rates", daemon=True
                    )
                    self._thread.start()
            self._requested.set()
        if is_urgent and not self._urgent.is_set():
            self._urgent.set()

    def _repeat(self) -> None:
        while True:
            self._requested.wait()
            self._urgent.wait(EXCHANGE_SECONDS)
            if self._is_stopped:
                return
            self._requested.clear()
            self._urgent.clear()
            self.run()
            time.sleep(URGENT_SECONDS)

    def run(self) -> None:
        """Exchange what was granted so far. What cannot be exchanged now is counted in this process alone."""
        with self._lock:
            limiters, self._limiters = self._limiters, set()
        granted = [(limiter, limiter.take_granted()) for limiter in limiters]
        site = self._known_site()
        if site is None:
            return
        for limiter, amounts in granted:
            for batch in _batches(amounts):
                named = {limiter.name_of(site, key): own for key, own in batch.items()}
                add = partial(add_counts, amounts=named, window_seconds=limiter.window_seconds)
                counts = self._storage.use(add)
                if counts is None:
                    return
                for (key, own), count in zip(batch.items(), counts.values(), strict=True):
                    limiter.learn(key, own, count)

    def _known_site(self) -> str | None:
        if self._site_id is None:
            try:
                self._site_id = self._site()
            except Exception:
                # The database does not answer, which others report. The next exchange asks again.
                return None
        return self._site_id


def _batches(amounts: dict[str, int]) -> Iterator[dict[str, int]]:
    items = iter(amounts.items())
    while batch := dict(islice(items, BATCH)):
        yield batch
