"""The rates of callers: each process counts, and all processes together where they share a storage.

`take` asks the storage at once (`live_inbox.limits.shared`), so it is for database threads. `exchanged` is for the
event loop (`live_inbox.limits.exchange`). The code of the project is not limited.
"""

from __future__ import annotations

import asyncio
import atexit
import os
from functools import lru_cache

from live_inbox.apps import deployment_id
from live_inbox.database_threads import in_lane
from live_inbox.lanes import Lane
from live_inbox.limits.exchange import Exchange, ExchangedLimiter
from live_inbox.limits.keyed import KeyedLimiter
from live_inbox.limits.rate import RateLimit
from live_inbox.limits.shared import SharedRates
from live_inbox.limits.storage import GuardedStorage


def _site_of_thread() -> str:
    """Return the id of the database in a thread that shall have no connection of its own."""
    return asyncio.run(in_lane(Lane.HOUSEKEEPING, deployment_id))


_storage = GuardedStorage()
_shared = SharedRates(_storage, site=deployment_id)
_exchange = Exchange(_storage, site=_site_of_thread)
os.register_at_fork(after_in_child=_exchange.forget_thread)
atexit.register(_exchange.stop)


def exchanged(name: str, limit: RateLimit) -> ExchangedLimiter:
    """Return new allowances of this process that are exchanged with those of other processes. `name` is one for all."""
    return ExchangedLimiter(name, limit, _exchange)


def shared_rates() -> SharedRates:
    """Return what all processes count at once, for threads: a check waits for the storage."""
    return _shared


@lru_cache(maxsize=16)
def limiter(name: str, rate: str) -> KeyedLimiter:
    """Return this process's allowances of a rate, by key. `name` says what is counted."""
    return KeyedLimiter(RateLimit.parse(rate))


def take(name: str, rate: str, key: str, cost: int = 1, *, is_shared: bool = True) -> float | None:
    """Take from the allowance of a key, in this process and then in all. Returns None, or the seconds to wait.

    Without `is_shared`, it is counted in this process alone. Raises ValueError for a cost above the burst.
    """
    here = limiter(name, rate)
    retry_after = here.check(key, cost)
    if retry_after is not None or not is_shared:
        return retry_after
    return _shared.check(here.limit, name, key, cost=cost)
