"""Where all processes of a site count their rates together: the Redis of the channel layer, or RATE_STORAGE_URL."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from channels_redis.utils import decode_hosts
from django.conf import settings as django_settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.module_loading import import_string
from limits.storage import RedisStorage, Storage, storage_from_string
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from live_inbox.conf import inbox_settings

TIMEOUT_SECONDS = 0.25
"""How long a caller waits for the storage. It is in the way of a send."""

OFF = "none"
"""The value of RATE_STORAGE_URL with which each process counts for itself."""

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


@receiver(setting_changed)
def _build_again(*, setting: str, **kwargs: Any) -> None:
    """Build the storage again after a test has overridden what it is made of."""
    if setting in ("LIVE_INBOX", "CHANNEL_LAYERS"):
        rate_storage.cache_clear()
