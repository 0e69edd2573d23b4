"""A server's side of ASGI, played by the test: for what real servers do not let happen on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

from live_inbox_graphql.consumer import GraphQLConsumer
from tests.graphql.graphql_server import GRAPHQL_TRANSPORT_WS, WAIT_SECONDS

Message = MutableMapping[str, Any]


class FakeSocket:
    """One socket. What the application sends is in `sent`; it can be made to wait, or to fail."""

    def __init__(self, consumer: GraphQLConsumer, **scope: Any) -> None:
        self.consumer = consumer
        self.sent: list[Message] = []
        self.writable = asyncio.Event()
        self.writable.set()
        self.error: Exception | None = None
        self.received = 0
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._scope = {
            "type": "websocket",
            "path": "/graphql/",
            "headers": [],
            "query_string": b"",
            "subprotocols": [GRAPHQL_TRANSPORT_WS],
            **scope,
        }
        self.receives_event({"type": "websocket.connect"})
        self.task = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        await self.consumer(self._scope, self._receive, self._send)

    async def _receive(self) -> Message:
        message = await self._incoming.get()
        self.received += 1
        return message

    async def _send(self, message: Message) -> None:
        await self.writable.wait()
        if self.error is not None:
            raise self.error
        self.sent.append(message)
        if message["type"] == "websocket.close":
            self.receives_event({"type": "websocket.disconnect", "code": message.get("code", 1000)})

    def receives_event(self, message: Message) -> None:
        """Let the application receive an event."""
        self._incoming.put_nowait(message)

    def receives(self, message: object) -> None:
        """Let the application receive what a client sends: text, bytes, or what is made JSON of."""
        key = "bytes" if isinstance(message, bytes) else "text"
        raw = message if isinstance(message, str | bytes) else json.dumps(message)
        self.receives_event({"type": "websocket.receive", key: raw})

    def disconnects(self) -> None:
        """Let the client vanish."""
        self.error = OSError("the client has gone")
        self.writable.set()
        self.receives_event({"type": "websocket.disconnect", "code": 1005})

    async def ended(self) -> None:
        """Wait until the application is through with the socket."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self.task

    @property
    def types(self) -> list[str]:
        """The types of the protocol's messages that were sent, and `close`."""
        return [
            json.loads(message["text"])["type"] if "text" in message else message["type"][10:]
            for message in self.sent
        ]
