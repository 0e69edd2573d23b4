"""Spreads the requests of one address over time (traffic shaping), so that a flood of them leaves time for others.

A request beyond the rate waits. To refuse it would cost nearly as much as to serve many of them, and its client would
send the next one at once. Counted in this process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from live_inbox import metrics
from live_inbox.client_addresses import Network, limit_key
from live_inbox.limits.keyed import KeyedLimiter
from live_inbox.limits.rate import RateLimit
from live_inbox.sockets.asgi import Application, Receive, Scope, Send

LONGEST_SECONDS = 10.0
"""How long a request may wait. One that would wait longer is refused."""

_BODY = b"Too Many Requests"
_REFUSAL = {
    "type": "http.response.start",
    "status": 429,
    "headers": [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(_BODY)),
        (b"retry-after", b"%d" % LONGEST_SECONDS),
        (b"connection", b"close"),
    ],
}


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
        self._unlimited = unlimited

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] != "http":
            return self._application(scope, receive, send)
        client = scope.get("client")
        key = limit_key(client[0] if client else None, self._unlimited)
        wait = 0.0 if key is None else self._rates.reserve(key, LONGEST_SECONDS)
        if wait is None:
            metrics.RATE_LIMITED.labels("requests_of_address").inc()
            return refuse(send)
        if not wait:
            return self._application(scope, receive, send)
        metrics.REQUESTS_DELAYED.inc()
        return self._serve_later(wait, scope, receive, send)

    async def _serve_later(self, wait: float, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(wait)
        await self._application(scope, receive, send)


async def refuse(send: Send) -> None:
    """Answer 429."""
    await send(_REFUSAL)
    await send({"type": "http.response.body", "body": _BODY})
