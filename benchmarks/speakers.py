"""What a socket says until it is subscribed, and what it answers afterwards: one class for each protocol."""

from __future__ import annotations

import json
from typing import ClassVar

from benchmarks.content import SUBSCRIPTION


class Refused(RuntimeError):
    """The server says something that a subscribed socket does not get."""


class Speaker:
    """A socket that is subscribed as soon as it is open, and is never asked anything."""

    headers: ClassVar[tuple[str, ...]] = ()

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_ready = False

    def opened(self) -> list[bytes]:
        """Return what to say first."""
        self.is_ready = True
        return []

    def heard(self, text: bytes) -> list[bytes]:
        """Return what to say to a message that is no event."""
        return []


class GraphQLSpeaker(Speaker):
    """Speaks graphql-transport-ws, and takes the answer to a ping for the sign that it is subscribed."""

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

    def opened(self) -> list[bytes]:
        """Begin with `connection_init`."""
        return [self._init]

    def heard(self, text: bytes) -> list[bytes]:
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


class OriginalSpeaker(Speaker):
    """Speaks the product's original JSON protocol: the list shows that it is subscribed."""

    def opened(self) -> list[bytes]:
        """Ask for the list."""
        return [b'{"type":"get_notifications"}']

    def heard(self, text: bytes) -> list[bytes]:
        """Wait for the list."""
        message = json.loads(text)
        if message["type"] == "error":
            raise Refused(text.decode())
        self.is_ready = self.is_ready or message["type"] == "notifications_list"
        return []


class SocketIOSpeaker(Speaker):
    """Speaks Engine.IO 4 and Socket.IO 5."""

    def opened(self) -> list[bytes]:
        """Wait for the server's greeting."""
        return []

    def heard(self, text: bytes) -> list[bytes]:
        """Join the main namespace; answer pings."""
        if text.startswith(b"44"):
            raise Refused(text.decode())
        if text.startswith(b"40"):
            self.is_ready = True
        return {b"0": [b"40"], b"2": [b"3"]}.get(text[:1], [])
