"""A real server on a free port, in the test's own event loop, with clients for both subprotocols."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest
import uvicorn
from django.core.handlers.asgi import ASGIHandler
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from live_inbox.apps import doorbell
from live_inbox.database_log import DatabaseLog
from live_inbox.database_threads import in_database_thread
from live_inbox.delivery.hub import HubConfig
from live_inbox.events import decode
from live_inbox.feed import Feed
from live_inbox.identity.accounts import account_statuses
from live_inbox.identity.admissions import Admissions
from live_inbox.middleware_bypass import headers_of_middleware, may_bypass
from live_inbox.sockets.asgi import Application
from live_inbox_graphql.consumer import GraphQLConsumer
from live_inbox_graphql.event_stream_requests import EventStreamRequests
from live_inbox_graphql.event_streams import EventStreams
from live_inbox_graphql.schema import configured_schema
from tests.waiting import until
from tests.watched_hub import WatchedHub

GRAPHQL_TRANSPORT_WS = "graphql-transport-ws"
GRAPHQL_WS = "graphql-ws"

OUR_CLASS = "live_inbox.sockets.server_protocol:socket_protocol"
PLAIN_CLASS = "websockets-sansio"
"""The protocol classes for sockets: ours, and uvicorn's own, with which the APIs use ASGI alone."""

OUR_HTTP_CLASS = "live_inbox.sockets.server_protocol:http_protocol"
PLAIN_HTTP_CLASS = "httptools"
"""The same for requests."""

WAIT_SECONDS = 20.0
"""How long a test waits for what must happen. A test only fails by it."""


class Clock:
    """The wall clock of the admissions, which tests can advance."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass(frozen=True, slots=True)
class Closed:
    """How the server closed a socket."""

    code: int
    reason: str


class Client:
    """A socket that speaks one of the subprotocols."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        is_new = connection.subprotocol == GRAPHQL_TRANSPORT_WS
        self.start_type, self.result_type, self.stop_type = (
            ("subscribe", "next", "complete") if is_new else ("start", "data", "stop")
        )

    async def send(self, message: object) -> None:
        """Send a message as JSON; text and bytes as they are."""
        raw = message if isinstance(message, str | bytes) else json.dumps(message)
        await self.connection.send(raw)

    async def receive(self) -> Any:
        """Return the next message that is not a keep-alive message."""
        while True:
            async with asyncio.timeout(WAIT_SECONDS):
                message = json.loads(await self.connection.recv())
            if message != {"type": "ka"}:
                return message

    async def init(self, payload: object = None) -> None:
        """Send `connection_init`, and receive `connection_ack`."""
        await self.send({"type": "connection_init", "payload": payload})
        assert await self.receive() == {"type": "connection_ack"}

    async def start(self, id: str, query: str, variables: dict[str, Any] | None = None) -> None:
        """Start an operation."""
        payload = {"query": query, "variables": variables}
        await self.send({"type": self.start_type, "id": id, "payload": payload})

    async def result(self, id: str) -> Any:
        """Return the payload of the operation's next result."""
        message = await self.receive()
        assert (message["type"], message["id"]) == (self.result_type, id), message
        return message["payload"]

    async def data(self, id: str) -> Any:
        """Return the value of the only field of the operation's next result."""
        payload = await self.result(id)
        assert "errors" not in payload, payload
        (value,) = payload["data"].values()
        return value

    async def ask(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        """Run a query or mutation and return its payload."""
        await self.start("ask", query, variables)
        payload = await self.result("ask")
        assert await self.receive() == {"type": "complete", "id": "ask"}
        return payload

    async def closed(self) -> Closed:
        """Wait until the server closes the socket, and return how."""
        with pytest.raises(ConnectionClosed) as caught:
            await self._read_on()
        frame = caught.value.rcvd
        assert frame is not None, "the connection broke off"
        return Closed(frame.code, frame.reason)

    async def _read_on(self) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                await self.connection.recv()


@dataclass
class GraphQLServer:
    """The parts of the server that a test moves by hand."""

    hub: WatchedHub
    admissions: Admissions
    clock: Clock
    uvicorn: uvicorn.Server
    clients: AsyncExitStack
    options: dict[str, Any]

    @property
    def port(self) -> int:
        """The port that the system has chosen."""
        port: int = self.uvicorn.servers[0].sockets[0].getsockname()[1]
        return port

    async def until_subscribed(self, count: int) -> None:
        """Wait until that many subscriptions of this hub have found their place."""
        await until(lambda: self.hub.places == count)

    async def open(
        self, *subprotocols: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Client:
        """Open a socket; by default of the newer subprotocol."""
        return await self.open_with(
            subprotocols or (GRAPHQL_TRANSPORT_WS,), headers=headers, **options
        )

    async def open_with(
        self,
        subprotocols: Sequence[str],
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Client:
        """Open a socket that offers these subprotocols, or none."""
        names = [Subprotocol(name) for name in subprotocols]
        connection = await self.clients.enter_async_context(
            connect(
                f"ws://127.0.0.1:{self.port}/graphql/",
                subprotocols=names or None,
                additional_headers=headers,
                compression=None,
                **options,
            )
        )
        return Client(connection)


@asynccontextmanager
async def running_graphql_server(
    socket_class: str = OUR_CLASS, *, http_class: str = OUR_HTTP_CLASS
) -> AsyncIterator[GraphQLServer]:
    """Serve while in the block: sockets, and requests as the product does, by Django's view or past its middleware.

    `graphql_server.options` are the consumer's, for sockets that are opened later.
    """
    hub = WatchedHub(
        DatabaseLog(), layer=None, decode=decode, config=HubConfig(reconcile_seconds=0.2)
    )
    clock = Clock()

    async def read_statuses(user_ids: Any) -> Any:
        return await in_database_thread(account_statuses, user_ids)

    admissions = Admissions(read_statuses, clock=clock)
    options: dict[str, Any] = {}
    requests = EventStreamRequests(
        cast("Application", ASGIHandler()),
        streams=EventStreams(Feed(hub), admissions),
        serves=may_bypass,
        more_headers=headers_of_middleware,
    )

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await requests(scope, receive, send)
            return
        consumer = GraphQLConsumer(configured_schema(), Feed(hub), admissions, **options)
        await consumer(scope, receive, send)

    settings = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=0,
        http=http_class,
        ws=socket_class,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=5,
    )
    settings.load()
    server = uvicorn.Server(settings)
    server.lifespan = settings.lifespan_class(settings)
    # Neither `serve` nor `shutdown`, which look only every tenth of a second whether they are to end.
    await server.startup()
    await hub.start()
    try:
        async with doorbell().attached(hub.on_message), AsyncExitStack() as clients:
            yield GraphQLServer(hub, admissions, clock, server, clients, options)
    finally:
        for listener in server.servers:
            listener.close()
        # The clients have gone: nothing may be left of any socket.
        async with asyncio.timeout(WAIT_SECONDS):
            await asyncio.gather(*server.server_state.tasks)
        assert len(admissions) == 0
        await hub.stop()
