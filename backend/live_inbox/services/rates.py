"""The rates of callers: each process counts, and all processes together where they share a storage.

See `live_inbox.limits.shared`. For database threads, because a check may wait for the storage. The code of the project
is not limited.
"""

from __future__ import annotations

from functools import lru_cache

from live_inbox.apps import deployment_id
from live_inbox.limits.keyed import KeyedLimiter
from live_inbox.limits.rate import RateLimit
from live_inbox.limits.shared import SharedRates

_shared = SharedRates(site=deployment_id)


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
