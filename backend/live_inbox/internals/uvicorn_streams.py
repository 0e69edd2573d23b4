"""Writes the body of a stream straight into its connection, as `uvicorn_sockets` writes messages: without ASGI.

What stands between the server and the application may change bodies, and compress them. So the first part is sent by
ASGI, and what arrives at the connection shows whether anything has changed it.

What this relies on: a `RequestResponseCycle` writes to its attribute `transport`; its `flow` has `write_paused` and
`drain`. Tested with uvicorn 0.54.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator, Sequence
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from live_inbox.sockets.write_coalescing import write_coalescer

MOST_UNSENT = 65_536
"""Bytes that wait for the end of an iteration of the event loop. With more, they are written at once, to learn whether
the transport has room."""


class ObservedTransport:
    """The transport of a response, which keeps what is written: its header and its first part."""

    __slots__ = ("_transport", "written")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.written = b""

    def write(self, data: bytes) -> None:
        """Write."""
        self.written += data
        self._transport.write(data)

    def close(self) -> None:
        """Close."""
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the transport is being closed."""
        closing: bool = self._transport.is_closing()
        return closing

    def stop(self, cycle: RequestResponseCycle) -> None:
        """Leave the response to its transport."""
        cycle.transport = self._transport

    def has_passed(self, part: bytes) -> bool:
        """Whether a header was written, and after it this part as it is."""
        header, _, body = self.written.partition(b"\r\n\r\n")
        is_plain = b"content-encoding" not in header.lower()
        return is_plain and body == b"%x\r\n%b\r\n" % (len(part), part)


class DirectBody:
    """Takes the parts of one body. As a `live_inbox.sockets.writer.DirectSocket`, as far as that writes."""

    __slots__ = ("_coalescer", "_cycle", "_transport", "_unsent", "_unsent_bytes")

    def __init__(
        self,
        cycle: RequestResponseCycle,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._cycle = cycle
        self._transport = transport
        self._coalescer = write_coalescer(loop)
        self._unsent: list[bytes] | None = None
        self._unsent_bytes = 0

    @property
    def unread_bytes(self) -> int:
        """What waits for the client."""
        return self._transport.get_write_buffer_size()

    def write(self, parts: Sequence[bytes]) -> Awaitable[None] | None:
        """Write parts in this iteration of the event loop; return what to wait for if there is no more room."""
        cycle = self._cycle
        if cycle.disconnected or cycle.response_complete:
            return None
        if self._unsent is None:
            self._unsent = list(parts)
            self._coalescer.add(self)
        else:
            self._unsent += parts
        self._unsent_bytes += sum(map(len, parts))
        if self._unsent_bytes > MOST_UNSENT:
            self.flush()
        return self.room()

    def room(self) -> Awaitable[None] | None:
        """Return what to wait for if there is no room for more."""
        flow = self._cycle.flow
        return FlowWaiter(flow) if flow.write_paused else None

    def flush(self) -> None:
        """Write what was not written yet, as one chunk."""
        unsent, self._unsent = self._unsent, None
        if not unsent:
            return
        size, self._unsent_bytes = self._unsent_bytes, 0
        cycle = self._cycle
        is_over = cycle.disconnected or cycle.response_complete or self._transport.is_closing()
        if not is_over:
            self._transport.write(b"%x\r\n%b\r\n" % (size, b"".join(unsent)))


class FlowWaiter:
    """Awaitable until the connection has room. Not a coroutine: Python warns about one that nobody awaits."""

    __slots__ = ("_flow",)

    def __init__(self, flow: FlowControl) -> None:
        self._flow = flow

    def __await__(self) -> Generator[Any, None, None]:
        return self._flow.drain().__await__()
