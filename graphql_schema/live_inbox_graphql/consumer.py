"""The GraphQL API for WebSockets as an ASGI application: checks the handshake and opens a subprotocol."""

from __future__ import annotations

from collections.abc import Mapping

from live_inbox.conf import inbox_settings
from live_inbox.feed import Feed
from live_inbox.identity.admissions import Admissions
from live_inbox.sockets.asgi import Receive, Scope, Send
from live_inbox.sockets.handshakes import refusal_of
from live_inbox.sockets.heartbeat import heartbeat_seconds
from live_inbox.sockets.session import SocketSession, socket_config
from live_inbox.sockets.writer import writer_for
from live_inbox_graphql import graphql_transport_ws, graphql_ws
from live_inbox_graphql.close_codes import GraphQLCloseCode, close_frame, close_frame_for
from live_inbox_graphql.connection import GraphQLConfig, GraphQLConnection
from live_inbox_graphql.persisted_documents import allowed_documents
from live_inbox_graphql.served_schema import ServedSchema

_SUBPROTOCOLS: Mapping[str, type[GraphQLConnection]] = {
    graphql_transport_ws.NAME: graphql_transport_ws.GraphQLTransportWSProtocol,
    graphql_ws.NAME: graphql_ws.GraphQLWSProtocol,
}
"""In the order of our preference: of a client that offers both, the one that can do more."""


class GraphQLConsumer:
    """The ASGI application of the GraphQL API's sockets.

    Not a Channels consumer: one costs several tasks, queues and timers for each socket, and a thread change for
    each message. Here a socket is one task that reads, and nothing else while nothing happens.
    """

    def __init__(
        self,
        schema: ServedSchema,
        feed: Feed,
        admissions: Admissions,
        *,
        keep_alive_seconds: float = 20.0,
        init_seconds: float | None = None,
    ) -> None:
        # A file that cannot be used stops the server at its start.
        allowed_documents()
        settings = inbox_settings()
        seconds = settings.connection_init_seconds if init_seconds is None else init_seconds
        self._socket_config = socket_config(
            "graphql", admissions, close_frame_for, admission_seconds=seconds
        )
        self._config = GraphQLConfig(
            schema=schema,
            feed=feed,
            max_operations=settings.max_subscriptions_per_socket,
            init_seconds=seconds,
            keep_alive_seconds=keep_alive_seconds,
            heartbeat_seconds=heartbeat_seconds(settings.heartbeat_seconds),
            compiles_selections=settings.fast_path,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket until it closes."""
        if (await receive())["type"] != "websocket.connect":
            return
        session = SocketSession(scope, receive, writer_for(scope, send), self._socket_config)
        if not session.enter():
            await session.refuse_too_many(send)
            return
        try:
            refusal = refusal_of(scope, inbox_settings().origins, takes_sessions=True)
            if refusal is not None:
                await session.refuse(send, refusal)
                return
            name = _best(scope["subprotocols"])
            await send({"type": "websocket.accept", "subprotocol": name})
            await session.run(self._open, name)
        finally:
            session.leave()

    async def _open(self, session: SocketSession) -> GraphQLConnection | None:
        """Open the subprotocol that was accepted; or close the session and return None."""
        name = _best(session.scope["subprotocols"])
        if name is None:
            session.close(*close_frame(GraphQLCloseCode.NO_SUBPROTOCOL))
            return None
        return _SUBPROTOCOLS[name](session, self._config)


def _best(offered: list[str]) -> str | None:
    return next((name for name in _SUBPROTOCOLS if name in offered), None)
