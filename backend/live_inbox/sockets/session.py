"""One WebSocket from its acceptance to its end: the transport that every protocol of this product shares.

Or one event stream over HTTP, which has the same limits and the same ends, and whose client sends nothing.

The session reads the socket, enforces the limits, admits the caller, drains on shutdown and closes with a code. What a
message means is left to the session's protocol:

    server -> SocketSession -> WireProtocol.handle_text      what a client sends
    feed   -> WireProtocol  -> SocketSession.write -> server what a client receives

Four protocols run on it: `live_inbox.json_api.connection.JsonConnection`, the two subclasses of
`live_inbox_graphql.connection.GraphQLConnection`, and `live_inbox_graphql.event_streams.EventStream`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Protocol

from prometheus_client import Counter

from live_inbox import access_log, log_context, metrics, tracing
from live_inbox.conf import inbox_settings
from live_inbox.delivery.hub import HubClosed
from live_inbox.identity.admissions import AccessEnd, Admission, Admissions, Warn
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.scopes import Right, allows
from live_inbox.limits.rate import Meter, RateLimit
from live_inbox.log_context import LogContext
from live_inbox.sockets import address_limits
from live_inbox.sockets.address_limits import sockets_of_addresses, sockets_of_users
from live_inbox.sockets.asgi import Message, Receive, Scope, Send, client_address
from live_inbox.sockets.background_tasks import BackgroundTasks
from live_inbox.sockets.known_addresses import known_addresses
from live_inbox.sockets.loop_turns import loop_turns
from live_inbox.sockets.refusals import refuse_handshake
from live_inbox.sockets.writer import SocketWriter, direct_socket

logger = logging.getLogger(__name__)


class TooManySockets(Exception):
    """Raised when a caller has as many sockets in this process as MAX_SOCKETS_PER_USER allows."""


DISCONNECT_SECONDS = 2.0
"""How long a session waits for the server's disconnect after it has closed its socket. hypercorn reports none as long
as the client does not answer the close, and one that has lost its network never does."""


_DISCONNECTS = frozenset({"websocket.disconnect", "http.disconnect"})


class CloseReason(Enum):
    """Why the session itself closes a socket. Each API has its own close code for it."""

    RATE_LIMITED = auto()
    ACCESS_ENDED = auto()
    """The token has expired, or the user or the token is no longer accepted."""
    RESTARTING = auto()
    FAILED = auto()


CloseFrame = Callable[[CloseReason, str], tuple[int, str]]
"""Returns the close code and the reason of an ending. The string is an `AccessEnd` for ACCESS_ENDED, else empty."""


@dataclass(slots=True)
class SocketConfig:
    """What all sockets of one API have in common."""

    api: str
    """The API's label in metrics."""
    admissions: Admissions
    rate: RateLimit
    max_message_bytes: int
    admission_seconds: float
    """How long it may take to learn who the caller is."""
    drain_seconds: float
    """How long queries and actions in progress may take when the server stops."""
    close_frame: CloseFrame
    admitted: Counter = field(init=False)

    def __post_init__(self) -> None:
        self.admitted = metrics.ADMISSIONS.labels(self.api, "admitted", "")
        # From 0 on: of a series that begins with 1, Prometheus sees no growth.
        for reason in (Reason.WRONG_KEY, Reason.WRONG_ISSUER, Reason.WRONG_AUDIENCE):
            metrics.ADMISSIONS.labels(self.api, "refused", reason.value)

    def count_refusal(self, reason: str) -> None:
        """Count a socket whose caller is not admitted."""
        metrics.ADMISSIONS.labels(self.api, "refused", reason).inc()


def socket_config(
    api: str,
    admissions: Admissions,
    close_frame: CloseFrame,
    *,
    admission_seconds: float | None = None,
) -> SocketConfig:
    """Return the configuration of an API's sockets by the settings; CONNECTION_INIT_SECONDS unless that is given."""
    settings = inbox_settings()
    return SocketConfig(
        api=api,
        admissions=admissions,
        rate=RateLimit.parse(settings.socket_rate),
        max_message_bytes=settings.max_message_bytes,
        admission_seconds=settings.connection_init_seconds
        if admission_seconds is None
        else admission_seconds,
        drain_seconds=settings.drain_seconds,
        close_frame=close_frame,
    )


