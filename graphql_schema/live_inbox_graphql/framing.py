"""How results are put into the messages of a transport."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from live_inbox.delivery.position import Position
from live_inbox_graphql import json_text
from live_inbox_graphql.events import Item


class Framing(Protocol):
    """Puts the results of one operation into messages. Results are JSON in UTF-8.

    A message for an event is `start` and what `of_event` returns, which is encoded once for all operations whose
    framings have the same `tag`.
    """

    @property
    def start(self) -> bytes: ...
    @property
    def tag(self) -> Hashable: ...

    def of_event(self, result: bytes, item: Item) -> bytes:
        """Return the message of an event, without its start."""

    def of_result(self, result: bytes) -> bytes:
        """Return the whole message of any other result."""

    def of_beginning(self, position: Position) -> bytes | None:
        """Return the message with the position at which a subscription begins, if the transport has one."""


class SocketFraming:
    """The messages of both subprotocols of WebSockets: `{"id":...,"type":...,"payload":<the result>}`."""

    __slots__ = ("start",)

    tag: Hashable = None

    def __init__(self, id: str, result_type: str) -> None:
        self.start = b'{"id":%b,"type":"%b","payload":' % (
            json_text.dumps(id),
            result_type.encode(),
        )

    def of_event(self, result: bytes, item: Item) -> bytes:
        """Return the result with the brace that ends its message."""
        return result + b"}"

    def of_result(self, result: bytes) -> bytes:
        """Return the message."""
        return self.start + result + b"}"

    def of_beginning(self, position: Position) -> bytes | None:
        """Return None: clients take positions from events."""
        return None
