"""GraphQL over WebSocket: moves messages between a socket and the handler of its subprotocol."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from typing import Any, cast

from channels.exceptions import StopConsumer
from strawberry.channels import GraphQLWSConsumer
from strawberry.channels.handlers.ws_handler import ChannelsWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL

from backend import metrics
from backend.config import config
from backend.identity.sessions import OpenSessions
from backend.limits.rate import Meter, RateLimit
from backend.notifications.feed import Feed
from graphql_schema import json_text
from graphql_schema.close_codes import CloseCode, reason_for
from graphql_schema.connection import Connection
from graphql_schema.legacy_ws import LegacyHandler
from graphql_schema.schema import InboxSchema
from graphql_schema.transport_ws import TransportHandler

logger = logging.getLogger(__name__)

_SUBPROTOCOLS = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL)
"""In the order of our preference: of a client that offers both, the one that can do more."""

_WAITING_MESSAGES = 16
"""Messages of one client that may wait for the handler; then the socket is not read until it has caught up."""


class Socket(ChannelsWebSocketAdapter):
    """How the handlers see their socket."""

    async def iter_json(
        self, *, ignore_parsing_errors: bool = False
    ) -> AsyncGenerator[object, None]:
        """Yield what the client sends, until the socket is closed."""
        consumer = self._consumer
        while not consumer.is_closed:
            item = await consumer.message_queue.get()
            if item["disconnected"]:
                return
            if item["message"] is None:
                raise NonTextMessageReceived
            try:
                message = json_text.loads(item["message"])
            except ValueError as error:
                raise NonJsonMessageReceived from error
            yield message

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send a message, unless the socket is closed."""
        await self._consumer.say(json_text.dumps(message).decode())

    async def close(self, code: int, reason: str) -> None:
        """Close the socket with a code of the table."""
        await self._consumer.finish(CloseCode(code), reason)

    @property
    def _consumer(self) -> GraphQLConsumer:
        return cast("GraphQLConsumer", self.ws_consumer)


