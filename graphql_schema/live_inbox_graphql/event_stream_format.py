"""The format of event streams: that of server-sent events, with the events of the graphql-sse protocol.

https://html.spec.whatwg.org/multipage/server-sent-events.html and PROTOCOL.md of graphql-sse, "distinct connections
mode". No socket, no loop (sans-IO).
"""

from __future__ import annotations

from collections.abc import Hashable

from live_inbox.delivery.position import Position
from live_inbox_graphql.events import Item

COMMENT = b":\n\n"
"""Keeps the stream open. Clients ignore it."""

COMPLETE = b"event: complete\ndata: \n\n"
"""The end of an operation. Without `data`, an EventSource would not dispatch the event."""


def result_event(result: bytes, position: str | None = None) -> bytes:
    """Return the event of a result: JSON without line breaks. A client resumes with its id, which is the position."""
    if position is None:
        return b"event: next\ndata: %b\n\n" % result
    return b"event: next\nid: %b\ndata: %b\n\n" % (position.encode(), result)


def only_result(result: bytes) -> bytes:
    """Return the whole stream of an operation with one result."""
    return result_event(result) + COMPLETE


def id_of_beginning(position: str) -> bytes:
    """Return what sets the id with which a client resumes, and dispatches no event."""
    return b"id: %b\n\n" % position.encode()


def retry_after(milliseconds: int) -> bytes:
    """Return what sets how long an EventSource waits before it reconnects."""
    return b"retry: %d\n\n" % milliseconds


class EventStreamFraming:
    """The messages of one event stream. A `Framing`."""

    __slots__ = ("position",)

    start = b""
    tag: Hashable = "event stream"

    def __init__(self) -> None:
        self.position: str | None = None
        """That of the event whose result `of_result` frames next; None for results without a position."""

    def of_event(self, result: bytes, item: Item) -> bytes:
        """Return the message of an event."""
        return result_event(result, str(item.position))

    def of_result(self, result: bytes) -> bytes:
        """Return the message of any other result."""
        return result_event(result, self.position)

    def of_beginning(self, position: Position) -> bytes:
        """Return the message with the position at which a subscription begins."""
        return id_of_beginning(str(position))
