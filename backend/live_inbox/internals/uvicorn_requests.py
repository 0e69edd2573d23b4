"""Limits to what a client may do with HTTP requests, handshakes of WebSockets among them.

A subclass of uvicorn's `HttpToolsProtocol`, which waits for the end of a request for ever, keeps whatever headers come,
and never gives up a client that does not read its response. Here:

- The header of a request has to be complete within HEADER_SECONDS. Bytes that trickle in do not extend the time. Nor do
  empty lines between two requests, which end uvicorn's keep-alive timer.
- The body has to arrive at BODY_RATE at least.
- A header has limits of its size and number of fields, a body that of MAX_BODY_BYTES: 431 and 413, at once. Django
  would write a body of any size to the disk before it looks at the path.
- Handshakes take turns (`live_inbox.sockets.loop_turns`).
- A handshake that websockets does not take is answered. uvicorn leaves it open without an answer.
- What was read together with a handshake is given to the WebSocket, where it is ours. uvicorn drops it.
- MAX_PIPELINED requests may wait behind one that is served. What comes after them is not read.
- A client that does not read its response is dropped after WRITE_SECONDS, or before if one address has too much of it
  (`live_inbox.sockets.unread_output`).
- A client that sends no more (EOF) still gets the responses to its complete requests. uvicorn closes the connection,
  and the application then writes to a transport that is closed.
- A request is of HTTP/1.0 or 1.1, and one of 1.1 has one Host, as RFC 9112 (section 3.2) requires it: two parsers
  might choose different ones. Only probes of load balancers may have none.
- Bodies come with a length or in chunks, and in no other coding: the application could not read it, and a proxy may
  find another end of it.
- Fields after a body in chunks (trailers) are dropped. uvicorn adds them to the header, where a proxy's own fields are.
- A request that offers another protocol than WebSocket is served without that, as RFC 9110 (section 7.8) allows. For
  the parser it ends with its header, and its body would be the next request.
- Nothing is logged for a request that is refused.
- A handshake behind a request that is still served is refused. uvicorn hands the connection over at once, and the
  response to that request then stands among the frames of the socket.
- A stream (`StreamingConnection`) counts as a socket, and ends when the server stops: at a random moment, as sockets.
  uvicorn would wait for it as for any other response. A client that is gone without a word is noticed by TCP.
- When the server stops, a connection without a request stays open for IDLE_SHUTDOWN_SECONDS, and a request that comes
  is answered as the last one. uvicorn closes it at once, whatever is on its way: a proxy repeats no POST, and answers
  502.
- The number of connections is limited by MAX_CONNECTIONS and the number of descriptors
  (`live_inbox.sockets.open_files`), and for one address (`live_inbox.sockets.address_limits`).

What it relies on: the methods that it overrides, `_should_upgrade` and `_unset_keepalive_if_required`, and the
attributes `transport`, `connections`, `cycle`, `pipeline`, `parser`, `headers`, `url`, `flow`,
`timeout_keep_alive_task` and `server_state`; `expected_content_length` and `body` of a cycle; that each request is
started by `_start_asgi_task`; `conn.handshake_exc` of the protocol of WebSockets. Tested with uvicorn 0.54 and
httptools 0.9.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from functools import partial
from http import HTTPStatus
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.internals.requirements import require
from live_inbox.internals.uvicorn_header_writes import HeaderWithBody
from live_inbox.internals.uvicorn_streams import DirectBody, ObservedTransport
from live_inbox.sockets import address_limits
from live_inbox.sockets.address_limits import (
    AddressLimit,
    connections_of_addresses,
    sockets_of_addresses,
)
from live_inbox.sockets.asgi import BOUNDED, STREAMING
from live_inbox.sockets.loop_turns import loop_turns
from live_inbox.sockets.open_files import ConnectionLimit
from live_inbox.sockets.refusals import refusal_response
from live_inbox.sockets.server_protocol import (
    IDLE_SHUTDOWN_SECONDS,
    SHUTDOWN_RATE,
    SHUTDOWN_SECONDS,
)
from live_inbox.sockets.unread_output import reader_of, unread_output

require(
    HttpToolsProtocol,
    "_should_upgrade",
    "_start_asgi_task",
    "_unset_keepalive_if_required",
    "connection_lost",
    "connection_made",
    "data_received",
    "eof_received",
    "handle_websocket_upgrade",
    "on_body",
    "on_header",
    "on_headers_complete",
    "on_message_begin",
    "on_message_complete",
    "on_response_complete",
    "pause_writing",
    "resume_writing",
    "send_400_response",
    "shutdown",
    "timeout_keep_alive_handler",
)

HEADER_SECONDS = 10.0
"""For the whole header of a request, from the connection or the first byte of the request on."""

BODY_SECONDS = 30.0
"""How often the rate of a body is checked."""

BODY_RATE = 1024
"""Bytes of a body in a second, at least, unless the application does not read."""

WRITE_SECONDS = 60.0
"""How long a client may not read its response."""

MAX_HEADER_BYTES = 32_768
MAX_HEADERS = 128
"""As many as websockets takes in a handshake."""


MAX_FIELD_BYTES = 16_384
"""One field of the header, its name included."""

MAX_MEDIA_TYPE_BYTES = 2048
"""The fields of media types, for which Django takes long: two milliseconds for each kilobyte."""

_MEDIA_TYPES = frozenset({b"accept", b"content-type"})

PROBES = (b"healthz", b"readyz", b"version", b"metrics")
"""The last part of paths that are answered without a Host, which some load balancers leave out (health_middleware)."""

MAX_HANDSHAKE_LINE = 8190
"""The request line and each field of a handshake, without their ends: what websockets takes."""

MAX_PIPELINED = 16
"""Requests of one connection that wait for the response to another."""

LINGER_SECONDS = 2.0
LINGER_BYTES = 1024 * 1024
"""How long and how much is read and dropped after a refusal. To close a TCP connection with unread data would reset
it, and the client would not see the answer."""


class Part(Enum):
    """What is awaited of a client."""

    HEADER = auto()
    BODY = auto()
    NOTHING = auto()


class RequestRefused(Exception):
    """Raised in a callback of the parser, which then stops."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One HTTP connection of the server, whose client cannot hold it for longer than the limits."""

    def __init__(self, *args: Any, limit: ConnectionLimit, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limit = limit
        self._rest = b""
        self._addresses: AddressLimit | None = None
        self._address_key: str | None = None
        self._served: RequestResponseCycle | None = None
        self._part = Part.HEADER
        self._requests = 0
        self._header_bytes = 0
        self._received_bytes = 0
        self._body_bytes = 0
        self._body_total = 0
        self._refusal: tuple[HTTPStatus, str] | None = None
        self._is_ended = False
        self._is_upgrading = False
        self._response: HeaderWithBody | None = None
        self._discarded = 0
        self._linger_deadline: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._deadline_for: tuple[Part, int] | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._on_shutdown: Callable[[], None] | None = None
        self._shutdown_timer: asyncio.TimerHandle | None = None
        self._is_stopping = False
        self._observed: ObservedTransport | None = None

    # -- connections --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for a request, or refuse the connection if there are too many."""
        super().connection_made(transport)
        if not self._limit.admits(len(self.connections)):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_connections", is_reading=False)
        elif not self._is_within_limit_of_address():
            self._refuse_connection()
        else:
            self._set_deadline()

    def _is_within_limit_of_address(self) -> bool:
        peer = self._peer
        if inbox_settings().proxies.trusts(peer):
            # It has the connections of all its clients. Their handshakes are counted by the sockets.
            return True
        addresses = connections_of_addresses()
        key = addresses.key(peer)
        if key is None:
            return True
        self._address_key = key
        if not addresses.open(key):
            return False
        self._addresses = addresses
        return True

    def _refuse_connection(self) -> None:
        """Refuse the connection of an address that has too many, after a while."""
        key = self._address_key
        if key is None or not connections_of_addresses().begin_refusal(key):
            self._answer_refusal()
            return
        self._end_reading()
        self.transport.pause_reading()
        # Not cancelled when the client goes: a client that does would not have to wait.
        self.loop.call_later(
            address_limits.REFUSAL_SECONDS, self._end_refusal, connections_of_addresses(), key
        )

    def _end_refusal(self, addresses: AddressLimit, key: str) -> None:
        addresses.end_refusal(key)
        self._answer_refusal()

    def _answer_refusal(self) -> None:
        if not self.transport.is_closing():
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, "connections_of_address", is_reading=False)

    @property
    def _peer(self) -> str | None:
        return self.client[0] if self.client else None

    def _leave_address(self) -> None:
        if self._addresses is not None and self._address_key is not None:
            self._addresses.close(self._address_key)
            self._addresses = None

    def eof_received(self) -> bool:  # type: ignore[override]  # as asyncio's Protocol
        """Return whether to keep the connection open: for the responses to requests that are complete.

        Not for a stream: its client has left, and nothing else would show that.
        """
        is_stream = self._on_shutdown is not None
        if is_stream or self._is_idle() or self._part is Part.BODY or self.transport.is_closing():
            self._disconnect()
            return False
        self._end_reading()
        self.cycle.keep_alive = False
        return True

    def _disconnect(self) -> None:
        """Tell the application that the client is gone. `cycle` is the newest request; an older one may be served."""
        for cycle in (self._served, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.waiting_for_100_continue = False
                # The application does not get it any more, and may not look for a long time.
                cycle.body = bytearray()
                cycle.message_event.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection."""
        self._disconnect()
        self.end_stream()
        for cycle in (self._served, self.cycle):
            if cycle is not None:
                # It refers to this object, which otherwise stays until a garbage collection.
                scope: Any = cycle.scope
                scope.pop(STREAMING, None)
        self._served = self._response = None
        self._leave_address()
        unread_output().release(self)
        self._cancel_deadline()
        self._cancel_write_deadline()
        if self._linger_deadline is not None:
            self._linger_deadline.cancel()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to a WebSocket when it is its turn, or refuse the handshake."""
        self._part = Part.NOTHING
        if not self._is_idle():
            self._refuse_next(HTTPStatus.BAD_REQUEST, "handshake")
            return
        if self.scope["method"] != "GET" or self.parser.get_http_version() != "1.1":
            # RFC 6455, section 4.2.1. uvicorn would pass it on as a GET of HTTP/1.1.
            self._refuse(HTTPStatus.BAD_REQUEST, "handshake")
            return
        if len(self.scope["method"]) + len(self.url) + len("  HTTP/1.1") > MAX_HANDSHAKE_LINE:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, "header_too_large")
            return
        if any(len(name) + len(value) + 2 > MAX_HANDSHAKE_LINE for name, value in self.headers):
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "header_too_large")
            return
        self._cancel_deadline()
        self._cancel_write_deadline()
        frames, self._rest = self._rest, b""
        self._is_upgrading = True
        key = sockets_of_addresses().key(reader_of(self._peer, self.scope))
        if not loop_turns(self.loop).take(key, partial(self._hand_over, frames)):
            self.transport.pause_reading()

    def _hand_over(self, frames: bytes) -> None:
        """Hand the connection over, and what was read together with the handshake."""
        if self._is_stopping:
            # Without an answer, so that a proxy asks another server.
            self.transport.close()
        if self.transport.is_closing():
            return
        self.transport.resume_reading()
        # From here on, it counts as a socket.
        self._leave_address()
        super().handle_websocket_upgrade()
        self._pass_on(frames)
        connection = getattr(self.transport.get_protocol(), "conn", None)
        is_invalid = getattr(connection, "handshake_exc", None) is not None
        if is_invalid and not self.transport.is_closing():
            # uvicorn's own class has neither answered nor closed. Ours has.
            self._refuse(HTTPStatus.BAD_REQUEST, "handshake", is_reading=False)
        # It refers to this object, which otherwise stays until a garbage collection.
        self.parser = None  # type: ignore[assignment]  # as uvicorn when a connection is lost

    def _pass_on(self, frames: bytes) -> None:
        """Give the WebSocket what was read together with its handshake, which uvicorn drops."""
        protocol: Any = self.transport.get_protocol()
        if frames and getattr(protocol, "takes_early_frames", False):
            protocol.data_received(frames)

    # -- requests -----------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Parse what was received, and set the deadline for what is missing."""
        if self._is_ended:
            self._discard(len(data))
            return
        requests = self._requests
        self._parse(data)
        if not self._is_reading():
            return
        # Only the parser knows where in these bytes a new request begins. They count from the next read on.
        self._received_bytes += len(data) if requests == self._requests else 1
        if self._part is Part.HEADER and self._received_bytes > MAX_HEADER_BYTES:
            self._refuse_next(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "header_too_large")
            return
        if self._part is Part.NOTHING and self._is_idle() and self.timeout_keep_alive_task is None:
            self._await_header()
        self._set_deadline()

    def _parse(self, data: bytes) -> None:
        """Parse, as uvicorn's `data_received` does."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except HttpParserError as error:
            self.send_400_response(str(error))
        except HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
            if self._should_upgrade():
                self._rest = rest
                self.handle_websocket_upgrade()
                self._rest = b""
            else:
                self._parse_without_offer(rest)

    def _parse_without_offer(self, rest: bytes) -> None:
        """Parse the request again, without the protocol that it offers, and what comes after its header."""
        line = self.parser.get_method(), self.url, self.parser.get_http_version().encode()
        fields = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        self.parser = HttpRequestParser(self)
        self._header_bytes = 0
        self._parse(b"%b %b HTTP/%b\r\n%b\r\n" % (*line, b"".join(fields)) + rest)

    def _offers_other_protocol(self) -> bool:
        return bool(self.parser.should_upgrade()) and not self._should_upgrade()

    def on_message_begin(self) -> None:
        """Note the first byte of a request. Raises RequestRefused if too many wait."""
        if len(self.pipeline) >= MAX_PIPELINED:
            self._stop_parsing(HTTPStatus.TOO_MANY_REQUESTS, "pipelining")
        self._await_header()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the header. Raises RequestRefused."""
        size = len(name) + len(value)
        self._header_bytes += size
        most = MAX_MEDIA_TYPE_BYTES if name.lower() in _MEDIA_TYPES else MAX_FIELD_BYTES
        is_too_large = size > most or self._header_bytes > MAX_HEADER_BYTES
        if is_too_large or len(self.headers) >= MAX_HEADERS:
            self._stop_parsing(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "header_too_large")
        if self._part is not Part.BODY:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to serve a request, whose body may follow. Raises RequestRefused for a body that is too large."""
        if self.parser.get_method() == b"CONNECT":
            self._stop_parsing(HTTPStatus.BAD_REQUEST, "bad_request")
        if self._offers_other_protocol():
            return
        if not self._has_one_host() or not self._has_known_coding():
            self._stop_parsing(HTTPStatus.BAD_REQUEST, "bad_request")
        if self._announced_length() > inbox_settings().max_body_bytes:
            self._stop_parsing(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large")
        self._part = Part.BODY
        self._body_bytes = self._body_total = 0
        super().on_headers_complete()
        if self._is_stopping and not self._is_idle():  # as it is at a handshake
            self.cycle.keep_alive = False

    def _has_one_host(self) -> bool:
        version = self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts == 0 and version == "1.1":
            return self._is_probe()
        return hosts <= 1 and version in ("1.0", "1.1")

    def _is_probe(self) -> bool:
        return self.url.partition(b"?")[0].rpartition(b"/")[2] in PROBES

    def _has_known_coding(self) -> bool:
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        is_http_11 = self.parser.get_http_version() == "1.1"
        return not codings or (codings == [b"chunked"] and is_http_11)

    def _announced_length(self) -> int:
        # The parser has refused what is no number, and more than one.
        lengths = (value for name, value in self.headers if name == b"content-length")
        return int(next(lengths, b"0"))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._served = cycle
        scope: Any = cycle.scope
        scope[BOUNDED] = True
        scope[STREAMING] = self
        self._response = joined = HeaderWithBody(self.transport, self.loop)
        transport: Any = joined
        cycle.transport = transport
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body. Raises RequestRefused when it has become too large: it has come in chunks."""
        self._body_bytes += len(body)
        self._body_total += len(body)
        if self._body_total > inbox_settings().max_body_bytes:
            self._stop_parsing(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large")
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note the last byte of a request."""
        if self._offers_other_protocol():
            return
        self._part = Part.NOTHING
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that cannot be parsed."""
        if self._refusal is not None:
            refusal, self._refusal = self._refusal, None
            if self._part is Part.BODY:
                self._refuse(*refusal)
            else:
                self._refuse_next(*refusal)
        elif self._part is Part.BODY:
            # Its end does not come any more, and the application may wait for it.
            self._refuse(HTTPStatus.BAD_REQUEST, "bad_request")
        else:
            self._refuse_next(HTTPStatus.BAD_REQUEST, "bad_request")

    def _is_reading(self) -> bool:
        is_given_up = self._is_ended or self._is_upgrading or self.transport.is_closing()
        return not is_given_up and self.transport.get_protocol() is self

    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return (cycle is None or cycle.response_complete) and not self.pipeline

    def _await_header(self) -> None:
        if self._part is Part.HEADER:
            return
        self._part = Part.HEADER
        self._requests += 1
        self._header_bytes = self._received_bytes = 0

    # -- deadlines ----------------------------------------------------------------------------------------

    def _set_deadline(self) -> None:
        """Set the deadline for what is awaited now, unless it is set already."""
        awaited = None if self._part is Part.NOTHING else (self._part, self._requests)
        if awaited == self._deadline_for:
            return
        self._cancel_deadline()
        if awaited is not None and not self._is_ended:
            seconds = HEADER_SECONDS if self._part is Part.HEADER else BODY_SECONDS
            self._deadline = self.loop.call_later(seconds, self._miss_deadline)
            self._deadline_for = awaited

    def _miss_deadline(self) -> None:
        self._deadline = self._deadline_for = None
        if self._part is Part.BODY and (
            self.flow.read_paused or self._body_bytes >= BODY_SECONDS * BODY_RATE
        ):
            self._body_bytes = 0
            self._set_deadline()
        elif self._part is Part.HEADER and not self._is_idle():
            # The response to the request before is not finished. It will be the last one.
            self.cycle.keep_alive = False
        elif self._part is Part.HEADER and not self._received_bytes:
            # Nobody has asked for anything.
            metrics.CONNECTIONS_REFUSED.labels("request_timeout").inc()
            self.transport.close()
            self._abort_later()
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request_timeout")

    def _cancel_deadline(self) -> None:
        self._deadline_for = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def pause_writing(self) -> None:
        """Give the client time to read what fills the buffer."""
        super().pause_writing()
        reader = self._peer if self._served is None else reader_of(self._peer, self._served.scope)
        unread_output().hold(self, reader, self._unread_bytes(), self.transport.abort)
        self._abort_later()

    def resume_writing(self) -> None:
        """Note that the client reads."""
        super().resume_writing()
        unread_output().release(self)
        self._cancel_write_deadline()

    def _unread_bytes(self) -> int:
        """Return what the client has not read of its response. Django holds the whole, and writes a part at a time."""
        cycle: RequestResponseCycle | None = self.cycle
        unwritten = 0 if cycle is None else cycle.expected_content_length
        return self.transport.get_write_buffer_size() + unwritten

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the client to read the last response."""
        self._end_response()
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_later()

    def _end_response(self) -> None:
        """Write the header of a response without a body before anything else."""
        if self._response is not None:
            self._response.flush()
            self._response = None

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection without requests."""
        super().timeout_keep_alive_handler()
        self._abort_later()

    def _abort_later(self) -> None:
        """Cut the connection after a time if the client reads nothing. A transport that closes would wait for ever."""
        if self._write_deadline is None and self.transport.get_write_buffer_size():
            self._write_deadline = self.loop.call_later(WRITE_SECONDS, self._stop_waiting)

    def _stop_waiting(self) -> None:
        self._write_deadline = None
        metrics.CONNECTIONS_REFUSED.labels("response_timeout").inc()
        self.transport.abort()

    def _cancel_write_deadline(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    # -- streams ------------------------------------------------------------------------------------------

    def begin_stream(self, on_shutdown: Callable[[], None]) -> None:
        """Serve the response as a socket: see `StreamingConnection`."""
        if self._served is None:
            return
        self._leave_address()
        self._served.keep_alive = False
        observed: Any = ObservedTransport(self._served.transport)
        self._served.transport = self._observed = observed
        self._on_shutdown = on_shutdown
        connection = self.transport.get_extra_info("socket")
        # Not every system and not every event loop can do it. Then TCP takes a quarter of an hour.
        with suppress(AttributeError, NotImplementedError, OSError, TypeError):
            milliseconds = int(WRITE_SECONDS * 1000)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        if self._is_stopping:
            self._shutdown_timer = self.loop.call_later(0, self.close_now)

    def direct_body(self, first_part: bytes) -> DirectBody | None:
        """Return what takes the rest of the body without ASGI; None where something may change it."""
        observed, self._observed = self._observed, None
        cycle = self._served
        if observed is None or cycle is None:
            return None
        observed.stop(cycle)
        has_passed = observed.has_passed(first_part)
        return DirectBody(cycle, self.transport, self.loop) if has_passed else None

    def end_stream(self) -> None:
        """Call nothing any more when the server stops."""
        self._on_shutdown = None
        if self._shutdown_timer is not None:
            self._shutdown_timer.cancel()
            self._shutdown_timer = None

    def shutdown(self) -> None:
        """Take no other request than what may be on its way; end a stream at a random moment soon."""
        self._is_stopping = True
        if self._is_idle():
            self._shutdown_timer = self.loop.call_later(IDLE_SHUTDOWN_SECONDS, self._close_idle)
        else:
            super().shutdown()
        if self._on_shutdown is not None and self._shutdown_timer is None:
            spread = min(SHUTDOWN_SECONDS, len(self.connections) / SHUTDOWN_RATE)
            self._shutdown_timer = self.loop.call_later(random.uniform(0, spread), self.close_now)  # noqa: S311  # no secret

    def close_now(self) -> None:
        """End a stream without waiting for its turn, or a connection without a request."""
        on_shutdown = self._on_shutdown
        self.end_stream()
        if on_shutdown is not None:
            on_shutdown()
        elif self._is_stopping:
            self._close_idle()

    def _close_idle(self) -> None:
        if self._is_idle():
            self.transport.close()
            self._abort_later()

    # -- refusals -----------------------------------------------------------------------------------------

    def _stop_parsing(self, status: HTTPStatus, cause: str) -> None:
        """Have the request that is being parsed refused. Raises RequestRefused; uvicorn calls `send_400_response`."""
        self._refusal = (status, cause)
        raise RequestRefused

    def _refuse_next(self, status: HTTPStatus, cause: str) -> None:
        """Refuse a request whose header is not complete. If another is being served, its response is the last."""
        if self._is_idle():
            self._refuse(status, cause)
            return
        metrics.CONNECTIONS_REFUSED.labels(cause).inc()
        self._end_reading()
        self.cycle.keep_alive = False

    def _refuse(self, status: HTTPStatus, cause: str, *, is_reading: bool = True) -> None:
        """Answer with a status, unless an answer has begun, and close the connection.

        `is_reading`: whether the client may still be sending, so that the answer has to be waited for.
        """
        metrics.CONNECTIONS_REFUSED.labels(cause).inc()
        self._end_reading()
        self._end_response()
        is_answered = bool(self.pipeline) or (not self._is_idle() and self.cycle.response_started)
        if not self._is_idle():
            # Nothing of the application may follow the answer.
            self._disconnect()
        if not is_answered:
            self.transport.write(refusal_response(status))
        if is_reading and not is_answered and self.transport.can_write_eof():
            self._linger()
        else:
            self.transport.close()
            self._abort_later()

    def _end_reading(self) -> None:
        """Take no request any more: what still comes is dropped."""
        self._is_ended = True
        self._part = Part.NOTHING
        self._cancel_deadline()
        self._unset_keepalive_if_required()

    def _linger(self) -> None:
        """Wait a moment for the client to read the answer and to close (lingering close)."""
        self.transport.write_eof()
        self._linger_deadline = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        self.flow.resume_reading()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > LINGER_BYTES:
            self.flow.pause_reading()
