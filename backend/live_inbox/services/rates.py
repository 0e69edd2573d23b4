"""The rates of callers: each process counts, and all processes together where they share a storage.

Those of `limiter` and `exchanged` never wait, in any thread (`live_inbox.limits.exchange`). `shared_rates` asks the
storage at once (`live_inbox.limits.shared`). The code of the project is not limited.
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


@lru_cache(maxsize=32)
def limiter(name: str, rate: str) -> ExchangedLimiter:
    """Return this process's allowances of a rate, by key, memoized. They are exchanged; `name` says what is counted."""
    return exchanged(name, RateLimit.parse(rate))
