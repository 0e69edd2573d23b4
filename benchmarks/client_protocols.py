"""The client side of each protocol: what a socket sends until it is subscribed, and what it answers afterwards."""

from __future__ import annotations

import json
from typing import ClassVar

from benchmarks.content import SUBSCRIPTION


class Refused(RuntimeError):
    """Raised when the server sends something that is no part of subscribing."""


class ClientProtocol:
    """A socket that is subscribed as soon as it is open, and is never asked anything."""

    headers: ClassVar[tuple[str, ...]] = ()

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_ready = False

    def on_open(self) -> list[bytes]:
        """Return the first messages."""
        self.is_ready = True
        return []

    def on_message(self, text: bytes) -> list[bytes]:
        """Return the answers to a message that is no event."""
        return []


class GraphQLClientProtocol(ClientProtocol):
    """graphql-transport-ws. The answer to a ping shows that the server has read the subscription.

    It may not have begun it: without `after`, events of that moment are no part of it.
    """

    headers = ("Sec-WebSocket-Protocol: graphql-transport-ws",)

    def __init__(self, path: str, payload: dict[str, str], after: str | None = None) -> None:
        super().__init__(path)
        self._init = json.dumps({"type": "connection_init", "payload": payload}).encode()
        query, variables = SUBSCRIPTION, {}
        if after is not None:
            query = query.replace("Events {", "Events($after: String) {", 1)
            query = query.replace("notificationEvents {", "notificationEvents(after: $after) {", 1)
            variables = {"after": after}
        operation = {"id": "1", "type": "subscribe"}
        self._subscribe = json.dumps(
            operation | {"payload": {"query": query, "variables": variables}}
        ).encode()

    def on_open(self) -> list[bytes]:
        """Begin with `connection_init`."""
        return [self._init]

    def on_message(self, text: bytes) -> list[bytes]:
        """Subscribe after the acknowledgement; answer pings."""
        message = json.loads(text)
        match message["type"]:
            case "connection_ack":
                return [self._subscribe, b'{"type":"ping"}']
            case "pong":
                self.is_ready = True
                return []
            case "ping":
                return [b'{"type":"pong"}']
        raise Refused(text.decode())


class JSONClientProtocol(ClientProtocol):
    """The product's JSON API. The list shows that the socket is subscribed."""

    def on_open(self) -> list[bytes]:
        """Ask for the list."""
        return [b'{"type":"get_notifications"}']

    def on_message(self, text: bytes) -> list[bytes]:
        """Wait for the list."""
        message = json.loads(text)
        if message["type"] == "error":
            raise Refused(text.decode())
        self.is_ready = self.is_ready or message["type"] == "notifications_list"
        return []


class SocketIOClientProtocol(ClientProtocol):
    """Engine.IO 4 and Socket.IO 5."""

    def on_open(self) -> list[bytes]:
        """Wait for the server's greeting."""
        return []

    def on_message(self, text: bytes) -> list[bytes]:
        """Join the main namespace; answer pings."""
        if text.startswith(b"44"):
            raise Refused(text.decode())
        if text.startswith(b"40"):
            self.is_ready = True
        return {b"0": [b"40"], b"2": [b"3"]}.get(text[:1], [])
