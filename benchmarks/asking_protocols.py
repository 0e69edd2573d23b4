"""The client side of sockets on which something is asked, one thing at a time: lists, for example."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from typing import Any

import orjson

from benchmarks.client_protocols import ClientProtocol, Refused
from benchmarks.operations import LIST, Operation, Wrong, data_of

ID = "1"
# Where a message begins: the rest of it may be long.
_NEXT = re.compile(rb'"type": ?"next"')
_BEGINNING = 64


class AskingProtocol(ClientProtocol):
    """A socket that is ready for questions as soon as it is open."""

    @abstractmethod
    def ask(self, operation: Operation) -> bytes:
        """Return the message that asks for something."""

    @abstractmethod
    def answer(self, text: bytes) -> bytes | None:
        """Return what is to be checked, once this message has made the answer whole."""

    @abstractmethod
    def data(self, value: Any) -> Any:
        """Return what GraphQL calls `data` out of the JSON of what is to be checked. Raise Wrong if it has errors."""


class GraphQLAskingProtocol(AskingProtocol):
    """graphql-transport-ws, for queries and mutations."""

    headers = ("Sec-WebSocket-Protocol: graphql-transport-ws",)

    def __init__(self, path: str, payload: dict[str, str]) -> None:
        super().__init__(path)
        self._init = json.dumps({"type": "connection_init", "payload": payload}).encode()
        self._result: bytes | None = None

    def on_open(self) -> list[bytes]:
        """Begin with `connection_init`."""
        return [self._init]

    def on_message(self, text: bytes) -> list[bytes]:
        """Be ready after the acknowledgement."""
        if json.loads(text)["type"] != "connection_ack":
            raise Refused(text.decode())
        self.is_ready = True
        return []

    def ask(self, operation: Operation) -> bytes:
        """Return the operation as `subscribe`."""
        payload = {"query": operation.query, "variables": dict(operation.variables)}
        return orjson.dumps({"id": ID, "type": "subscribe", "payload": payload})

    def answer(self, text: bytes) -> bytes | None:
        """Return the result when the operation is complete."""
        if _NEXT.search(text, 0, _BEGINNING):
            self._result = text
            return None
        match json.loads(text)["type"]:
            case "complete":
                result, self._result = self._result, None
                return result
            case "ping":
                return None
        return text

    def data(self, value: Any) -> Any:
        """Return the data of a `next`."""
        if value["type"] != "next":
            raise Wrong(str(value)[:300])
        return data_of(value["payload"])


class JSONAskingProtocol(AskingProtocol):
    """The product's JSON API, for lists."""

    def ask(self, operation: Operation) -> bytes:
        """Return the message that asks for the list."""
        assert operation.query == LIST
        return orjson.dumps({"type": "get_notifications", "limit": operation.variables["first"]})

    def answer(self, text: bytes) -> bytes | None:
        """Return the message: it is the answer."""
        return text

    def data(self, value: Any) -> Any:
        """Return the list as GraphQL names it. It has no senders."""
        if value["type"] != "notifications_list":
            raise Wrong(str(value)[:300])
        nodes = [{**row, "createdAt": row["created_at"]} for row in value["notifications"]]
        counts = {"totalCount": value["total"], "unreadCount": value["unread_count"]}
        return {"notifications": {**counts, "nodes": nodes}}
