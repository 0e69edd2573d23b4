"""How fast one caller may ask: operations of a user over HTTP and on all of their sockets share one allowance.

An operation takes 1 of it, and more if it costs more: for a document that is new to the process, which has to be parsed
and validated, and for what its execution costs. All processes count allowances together, in the background.
"""

from __future__ import annotations

from live_inbox import metrics
from live_inbox.client_addresses import client_key, parse_address
from live_inbox.conf import inbox_settings
from live_inbox.errors import RateLimited
from live_inbox.identity.scopes import may_send_to_anyone
from live_inbox.limits.exchange import ExchangedLimiter
from live_inbox.services.rates import limiter
from live_inbox_graphql.context import Context, address_of

NEW_DOCUMENT = 10
"""What an operation whose document is new takes of the allowance: even a short one takes as long to parse and validate
as ten that are known take in all."""

CHARACTERS_EACH = 256
"""Of a new document, so many take one more of the allowance."""

COST_EACH = 500
"""Of an operation's cost, so much takes one more of the allowance."""

INTROSPECTION_EACH = 10 * COST_EACH
"""The same of introspection, whose cost is reckoned ten times too high: most of what it asks for is null."""


def take_operation(context: Context, weight: int) -> None:
    """Take `weight` of the caller's allowance, or all of a smaller one. Raises RateLimited.

    A service, whose token may send to anybody, has the rate of its sends. Who is anonymous shares the allowance of
    their address. Those of UNLIMITED_ADDRESSES have one as well: behind a proxy that the settings do not name,
    everybody comes from there.
    """
    caller = context.caller
    if caller is not None:
        take_operation_of(caller.user_id, caller.scopes, weight)
    else:
        rate = inbox_settings().anonymous_operation_rate
        _take(limiter("anonymous operations", rate), _address_key(context), weight)


def take_operation_of(user_id: str, scopes: frozenset[str], weight: int) -> None:
    """Do so for a user, and the scopes of their token. Raises RateLimited."""
    settings = inbox_settings()
    if may_send_to_anyone(scopes):
        rate = limiter("operations of a service", settings.service_send_rate)
    else:
        rate = limiter("operations", settings.operation_rate)
    _take(rate, user_id, weight)


def _take(rate: ExchangedLimiter, key: str, weight: int) -> None:
    retry_after = rate.check(key, min(weight, rate.limit.burst))
    if retry_after is not None:
        metrics.RATE_LIMITED.labels("operation").inc()
        raise RateLimited("You ask too fast.", retry_after=retry_after)


def _address_key(context: Context) -> str:
    """Return what an anonymous caller is counted by.

    Callers without an address, as on a Unix socket, share one allowance.
    """
    address = parse_address(address_of(context))
    return "" if address is None else client_key(address)