class GraphQLConsumer(GraphQLWSConsumer[Connection, None]):
    """Serves one socket: `GraphQLConsumer.as_asgi(schema=schema, feed=feed, sessions=sessions)`.

    Whatever goes wrong, the socket is closed, with a code that says whether to come back. It has no channel
    on the channel layer, so no outage of that can touch it.
    """

    channel_layer_alias = "none"
    websocket_adapter_class = Socket
    graphql_transport_ws_handler_class = TransportHandler
    graphql_ws_handler_class = LegacyHandler

    def __init__(
        self,
        schema: InboxSchema,
        feed: Feed,
        sessions: OpenSessions,
        *,
        keep_alive_seconds: float = 20.0,
        init_seconds: float | None = None,
    ) -> None:
        settings = config()
        super().__init__(
            schema,
            # Of the older protocol only; in the newer one, it is WebSocket's own pings that count.
            keep_alive=keep_alive_seconds > 0,
            keep_alive_interval=keep_alive_seconds,
            subscription_protocols=_SUBPROTOCOLS,
            connection_init_wait_timeout=timedelta(
                seconds=settings.connection_init_seconds if init_seconds is None else init_seconds
            ),
            max_subscriptions_per_connection=settings.max_subscriptions_per_socket,
            allowed_origins=settings.allowed_origins,
        )
        self.message_queue = asyncio.Queue(_WAITING_MESSAGES)
        self.is_closed = False
        self._feed = feed
        self._sessions = sessions
        self._max_message_bytes = settings.max_message_bytes
        self._meter = Meter(_rate(settings.socket_rate))
        self._finishing: asyncio.Task[None] | None = None

    # -- the life of a socket -----------------------------------------------------------------------------

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the socket until it is gone, and leave nothing of it behind."""
        self._connection = Connection(
            scope, feed=self._feed, sessions=self._sessions, close=self._finish_soon
        )
        with metrics.SOCKETS.labels("graphql").track_inprogress():
            try:
                await super().__call__(scope, receive, send)
            finally:
                await self._wind_up()

    async def dispatch(self, message: Mapping[str, Any]) -> None:
        """Take what the server says.

        Not by way of Channels, which for each message crosses over to a thread that the whole process has
        only one of, in order to close old database connections. There are none here.
        """
        match message["type"]:
            case "websocket.connect":
                await self.connect()
            case "websocket.receive":
                await self.receive(message.get("text"), message.get("bytes"))
            case "websocket.disconnect":
                raise StopConsumer

    async def connect(self) -> None:
        """Begin to serve, in a task that cannot end without the socket being closed."""
        await super().connect()
        assert self.run_task is not None
        self.run_task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            logger.error("Serving a GraphQL socket failed.", exc_info=error)
        self._finish_soon(CloseCode.TRY_AGAIN, "internal error")

    async def _wind_up(self) -> None:
        self.is_closed = True
        self._connection.release()
        tasks = [task for task in (self.run_task, self._finishing) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # -- what comes in ------------------------------------------------------------------------------------

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pass a message on to the handler, if it is neither too long nor one too many.

        Waits while others wait before it. The server meanwhile stops reading the socket, so that a client
        can fill its own buffers only.
        """
        if self.is_closed:
            return
        if self._meter.check() is not None:
            metrics.RATE_LIMITED.labels("socket").inc()
            await self.finish(CloseCode.TRY_AGAIN, "too many messages")
        elif _is_longer(text_data or bytes_data or "", self._max_message_bytes):
            await self.finish(CloseCode.TOO_BIG)
        else:
            await self.message_queue.put({"message": text_data, "disconnected": False})

    # -- what goes out ------------------------------------------------------------------------------------

    async def say(self, text: str) -> None:
        """Send a message; nothing once the socket is closed or the client gone."""
        if self.is_closed:
            return
        try:
            await self.send(text)
        except (OSError, RuntimeError):
            # What servers raise when the client has gone while we were sending.
            self._stop_reading()

    async def finish(self, code: CloseCode, detail: str = "") -> None:
        """Close the socket, unless it is closed."""
        if not self.is_closed:
            metrics.SOCKETS_CLOSED.labels("graphql", str(code.value)).inc()
            await self.close(code.value, reason_for(code, detail))

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the socket; before it was accepted, this refuses it with HTTP 403."""
        self._stop_reading()
        with suppress(OSError, RuntimeError):
            await super().close(code, reason)

    def _finish_soon(self, code: CloseCode, detail: str) -> None:
        if not self.is_closed and self._finishing is None:
            self._finishing = asyncio.create_task(self.finish(code, detail))

    def _stop_reading(self) -> None:
        """Let the handler end, and with it all operations, without waiting for the client's farewell."""
        self.is_closed = True
        # Somebody may wait for room in the queue, and somebody else for what is in it.
        while not self.message_queue.empty():
            self.message_queue.get_nowait()
        self.message_queue.put_nowait({"message": None, "disconnected": True})

    # -- what the handshake decides -----------------------------------------------------------------------

    async def get_context(self, request: Any, response: Any) -> Connection:
        """Return what the handlers know of this socket."""
        return self._connection

    async def pick_websocket_subprotocol(self, request: Any) -> str | None:
        """Return the subprotocol that we like best among those that the client offers."""
        offered = self.scope["subprotocols"]
        return next((name for name in _SUBPROTOCOLS if name in offered), None)

    async def reject_websocket(self, request: Any) -> Any:
        """Refuse a page of an origin that is not allowed."""
        metrics.SOCKETS_CLOSED.labels("graphql", "403").inc()
        await self.close()
        return self


@lru_cache(maxsize=4)
def _rate(text: str) -> RateLimit:
    return RateLimit.parse(text)


def _is_longer(message: str | bytes, limit: int) -> bool:
    """Whether a message has more bytes than that. Of most, the characters tell."""
    if isinstance(message, str) and len(message) * 4 > limit:
        return len(message) > limit or len(message.encode(errors="replace")) > limit
    return len(message) > limit
