"""Lets one address have few requests with large bodies at a time: Django keeps the body of a request in memory.

The others wait, and are not read meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from http import HTTPStatus

from live_inbox import metrics
from live_inbox.client_addresses import Network, limit_keys
from live_inbox.shares import Share, Shares
from live_inbox.sockets.asgi import (
    Application,
    Receive,
    Scope,
    Send,
    announced_length,
    client_address,
)
from live_inbox.sockets.refusals import refuse_request

LARGE_BYTES = 65_536
"""A body that is not larger is served at once. Servers read as much before anybody asks for it."""

MOST_OF_ADDRESS = 4
WAIT_SECONDS = 30.0


class LargeBodies:
    """Passes requests on, those with large bodies when few others of their address are served."""

    def __init__(self, application: Application, unlimited: Sequence[Network]) -> None:
        self._application = application
        self._key = limit_keys(unlimited)
        self._shares = Shares()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] == "http" and _may_be_large(scope):
            key = self._key(client_address(scope))
            if key is not None:
                return self._serve_in_turn(Share(key, MOST_OF_ADDRESS), scope, receive, send)
        return self._application(scope, receive, send)

    async def _serve_in_turn(
        self, share: Share, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._shares.wait((share,))
        except TimeoutError:
            metrics.RATE_LIMITED.labels("bodies_of_address").inc()
            await refuse_request(send, HTTPStatus.TOO_MANY_REQUESTS)
            return
        try:
            await self._application(scope, receive, send)
        finally:
            self._shares.release((share,))


def _may_be_large(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = announced_length(value)
            return length is None or length > LARGE_BYTES
        if name == b"transfer-encoding":
            return True
    # With HTTP/2, nothing may say how long it is.
    return bool(scope.get("http_version", "1.1") >= "2" and scope["method"] not in ("GET", "HEAD"))
