"""Spreads the requests of one address over time (traffic shaping), so that a flood of them leaves time for others.

A request beyond the rate waits. To refuse it would cost nearly as much as to serve many of them, and its client would
send the next one at once. What Django serves takes more of the rate, for it costs more than lists and files do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from live_inbox import metrics
from live_inbox.client_addresses import Network, limit_keys
from live_inbox.limits.keyed import KeyedLimiter
from live_inbox.limits.rate import RateLimit
from live_inbox.sockets.asgi import Application, Receive, Scope, Send, client_address
from live_inbox.sockets.refusals import refuse_request

LONGEST_SECONDS = 10.0
"""How long a request may wait. One that would wait longer is refused."""

MORE_FOR_DJANGO = 3
"""What a request takes of the rate beside 1 if Django serves it: the empty one takes a millisecond, a page of the admin
five, where a list takes a fifth of one."""


class AddressRates:
    """The rates of requests, one for each address. Counted in this process."""

    def __init__(
        self,
        rate: RateLimit,
        unlimited: Sequence[Network],
        *,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._rates = KeyedLimiter(rate, clock=clock)
        self._key = limit_keys(unlimited)

    def reserve(self, scope: Scope) -> float | None:
        """Return the seconds for which a request has to wait; None if that is too long."""
        key = self._key(client_address(scope))
        return 0.0 if key is None else self._rates.reserve(key, LONGEST_SECONDS)

    def charge(self, scope: Scope, cost: int) -> None:
        """Take more for a request that is served: the next of its address wait for that."""
        key = self._key(client_address(scope))
        if key is not None:
            self._rates.charge(key, cost)


class RequestPacing:
    """Passes requests on, those beyond the rate of their address later."""

    def __init__(self, application: Application, rates: AddressRates) -> None:
        self._application = application
        self._rates = rates

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] != "http":
            return self._application(scope, receive, send)
        wait = self._rates.reserve(scope)
        if wait is None:
            metrics.RATE_LIMITED.labels("requests_of_address").inc()
            return refuse_request(send, HTTPStatus.TOO_MANY_REQUESTS)
        if not wait:
            return self._application(scope, receive, send)
        metrics.REQUESTS_DELAYED.inc()
        return self._serve_later(wait, scope, receive, send)

    async def _serve_later(self, wait: float, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(wait)
        await self._application(scope, receive, send)


class ChargedRequests:
    """Takes more of an address's rate for each request that comes to an application: Django."""

    def __init__(self, application: Application, rates: AddressRates, cost: int) -> None:
        self._application = application
        self._rates = rates
        self._cost = cost

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] == "http":
            self._rates.charge(scope, self._cost)
        return self._application(scope, receive, send)
