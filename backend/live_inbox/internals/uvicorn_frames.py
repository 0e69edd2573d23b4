"""Limits to what a client may do with WebSocket frames: a subclass of uvicorn's `WebSocketsSansIOProtocol`.

uvicorn parses everything that one read has brought, tens of thousands of empty frames if need be, answers each ping
although nobody reads the answers, and keeps the fragments of a message however many there are. Here:

- Frames that the application never sees (pings, unsolicited pongs, fragments, and what comes after the close) count
  against SOCKET_RATE, and a message may have MAX_FRAMES frames.
- A read is parsed in slices. Parsing pauses as soon as a message waits for the application, and after
  MAX_FRAMES_AT_ONCE frames. A long read, and every read of a socket that has had many frames in one, waits for its turn
  (`live_inbox.sockets.loop_turns`): twenty sockets that are flooded are parsed one after the other.
- While the socket is not writable, only the latest ping is remembered. It is answered when there is room, as RFC 6455
  (section 5.5.3) allows.
- What clients do not read is limited for one address, and in all (`live_inbox.sockets.unread_output`).
- A client that breaks the protocol or a limit gets its close frame. The server goes on reading for a moment (lingering
  close): to close a TCP connection with unread data would reset it, and the close frame could be lost.
- Frames that come before the socket is accepted wait. uvicorn answers pings before the handshake.
- Nothing is logged for a client that leaves before its socket is accepted.
- Text that is not UTF-8 is refused with the first fragment that shows it, not at the end of the message.
- A client may close the socket in the middle of a message; websockets calls that a protocol error.

What it relies on: the methods that it overrides, and the attributes `conn`, `queue`, `frames`, `curr_msg_data_type`,
`read_paused`, `writable`, `client`, `scope`, `transport`, `pending_ping_payload`, `handshake_initiated`,
`handshake_complete`, `close_sent` and `close_timer`; `recv_frame`, `fail`, `handshake_exc`, `events`, `current_size`,
`close_sent` and `state` of websockets' `ServerProtocol`. Tested with uvicorn 0.54 and websockets 17.
"""

from __future__ import annotations

from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.internals.requirements import require
from live_inbox.limits.rate import Meter, RateLimit
from live_inbox.sockets.address_limits import sockets_of_addresses
from live_inbox.sockets.asgi import Message
from live_inbox.sockets.loop_turns import Piece, loop_turns
from live_inbox.sockets.unread_output import reader_of, unread_output

require(
    WebSocketsSansIOProtocol,
    "connection_lost",
    "data_received",
    "handle_bytes",
    "handle_cont",
    "handle_events",
    "handle_parser_exception",
    "handle_ping",
    "handle_pong",
    "handle_text",
    "pause_writing",
    "receive",
    "resume_writing",
    "send",
    "send_receive_event_to_app",
    "stop_keepalive",
)
require(ServerProtocol, "fail", "data_to_send", "recv_frame")

MAX_FRAMES = 128
"""Frames of one message."""

MAX_FRAMES_AT_ONCE = 64
"""Frames that are parsed in one turn of the event loop. About: they are counted after each slice."""

FEW_FRAMES = 8
"""After more frames in one read, the reads of a socket take turns, however short they are."""

SLICE = 1024
"""Bytes that are parsed before frames are counted: at most 170 frames."""

LINGER_SECONDS = 2.0
"""How long a client that has broken the protocol or a limit may take to read its close frame."""

LINGER_BYTES = 1024 * 1024
"""How much of what that client sends is read and dropped meanwhile."""

TOO_MANY_FRAMES = (1009, "Too many frames in a message")
RATE_EXCEEDED = (1008, "Too many frames")
INVALID_TEXT = (1007, "Invalid UTF-8")
_TOO_BIG = 1009

_utf8_decoder = getincrementaldecoder("utf-8")


class _ServerProtocol(ServerProtocol):
    """The state of one WebSocket; a close frame may come between the fragments of a message (RFC 6455, section 5.4)."""

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


class BoundedSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket of the server, whose client cannot take more than its share of memory and time."""

    __slots__ = (
        "_discarded",
        "_frame_meter",
        "_frames_at_once",
        "_held_pong",
        "_is_refused",
        "_takes_turns",
        "_unparsed",
        "_utf8",
        "_waits",
        "on_frame_rate",
    )

    takes_early_frames = True
    """Whether frames may come before the socket is accepted: they wait."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on_frame_rate: Callable[[], tuple[int, str]] | None = None
        self._frame_meter: Meter | None = None
        self._frames_at_once = 0
        self._held_pong: bytes | None = None
        self._unparsed: memoryview | None = None
        self._is_refused = False
        self._takes_turns = False
        self._waits = False
        self._discarded = 0
        self._utf8: IncrementalDecoder | None = None
        # uvicorn has created it, with what it needs.
        self.conn.__class__ = _ServerProtocol

    # -- parsing ------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Parse what was received, or as much of it as may be parsed now."""
        if self._is_refused:
            self._discard(len(data))
        elif not self.handshake_initiated:
            super().data_received(data)
            if self.conn.handshake_exc is not None and not self.handshake_initiated:
                self._refuse_handshake()
        elif self._may_parse_at_once(len(data)):
            self._frames_at_once = 0
            super().data_received(data)
            self._takes_turns = self._frames_at_once > FEW_FRAMES
        else:
            before = b"" if self._unparsed is None else bytes(self._unparsed)
            self._unparsed = memoryview(before + data)
            self._parse_in_turn()

    def _may_parse_at_once(self, size: int) -> bool:
        is_short = size <= SLICE and not self._takes_turns
        return is_short and self._unparsed is None and self.handshake_complete

    def _parse_in_turn(self) -> None:
        """Parse when it is the turn of the client's address, which may be now."""
        if self._waits:
            return
        self._waits = True
        if not self._take_turn(self._parse_now):
            self._pause_reading()

    def _take_turn(self, piece: Piece) -> bool:
        """Call `piece` when it is the turn of the client's address; return whether that was now."""
        peer = self.client[0] if self.client else None
        key = sockets_of_addresses().key(reader_of(peer, self.scope))
        return loop_turns(self.loop).take(key, piece)

    def _parse_now(self) -> None:
        self._waits = False
        self._parse()

    def _parse(self) -> None:
        """Parse until a message waits for the application, or there is nothing left."""
        self.flush()
        self._frames_at_once = 0
        while self._unparsed is not None:
            if self._is_refused or self.transport.is_closing():
                self._unparsed = None
                return
            if not self.handshake_complete or (not self.queue.empty() and not self.close_sent):
                # `send` goes on with the acceptance, or `receive`.
                self._pause_reading()
                return
            if self._frames_at_once >= MAX_FRAMES_AT_ONCE:
                self._pause_reading()
                # Not at once, as for an address that takes no turns.
                self.loop.call_soon(self._parse_in_turn)
                return
            part, rest = self._unparsed[:SLICE], self._unparsed[SLICE:]
            self._unparsed = rest if len(rest) else None
            super().data_received(bytes(part))
        if self.queue.empty() or self.close_sent:
            self._resume_reading()

    def handle_events(self) -> None:
        """Count the frames that were parsed, and handle them."""
        self._frames_at_once += len(self.conn.events)
        super().handle_events()

    async def receive(self) -> Any:
        """Return the next message of the client; read on when there is none left."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            if self._unparsed is not None:
                self._parse_in_turn()
            else:
                self._resume_reading()
        return message

    async def send(self, message: Message) -> None:  # type: ignore[override]  # uvicorn's own names every message
        """Send a message of ASGI. Raises ClientDisconnected once the client was refused, or has left before."""
        if self._is_refused or self._has_left_handshake():
            raise ClientDisconnected
        await super().send(message)  # type: ignore[arg-type]
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            # uvicorn would log an error for a handshake that was refused with a response.
            self.handshake_complete = True
        if self._unparsed is not None and (
            self.close_sent or message["type"] == "websocket.accept"
        ):
            # The answer to the close may be in it, or frames that came before the acceptance.
            self._parse_in_turn()

    def _has_left_handshake(self) -> bool:
        """Whether the client has left before the acceptance. uvicorn would log an error of the application for each."""
        return not self.handshake_complete and self.transport.is_closing()

    def flush(self) -> None:
        """Write what was not written yet, before anything else is written: a subclass may delay writes."""

    def _pause_reading(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    # -- frames -------------------------------------------------------------------------------------------

    def handle_text(self, event: Frame) -> None:
        """Handle a text message, or its first fragment."""
        self._handle_data(event, super().handle_text)

    def handle_bytes(self, event: Frame) -> None:
        """Handle a binary message, or its first fragment."""
        self._handle_data(event, super().handle_bytes)

    def handle_cont(self, event: Frame) -> None:
        """Handle another fragment of a message."""
        if len(self.frames) >= MAX_FRAMES:
            self.refuse(*TOO_MANY_FRAMES, "too_many_frames")
        else:
            self._handle_data(event, super().handle_cont)

    def _handle_data(self, event: Frame, handle: Callable[[Frame], None]) -> None:
        # The session counts messages; here count fragments, and messages that no session gets.
        if not event.fin or self.close_sent:
            self._count_frame()
        if self._is_refused:
            return
        if not event.fin or self._utf8 is not None:
            self._check_fragment(event)
        if not self._is_refused:
            handle(event)

    def _check_fragment(self, event: Frame) -> None:
        """Refuse a fragment of a text that is not UTF-8. A character may be continued by the next one."""
        if event.opcode is Opcode.TEXT:
            self._utf8 = _utf8_decoder()
        if self._utf8 is not None:
            try:
                self._utf8.decode(event.data, event.fin)
            except UnicodeDecodeError:
                self.refuse(*INVALID_TEXT, "protocol_error")
            if event.fin or self._is_refused:
                self._utf8 = None

    def send_receive_event_to_app(self) -> None:
        """Queue a message for the application, and read no more until it has been fetched."""
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        message: dict[str, Any] = {"type": "websocket.receive"}
        if self.curr_msg_data_type == "text":
            try:
                message["text"] = data.decode()
            except UnicodeDecodeError:
                self.refuse(*INVALID_TEXT, "protocol_error")
                return
        else:
            message["bytes"] = bytes(data)
        self.queue.put_nowait(message)  # type: ignore[arg-type]
        self._pause_reading()

    def handle_ping(self) -> None:
        """Answer a ping: at once if the socket is writable."""
        self._count_frame()
        # The answers to all pings that were parsed together, and to a close frame after them.
        output = self.conn.data_to_send()
        if self._is_refused or not output:
            return
        if self.writable.is_set() or self.conn.state is not State.OPEN:
            self.transport.write(b"".join(output))
        else:
            self._held_pong = output[-1]

    def handle_pong(self, event: Frame) -> None:
        """Handle the answer to a ping of the server, which is free, or an unsolicited pong, which is counted."""
        if self.pending_ping_payload is None or bytes(event.data) != self.pending_ping_payload:
            self._count_frame()
        else:
            super().handle_pong(event)

    def pause_writing(self) -> None:
        """Count what the client does not read."""
        super().pause_writing()
        reader = reader_of(self.client[0] if self.client else None, self.scope)
        unread_output().hold(
            self, reader, self.transport.get_write_buffer_size(), self.transport.abort
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the socket."""
        unread_output().release(self)
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """Answer the ping that came while there was no room."""
        super().resume_writing()
        unread_output().release(self)
        pong, self._held_pong = self._held_pong, None
        if pong is not None and not (self.close_sent or self.transport.is_closing()):
            self.transport.write(pong)

    def _count_frame(self) -> None:
        """Take a frame from the allowance; close the socket if there is none left."""
        if self._is_refused:
            return
        if self._frame_meter is None:
            self._frame_meter = Meter(_rate(inbox_settings().socket_rate))
        if self._frame_meter.check() is not None:
            frame = RATE_EXCEEDED if self.on_frame_rate is None else self.on_frame_rate()
            self.refuse(*frame, "frame_rate")

    # -- the end of a client that breaks the protocol or a limit ------------------------------------------

    def refuse(self, code: int, reason: str, cause: str) -> None:
        """Close the socket for what its client has sent. `cause` is the label in the metrics."""
        if not self._is_refused:
            self.conn.fail(code, reason)
            self._end_refused(cause)

    def handle_parser_exception(self) -> None:
        """Close a socket whose client breaks the protocol of frames; websockets has prepared the close frame."""
        if not self._is_refused:
            sent = self.conn.close_sent
            is_too_big = sent is not None and sent.code == _TOO_BIG
            self._end_refused("message_too_big" if is_too_big else "protocol_error")

    def _end_refused(self, cause: str) -> None:
        metrics.CONNECTIONS_REFUSED.labels(cause).inc()
        self._is_refused = True
        self._unparsed = self._held_pong = None
        self.frames = []
        self.stop_keepalive()
        # Nobody waits for room any more.
        self.writable.set()
        self.flush()
        sent = self.conn.close_sent
        if sent is None:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
            self.transport.abort()
            return
        if not self.close_sent:
            self.close_sent = True
            self.queue.put_nowait(
                {"type": "websocket.disconnect", "code": sent.code, "reason": sent.reason}
            )
        self._linger(b"".join(self.conn.data_to_send()))

    def _linger(self, last: bytes) -> None:
        """Write the close frame and the end of the stream, and wait a moment for the client to close."""
        if self.close_timer is not None:
            self.close_timer.cancel()
        # uvicorn closes the connection when the application has ended, unless there is this timer.
        self.close_timer = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        if self.transport.is_closing():
            return
        self.transport.write(last)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._resume_reading()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > LINGER_BYTES and not self.transport.is_closing():
            self._pause_reading()

    def _refuse_handshake(self) -> None:
        """Answer a handshake that websockets cannot parse, which uvicorn leaves open without an answer."""
        metrics.CONNECTIONS_REFUSED.labels("handshake").inc()
        self.handshake_complete = self.close_sent = self._is_refused = True
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 17\r\n"
            b"Connection: close\r\n\r\nInvalid handshake"
        )
        self.transport.close()


@lru_cache(maxsize=4)
def _rate(text: str) -> RateLimit:
    return RateLimit.parse(text)
