"""How fast a caller may send. Allowances are counted in each process."""

from __future__ import annotations

from functools import lru_cache

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.errors import InvalidInput, RateLimited
from live_inbox.identity.callers import Caller
from live_inbox.limits.keyed import KeyedLimiter
from live_inbox.limits.rate import RateLimit
from live_inbox.send_policy import SEND_SCOPE


@lru_cache(maxsize=4)
def _limiter(rate: str) -> KeyedLimiter:
    return KeyedLimiter(RateLimit.parse(rate))


def take_sends(caller: Caller, *, count: int = 1, field: str = "recipient_id") -> None:
    """Take `count` sends from the caller's allowance. A service, whose token may send to anybody, has its own rate.

    Raises RateLimited, and InvalidInput with the field for more sends than the allowance ever has.
    """
    settings = inbox_settings()
    is_service = SEND_SCOPE in caller.scopes
    limiter = _limiter(settings.service_send_rate if is_service else settings.send_rate)
    if count > limiter.limit.burst:
        most = limiter.limit.burst
        raise InvalidInput(f"You may send to {most} recipients at a time at most.", field=field)
    retry_after = limiter.check(caller.user_id, count)
    if retry_after is not None:
        metrics.RATE_LIMITED.labels("send").inc()
        raise RateLimited("You send too fast.", retry_after=retry_after)
