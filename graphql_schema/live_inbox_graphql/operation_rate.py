"""How fast one caller may ask: operations of a user over HTTP and on all of their sockets share one allowance.

An operation takes 1 of it, and more if it costs more: for a document that is new to the process, which has to be parsed
and validated, and for what its execution costs. Allowances are counted in each process.
"""

from __future__ import annotations

from functools import lru_cache

from django.http import HttpRequest

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.errors import RateLimited
from live_inbox.identity.scopes import may_send_to_anyone
from live_inbox.limits.keyed import KeyedLimiter
from live_inbox.limits.rate import RateLimit
from live_inbox_graphql.context import Context

CHARACTERS_EACH = 256
"""Of a new document, so many take one more of the allowance."""

COST_EACH = 500
"""Of an operation's cost, so much takes one more of the allowance."""

INTROSPECTION_EACH = 10 * COST_EACH
"""The same of introspection, whose cost is reckoned ten times too high: most of what it asks for is null."""


@lru_cache(maxsize=8)
def _limiter(rate: str) -> KeyedLimiter:
    return KeyedLimiter(RateLimit.parse(rate))


def take_operation(context: Context, weight: int) -> None:
    """Take `weight` of the caller's allowance, or all of a smaller one. Raises RateLimited.

    A service, whose token may send to anybody, has the rate of its sends. Who is anonymous shares the allowance of
    their address.
    """
    settings = inbox_settings()
    caller = context.caller
    if caller is None:
        rate, key = settings.anonymous_operation_rate, _address(context)
    elif may_send_to_anyone(caller.scopes):
        rate, key = settings.service_send_rate, caller.user_id
    else:
        rate, key = settings.operation_rate, caller.user_id
    limiter = _limiter(rate)
    retry_after = limiter.check(key, min(weight, limiter.limit.burst))
    if retry_after is not None:
        metrics.RATE_LIMITED.labels("operation").inc()
        raise RateLimited("You ask too fast.", retry_after=retry_after)


def _address(context: Context) -> str:
    request = context.request
    return str(request.META.get("REMOTE_ADDR")) if isinstance(request, HttpRequest) else ""
