"""The GraphQL door for WebSockets: admits a socket by its handshake, and serves it until it closes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from strawberry.http.websocket_origin import (
    is_same_origin,
    normalize_allowed_origins,
    normalize_origin,
)

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.feed import Feed
from live_inbox.identity.sessions import OpenSessions
from live_inbox.limits.rate import Meter, RateLimit
from live_inbox.sockets.asgi import Receive, Scope, Send
from live_inbox.sockets.writer import writer_for
from live_inbox_graphql import graphql_transport_ws, graphql_ws
from live_inbox_graphql.close_codes import CloseCode, reason_for
from live_inbox_graphql.schema import InboxSchema
from live_inbox_graphql.socket import Socket, SocketRules, Subprotocol

logger = logging.getLogger(__name__)

_SUBPROTOCOLS: Mapping[str, type[Subprotocol]] = {
    graphql_transport_ws.NAME: graphql_transport_ws.GraphQLTransportWSProtocol,
    graphql_ws.NAME: graphql_ws.GraphQLWSProtocol,
}
"""In the order of our preference: of a client that offers both, the one that can do more."""


class GraphQLConsumer:
    """The ASGI application of the door.

    Not a Channels consumer: one costs several tasks, queues and timers for each socket, and a thread change for
    each message. Here a socket is one task that reads, and nothing else while nothing happens.
    """

    def __init__(
        self,
        schema: InboxSchema,
        feed: Feed,
        sessions: OpenSessions,
        *,
        keep_alive_seconds: float = 20.0,
        init_seconds: float | None = None,
    ) -> None:
        settings = inbox_settings()
        self._schema = schema
        self._feed = feed
        self._sessions = sessions
        self._sockets = metrics.SOCKETS.labels("graphql")
        self._rate = RateLimit.parse(settings.socket_rate)
        self._allowed_origins = normalize_allowed_origins(settings.allowed_origins)
        self._rules = SocketRules(
            max_message_bytes=settings.max_message_bytes,
            max_operations=settings.max_subscriptions_per_socket,
            init_seconds=settings.connection_init_seconds if init_seconds is None else init_seconds,
            drain_seconds=settings.drain_seconds,
            keep_alive_seconds=keep_alive_seconds,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket until it closes."""
        if (await receive())["type"] != "websocket.connect":
            return
        writer = writer_for(scope, send)
        if not self._may_come(scope):
            metrics.SOCKETS_CLOSED.labels("graphql", "403").inc()
            await writer.close(1000, "")
            return
        subprotocol = _best(scope["subprotocols"])
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        if subprotocol is None:
            code = CloseCode.NO_SUBPROTOCOL
            metrics.SOCKETS_CLOSED.labels("graphql", str(code.value)).inc()
            await writer.close(code.value, reason_for(code))
            return
        socket = Socket(
            scope,
            receive,
            writer,
            schema=self._schema,
            feed=self._feed,
            sessions=self._sessions,
            rules=self._rules,
            meter=Meter(self._rate),
            subprotocol=_SUBPROTOCOLS[subprotocol],
        )
        with self._sockets.track_inprogress():
            await socket.serve()

    def _may_come(self, scope: Mapping[str, Any]) -> bool:
        """Whether a page of that origin may open a socket here, which then acts with the user's cookies.

        Who sends no origin is not a browser, and has no cookies but its own.
        """
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get(b"origin")
        if origin is None or headers.get(b"sec-fetch-site") == "same-origin":
            return True
        if is_same_origin(origin, headers.get(b"host")) or "*" in self._allowed_origins:
            return True
        if normalize_origin(origin) in self._allowed_origins:
            return True
        logger.warning("A socket of the origin %r was refused: see ALLOWED_ORIGINS.", origin)
        return False


def _best(offered: list[str]) -> str | None:
    return next((name for name in _SUBPROTOCOLS if name in offered), None)
