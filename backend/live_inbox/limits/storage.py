"""Where all processes of a site count their rates together: the Redis of the channel layer, or RATE_STORAGE_URL."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from channels_redis.utils import decode_hosts
from django.conf import settings as django_settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.module_loading import import_string
from limits.storage import RedisClusterStorage, RedisStorage, Storage, storage_from_string
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.faults import Fault

T = TypeVar("T")

TIMEOUT_SECONDS = 0.25
"""How long a caller waits for the storage. It is in the way of an attempt to sign in."""

RETRY_SECONDS = 5.0
"""How long the storage is left alone after a failure."""

OFF = "none"
"""The value of RATE_STORAGE_URL with which each process counts for itself."""

_ADD = """\
local counts = {}
for i, name in ipairs(KEYS) do
    local amount = tonumber(ARGV[i + 1])
    local total = redis.call("INCRBY", name, amount)
    if total == amount then
        redis.call("EXPIRE", name, ARGV[1])
    end
    counts[2 * i - 1] = total
    counts[2 * i] = redis.call("PTTL", name)
end
return counts
"""
"""A script of Redis: adds to each name its amount, which follows the window. Returns the totals and what is left of the
window, in milliseconds. Commands for each name would cost this process several times as much."""

_LAYERS = "channels_redis."
"""Classes of channel layers whose configuration names hosts of Redis: these, and what inherits from them."""


@lru_cache(maxsize=1)
def rate_storage() -> Storage | None:
    """Return the storage that all processes share, memoized; None if there is none. Does not connect.

    Raises an exception of `limits` or redis-py, or ValueError, for an address that cannot be used.
    """
    url = inbox_settings().rate_storage_url
    if url == OFF:
        return None
    if url:
        storage = storage_from_string(url, **_timeouts())
        if not isinstance(storage, Storage):
            raise ValueError("a storage for asyncio")
        return storage
    host = _host_of_channel_layer()
    return None if host is None else RedisStorage("redis://", connection_pool=_pool(host))


def _timeouts() -> dict[str, Any]:
    # redis-py would try again for many seconds. Once, for a connection that was cut while it was idle.
    retry = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
    return {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "retry": retry,
    }


def _host_of_channel_layer() -> Mapping[str, Any] | None:
    """Return the first host of the channel layer's configuration, as channels-redis reads it; None for other layers."""
    layers = getattr(django_settings, "CHANNEL_LAYERS", {})
    layer = layers.get(inbox_settings().channel_layer_alias, {})
    backend = import_string(layer["BACKEND"]) if "BACKEND" in layer else object
    if not any(base.__module__.startswith(_LAYERS) for base in backend.__mro__):
        return None
    host: Mapping[str, Any] = decode_hosts(layer.get("CONFIG", {}).get("hosts"))[0]
    return host


def _pool(host: Mapping[str, Any]) -> ConnectionPool:
    """Return a pool of connections to a host, as `channels_redis.utils.create_pool` does for asyncio."""
    options = {**host, **_timeouts()}
    if "address" in options:
        return ConnectionPool.from_url(options.pop("address"), **options)
    if "master_name" in options:
        sentinel_options = _timeouts() | dict(options.pop("sentinel_kwargs", None) or {})
        sentinels, name = options.pop("sentinels"), options.pop("master_name")
        sentinel = Sentinel(sentinels, sentinel_kwargs=sentinel_options)  # type: ignore[no-untyped-call]
        return SentinelConnectionPool(name, sentinel, **options)  # type: ignore[no-untyped-call]
    return ConnectionPool(**options)


class GuardedStorage:
    """The storage as one process uses it: left alone for a while after a failure. Thread-safe.

    Failures are logged once and counted, and never raised.
    """

    def __init__(
        self,
        storage: Callable[[], Storage | None] = rate_storage,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._fault = Fault("storage of rates", metrics.RATE_STORAGE_FAULTS)
        self._paused_until = -math.inf

    @property
    def is_usable(self) -> bool:
        """Whether there is a storage, and it has not just failed. Never waits."""
        if self._clock() < self._paused_until:
            return False
        try:
            return self._storage() is not None
        except Exception:  # Of an address that cannot be used. `use` reports it.
            return True

    def use(self, work: Callable[[Storage], T]) -> T | None:
        """Return what `work` returns, which may wait for the storage; None without one, or if it fails."""
        if self._clock() < self._paused_until:
            return None
        try:
            storage = self._storage()
            if storage is None:
                return None
            result = work(storage)
        except Exception as error:  # Whatever the client of a storage raises.
            self._paused_until = self._clock() + RETRY_SECONDS
            self._fault.report(error)
            return None
        self._fault.recovered()
        return result


@dataclass(frozen=True, slots=True)
class Count:
    """What all processes have counted under a key: how much, and since how many seconds."""

    total: int
    age: float


def add_counts(
    storage: Storage, amounts: Mapping[str, int], window_seconds: int
) -> dict[str, Count]:
    """Add to the counts of some keys and return them, in one round trip where that is possible.

    A count begins again `window_seconds` after the first amount. Raises what the client of the storage raises.
    """
    if isinstance(storage, RedisStorage) and not isinstance(storage, RedisClusterStorage):
        return _add_in_one_round_trip(storage, amounts, window_seconds)
    return {
        key: Count(
            storage.incr(key, window_seconds, amount),
            window_seconds - (storage.get_expiry(key) - time.time()),
        )
        for key, amount in amounts.items()
    }


def _add_in_one_round_trip(
    storage: RedisStorage, amounts: Mapping[str, int], window_seconds: int
) -> dict[str, Count]:
    """Do as `RedisStorage.incr` and `get_expiry` do, for many keys in one command."""
    client: Any = storage.get_connection()
    names = [storage.prefixed_key(key) for key in amounts]
    answers = client.register_script(_ADD)(names, [window_seconds, *amounts.values()])
    return {
        key: Count(int(total), window_seconds - left / 1000)
        for key, total, left in zip(amounts, answers[::2], answers[1::2], strict=True)
    }


@receiver(setting_changed)
def _build_again(*, setting: str, **kwargs: Any) -> None:
    """Build the storage again after a test has overridden what it is made of."""
    if setting in ("LIVE_INBOX", "CHANNEL_LAYERS"):
        rate_storage.cache_clear()
