"""Spreads the requests of one address over time (traffic shaping), so that a flood of them leaves time for others.

A request beyond the rate waits. To refuse it would cost nearly as much as to serve many of them, and its client would
send the next one at once. Counted in this process.
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


class RequestPacing:
    """Passes requests on, those beyond the rate of their address later."""

    def __init__(
        self,
        application: Application,
        rate: RateLimit,
        unlimited: Sequence[Network],
        *,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._application = application
        self._rates = KeyedLimiter(rate, clock=clock)
        self._key = limit_keys(unlimited)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] != "http":
            return self._application(scope, receive, send)
        key = self._key(client_address(scope))
        wait = 0.0 if key is None else self._rates.reserve(key, LONGEST_SECONDS)
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