class WireProtocol(Protocol):
    """What one protocol does with the messages of one socket. It calls the session to write and to close.

    A handler may return something to wait for, such as room in the socket; the next message is read after that
    (backpressure). An exception closes the socket with the code of FAILED.
    """

    def start(self) -> None:
        """Begin: called once, before the first message is read."""

    def handle_text(self, text: str) -> Awaitable[None] | None:
        """Handle a text message within the limits."""

    def handle_binary(self, data: bytes) -> Awaitable[None] | None:
        """Handle a binary message within the limits."""

    def handle_oversized(self, message: str | bytes) -> Awaitable[None] | None:
        """Handle a message with more bytes than MAX_MESSAGE_BYTES."""

    def sent_through(self) -> int | None:
        """Return the sequence of the last event that was sent; None while no inbox is followed."""
        return None

    def drain(self) -> None:
        """Close the session with RESTARTING when nothing is in progress: the server stops. No message follows."""

    def on_close(self) -> None:
        """Send nothing any more: the session is about to send the close frame."""

    def stop(self) -> Iterable[asyncio.Task[None]]:
        """Release everything: the socket is gone. Return the tasks that the session has to cancel."""


class SocketSession:
    """One accepted socket. A single task serves it: the one that calls `run`.

    Whatever goes wrong, the client gets a close code that says whether to reconnect.
    """

    # Thousands of sockets are idle, and memory limits their number: slots, no task and no timer of the session's own.
    __slots__ = (
        "_address_key",
        "_admission",
        "_closing",
        "_code",
        "_disconnect_timer",
        "_meter",
        "_protocol",
        "_receive",
        "_task",
        "_user_key",
        "background",
        "caller",
        "config",
        "is_draining",
        "is_open",
        "scope",
        "trace_parent",
        "writer",
    )

    def __init__(
        self, scope: Scope, receive: Receive, writer: SocketWriter, config: SocketConfig
    ) -> None:
        self.scope = scope
        self.writer = writer
        self.config = config
        # Servers forget the headers once the socket is accepted.
        self.trace_parent = tracing.parent_of_headers(scope.get("headers") or ())
        """The context to which the requests on this socket belong: what the client has sent, if it has."""
        self.background = BackgroundTasks()
        self.caller: Caller | None = None
        self.is_open = True
        """Whether messages are written. False once the socket is closing or gone."""
        self.is_draining = False
        """Whether the server stops, and the socket is closed as soon as nothing is in progress."""
        self._receive = receive
        self._meter = Meter(config.rate)
        self._protocol: WireProtocol | None = None
        self._admission: Admission | None = None
        self._closing: asyncio.Task[None] | None = None
        self._code: int | None = None
        self._disconnect_timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None
        self._address_key: str | None = None
        self._user_key: str | None = None

    # -- limits of one address ----------------------------------------------------------------------------

    def enter(self) -> bool:
        """Count the handshake for its address; return whether the socket may be accepted. Call `leave` afterwards."""
        limit = sockets_of_addresses()
        key = limit.key(client_address(self.scope))
        if key is None:
            return True
        if not limit.open(key):
            return False
        self._address_key = key
        return True

    def leave(self) -> None:
        """Count the socket for its address no more. Calling it again does no harm."""
        key, self._address_key = self._address_key, None
        if key is not None:
            sockets_of_addresses().close(key)

    def take_turn(self, piece: Callable[[], None]) -> None:
        """Call `piece` when it is the turn of the client's address, which may be now."""
        loop_turns(asyncio.get_running_loop()).take(self._address_key, piece)

    async def refuse_too_many(self, send: Send) -> None:
        """Refuse the handshake of an address that has too many, after a moment."""
        await self.wait_for_refusal()
        await self.refuse(send, HTTPStatus.TOO_MANY_REQUESTS)

    async def refuse(self, send: Send, status: HTTPStatus) -> None:
        """Refuse the handshake with an HTTP status, or with 403 on servers that know no other."""
        metrics.SOCKETS_CLOSED.labels(self.config.api, str(int(status))).inc()
        has_response = "websocket.http.response" in (self.scope.get("extensions") or {})
        if status is HTTPStatus.FORBIDDEN or not has_response:
            await self.writer.close(1000, "")
            return
        await refuse_handshake(send, status)

    async def wait_for_refusal(self) -> None:
        """Let an address that has too many wait for a moment."""
        limit = sockets_of_addresses()
        key = limit.key(client_address(self.scope))
        if key is None or not limit.begin_refusal(key):
            return
        try:
            await asyncio.sleep(address_limits.REFUSAL_SECONDS)
        finally:
            limit.end_refusal(key)

    # -- reading ------------------------------------------------------------------------------------------

    async def run(
        self,
        open_protocol: Callable[[SocketSession], Awaitable[WireProtocol | None]],
        subprotocol: str | None = None,
    ) -> None:
        """Serve the socket until it is gone, and leave nothing of it behind.

        `open_protocol` returns the protocol, or closes the session and returns None. `subprotocol` is the one that was
        accepted.
        """
        self._task = asyncio.current_task()
        log_context.begin(LogContext("socket", self.config.api))
        began = time.monotonic() if access_log.is_chosen() else None
        direct = direct_socket(self.scope)
        if direct is not None:
            direct.on_frame_rate = self._exceed_frame_rate
        with metrics.SOCKETS.labels(self.config.api, subprotocol or "").track_inprogress():
            try:
                self._protocol = await open_protocol(self)
                if self._protocol is not None:
                    self._start(self._protocol)
                    await self._read()
                else:
                    await self._closed()
            except asyncio.CancelledError:
                if self._has_given_up():
                    return
                # How hypercorn and daphne stop, and `asyncio.run`. Their own codes would have clients give up.
                self.close_for(CloseReason.RESTARTING)
                await self._closed()
                raise
            except Exception as error:
                self.fail(error)
                await self._closed()
            finally:
                await self._release()
                if began is not None:
                    seconds = time.monotonic() - began
                    access_log.log_socket(self.config.api, subprotocol, self._code, seconds)

    def _start(self, protocol: WireProtocol) -> None:
        protocol.start()
        direct = direct_socket(self.scope)
        if direct is not None:
            direct.on_shutdown = self.shut_down

    async def _read(self) -> None:
        # No variable for the message: it would be kept until the next.
        while await self._handle(await self._receive()):
            pass

    async def _handle(self, message: Message) -> bool:
        """Handle a message of the server; return whether there may be others."""
        if message["type"] in _DISCONNECTS:
            return False
        # Messages that arrive while the socket is closing are ignored.
        if self.is_open and not self.is_draining:
            room = self._dispatch(message.get("text"), message.get("bytes"))
            if room is not None:
                await room
            # What this message has started may write later, and the client may stop it again and start more. A client
            # that does not read is not read either.
            room = self.writer.room()
            if room is not None:
                await room
        return True

    def _dispatch(self, text: str | None, data: bytes | None) -> Awaitable[None] | None:
        assert self._protocol is not None
        if self._meter.check() is not None:
            metrics.RATE_LIMITED.labels("socket").inc()
            self.close_for(CloseReason.RATE_LIMITED)
            return None
        message = data or b"" if text is None else text
        if is_longer(message, self.config.max_message_bytes):
            return self._protocol.handle_oversized(message)
        if isinstance(message, bytes):
            return self._protocol.handle_binary(message)
        return self._protocol.handle_text(message)

    async def _release(self) -> None:
        self.is_open = False
        self._task = None
        if self._disconnect_timer is not None:
            self._disconnect_timer.cancel()
        if self._admission is not None:
            self._admission.release()
            self._admission = None
        if self._user_key is not None:
            sockets_of_users.close(self._user_key)
            self._user_key = None
        tasks = () if self._protocol is None else self._protocol.stop()
        # These refer to each other, and would stay until a garbage collection.
        self._protocol = None
        self.writer.discard()
        await self.background.end(tasks)

    # -- admission ----------------------------------------------------------------------------------------

    async def admit(self, authentication: Coroutine[Any, Any, Caller]) -> Caller:
        """Learn who the caller is, and close the socket when that caller may no longer be here.

        Raises TimeoutError after `admission_seconds`, TooManySockets, and whatever the authentication raises.
        """
        try:
            async with asyncio.timeout(self.config.admission_seconds):
                caller = await authentication
        except Exception as error:
            self.config.count_refusal(_reason_of(error))
            raise
        if not sockets_of_users.open(caller.user_id, inbox_settings().max_sockets_per_user):
            metrics.RATE_LIMITED.labels("sockets_of_user").inc()
            self.config.count_refusal("too_many_sockets")
            raise TooManySockets
        self.config.admitted.inc()
        log_context.note_request(caller.user_id, None)
        self._user_key = caller.user_id
        known_addresses().note(self._address_key)
        self.caller = caller
        self._admission = self.config.admissions.register(
            caller,
            self._end,
            api=self.config.api,
            address=client_address(self.scope),
            position=self._sent_through,
        )
        direct = direct_socket(self.scope)
        if direct is not None:
            direct.forget_handshake()
        return caller

    async def renew(self, authentication: Coroutine[Any, Any, Caller]) -> float | None:
        """Keep the socket open by a fresh token; return when it expires now, in unix seconds, None for never.

        Raises AuthenticationFailed, also for a token of another user and for one that may not read where the last one
        might, what the authentication raises, and TimeoutError. After that, the socket is as it was.
        """
        assert self.caller is not None
        assert self._admission is not None
        async with asyncio.timeout(self.config.admission_seconds):
            caller = await authentication
        if caller.user_id != self.caller.user_id:
            raise AuthenticationFailed(Reason.OTHER_USER)
        if allows(self.caller.scopes, Right.READ) and not allows(caller.scopes, Right.READ):
            # The subscriptions of the socket go on.
            raise AuthenticationFailed(Reason.SCOPE)
        self.caller = caller
        self._admission.renew(caller)
        return self._admission.expires_at

    def warn_before_expiry(self, warn: Warn) -> None:
        """Call `warn`, with the moment in unix seconds, some seconds before the socket is closed by its expiry."""
        assert self._admission is not None
        self._admission.warn_before_expiry(warn)

    def _end(self, reason: AccessEnd) -> None:
        self.close_for(CloseReason.ACCESS_ENDED, reason.value)

    def _sent_through(self) -> int | None:
        return None if self._protocol is None else self._protocol.sent_through()

    # -- writing ------------------------------------------------------------------------------------------

    def write(self, messages: Sequence[bytes]) -> Awaitable[None] | None:
        """Write messages; if something is returned, wait for it before more is written (backpressure)."""
        return self.writer.write(messages) if self.is_open else None

    # -- the end ------------------------------------------------------------------------------------------

    def close(self, code: int, reason: str) -> None:
        """Close the socket after what was written. Does nothing to one that is closing or gone."""
        if not self.is_open:
            return
        self._closing = self.background.run(self.writer.close(code, reason))
        self._closing.add_done_callback(self._expect_disconnect)
        self._stop_writing(code)

    def _stop_writing(self, code: int) -> None:
        self.is_open = False
        self._code = int(code)
        metrics.SOCKETS_CLOSED.labels(self.config.api, str(int(code))).inc()
        if self._protocol is not None:
            self._protocol.on_close()

    def _exceed_frame_rate(self) -> tuple[int, str]:
        """Return the close frame for the server, which closes a socket that floods it with frames."""
        metrics.RATE_LIMITED.labels("socket").inc()
        code, reason = self.config.close_frame(CloseReason.RATE_LIMITED, "")
        if self.is_open:
            self._stop_writing(code)
        return code, reason

    def close_for(self, ending: CloseReason, detail: str = "") -> None:
        """Close the socket with the API's code for an ending."""
        self.close(*self.config.close_frame(ending, detail))

    def fail(self, error: Exception) -> None:
        """Close the socket with the code that an exception deserves; log all but HubClosed."""
        if isinstance(error, HubClosed):
            self.close_for(CloseReason.RESTARTING)
            return
        logger.error(
            "A socket of the %s API failed; its client reconnects.", self.config.api, exc_info=error
        )
        self.close_for(CloseReason.FAILED)

    def shut_down(self) -> None:
        """Close the socket, because the server stops, once everything in progress is answered (graceful shutdown)."""
        if self._protocol is None:
            return
        self.is_draining = True
        self._protocol.drain()
        if self.is_open:
            self.background.run(self._force_close())

    async def _force_close(self) -> None:
        await asyncio.sleep(self.config.drain_seconds)
        self.close_for(CloseReason.RESTARTING)

    def _expect_disconnect(self, closing: asyncio.Task[None]) -> None:
        if self._task is not None:
            loop = asyncio.get_running_loop()
            self._disconnect_timer = loop.call_later(DISCONNECT_SECONDS, self._give_up)

    def _give_up(self) -> None:
        """End the session without the server's disconnect."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    def _has_given_up(self) -> bool:
        """Whether the session has cancelled itself. If so, take that back: its server has not cancelled it."""
        task = asyncio.current_task()
        return self._task is None and task is not None and not task.uncancel()

    async def _closed(self) -> None:
        """Wait until the close frame is sent, if there is one to send."""
        if self._closing is not None:
            await asyncio.wait({self._closing})


def _reason_of(error: Exception) -> str:
    """Return why a caller was not admitted, for the metrics."""
    if isinstance(error, AuthenticationFailed):
        return error.reason.value
    return Reason.TIMEOUT.value if isinstance(error, TimeoutError) else "failed"


def is_longer(message: str | bytes, limit: int) -> bool:
    """Return whether a message has more bytes in UTF-8 than the limit. For most, the number of characters decides."""
    if isinstance(message, str) and len(message) * 4 > limit:
        return len(message) > limit or len(message.encode(errors="replace")) > limit
    return len(message) > limit
