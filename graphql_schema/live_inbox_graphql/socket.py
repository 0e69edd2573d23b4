"""One GraphQL socket: what both subprotocols have in common."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from graphql import GraphQLError

from live_inbox import metrics
from live_inbox.feed import Feed
from live_inbox.identity.sessions import OpenSessions
from live_inbox.limits.rate import Meter
from live_inbox.sockets.asgi import Message, Receive, Scope
from live_inbox.sockets.background_tasks import BackgroundTasks
from live_inbox.sockets.writer import SocketWriter, direct_socket
from live_inbox_graphql import json_text
from live_inbox_graphql.close_codes import CloseCode, reason_for
from live_inbox_graphql.connection import Connection, NotAdmitted
from live_inbox_graphql.errors import TOO_MANY_OPERATIONS
from live_inbox_graphql.messages import InvalidMessage, OperationRequest, init_payload
from live_inbox_graphql.operations import Operation
from live_inbox_graphql.schema import InboxSchema

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SocketRules:
    """What a socket may do, and how long it may take."""

    max_message_bytes: int
    max_operations: int
    init_seconds: float
    drain_seconds: float
    """For what is being done, when the server stops."""
    keep_alive_seconds: float
    """Of the older protocol only; in the newer one, it is WebSocket's own pings that count. 0: never."""


class Subprotocol(ABC):
    """The names and rules of one subprotocol. The socket does the work."""

    __slots__ = ("socket",)

    result_type: ClassVar[str]

    def __init__(self, socket: Socket) -> None:
        self.socket = socket

    @abstractmethod
    async def handle(self, message: Any) -> None:
        """Do what a message asks for; raise InvalidMessage if it is none."""

    @abstractmethod
    async def not_admitted(self, refusal: NotAdmitted) -> None:
        """Say that the client may not come in, if the protocol has words for it. The socket is closed then."""

    @abstractmethod
    def errors(self, errors: Sequence[Mapping[str, Any]]) -> Any:
        """Return the payload of the message that says that an operation has failed."""

    def acknowledged(self) -> None:  # noqa: B027  # in one of the two, nothing begins
        """Do what begins with the acknowledgement."""

    def ended(self) -> None:  # noqa: B027
        """Stop what the subprotocol has begun: the socket is gone."""


class Socket:
    """A socket from its acceptance to its end. One task serves it: the one that calls `serve`.

    Whatever goes wrong, it is closed with a code that says whether to come back.
    """

    __slots__ = (
        "_direct",
        "_init_timer",
        "_is_init_received",
        "_is_leaving",
        "_meter",
        "_receive",
        "connection",
        "errands",
        "feed",
        "is_acknowledged",
        "is_closed",
        "operations",
        "rules",
        "schema",
        "subprotocol",
        "writer",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        writer: SocketWriter,
        *,
        schema: InboxSchema,
        feed: Feed,
        sessions: OpenSessions,
        rules: SocketRules,
        meter: Meter,
        subprotocol: type[Subprotocol],
    ) -> None:
        self._direct = direct_socket(scope)
        self._receive = receive
        self._meter = meter
        self._init_timer: asyncio.TimerHandle | None = None
        self._is_init_received = False
        self._is_leaving = False
        self.errands = BackgroundTasks()
        self.writer = writer
        self.schema = schema
        self.feed = feed
        self.rules = rules
        self.connection = Connection(scope, feed=feed, sessions=sessions, close=self._finish_soon)
        self.is_acknowledged = False
        self.is_closed = False
        self.operations: dict[str, Operation] = {}
        self.subprotocol = subprotocol(self)

    # -- the life of a socket -----------------------------------------------------------------------------

    async def serve(self) -> None:
        """Serve the socket until it is gone, and leave nothing of it behind."""
        loop = asyncio.get_running_loop()
        self._init_timer = loop.call_later(self.rules.init_seconds, self._init_is_late)
        if self._direct is not None:
            self._direct.on_shutdown = self._shut_down
        try:
            await self._read()
        except Exception:
            logger.exception("Serving a GraphQL socket failed.")
            await self.finish(CloseCode.TRY_AGAIN, "internal error")
        finally:
            await self._wind_up()

    async def _read(self) -> None:
        # No variable for the message: it would be kept until the next.
        while await self._take(await self._receive()):
            pass

    async def _take(self, message: Message) -> bool:
        """Do what a message of the server says; return whether there may be others."""
        if message["type"] == "websocket.disconnect":
            return False
        # What comes while the socket is being closed is not heard.
        if not self.is_closed and not self._is_leaving:
            await self._check(message.get("text"), message.get("bytes"))
        return True

    async def _check(self, text: str | None, data: bytes | None) -> None:
        if self._meter.check() is not None:
            metrics.RATE_LIMITED.labels("socket").inc()
            await self.finish(CloseCode.TRY_AGAIN, "too many messages")
        elif _is_longer(data or b"" if text is None else text, self.rules.max_message_bytes):
            await self.finish(CloseCode.TOO_BIG)
        elif text is None:
            await self.finish(CloseCode.INVALID_MESSAGE, "not text")
        else:
            await self._heed(text)

    async def _heed(self, text: str) -> None:
        try:
            message = json_text.loads(text)
        except ValueError:
            await self.finish(CloseCode.INVALID_MESSAGE, "not JSON")
            return
        try:
            await self.subprotocol.handle(message)
        except InvalidMessage as fault:
            await self.finish(CloseCode.INVALID_MESSAGE, str(fault))

    async def _wind_up(self) -> None:
        self.is_closed = True
        self._stop_waiting_for_init()
        self.connection.release()
        self.subprotocol.ended()
        operations = self._cancel_operations()
        self.writer.discard()
        await self.errands.end(operations)

    def _cancel_operations(self) -> list[asyncio.Task[None]]:
        operations, self.operations = self.operations, {}
        return [task for each in operations.values() if (task := each.cancel()) is not None]

    # -- being let in -------------------------------------------------------------------------------------

    async def init(self, message: Mapping[str, Any]) -> None:
        """Let the client in, or say why not and close the socket."""
        if self._is_init_received:
            await self.finish(CloseCode.SECOND_INIT)
            return
        payload = init_payload(message)
        self._is_init_received = True
        self._stop_waiting_for_init()
        try:
            await self.connection.admit(payload, within_seconds=self.rules.init_seconds)
        except NotAdmitted as refusal:
            await self.subprotocol.not_admitted(refusal)
            await self.finish(refusal.code, refusal.detail)
            return
        if self._direct is not None:
            self._direct.forget_handshake()
        await self.say({"type": "connection_ack"})
        self.is_acknowledged = True
        self.subprotocol.acknowledged()

    def _init_is_late(self) -> None:
        self._finish_soon(CloseCode.INIT_TIMEOUT, "")

    def _stop_waiting_for_init(self) -> None:
        if self._init_timer is not None:
            self._init_timer.cancel()
            self._init_timer = None

    # -- operations ---------------------------------------------------------------------------------------

    async def start(self, request: OperationRequest) -> None:
        """Start an operation, or say that there are too many. Its id must not be in use."""
        if len(self.operations) < self.rules.max_operations:
            self.operations[request.id] = operation = Operation(self, request.id)
            operation.start(request)
            return
        payload = self.subprotocol.errors([TOO_MANY_OPERATIONS.formatted])
        await self.say({"id": request.id, "type": "error", "payload": payload})

    def stop(self, id: str) -> asyncio.Task[None] | None:
        """Stop an operation without a word, if there is one; return what may still be running of it."""
        operation = self.operations.pop(id, None)
        return None if operation is None else operation.cancel()

    async def fail(self, operation: Operation, errors: Sequence[GraphQLError]) -> None:
        """Say that an operation has failed, which is its end."""
        payload = self.subprotocol.errors([error.formatted for error in errors])
        await self.end(operation, {"id": operation.id, "type": "error", "payload": payload})

    async def end(self, operation: Operation, last_word: Mapping[str, Any]) -> None:
        """Say the last word on an operation, unless the client has ended it before."""
        if self.operations.get(operation.id) is operation:
            # Before it is said: the client may use the id again as soon as it hears.
            del self.operations[operation.id]
            await self.say(last_word)

    # -- what goes out ------------------------------------------------------------------------------------

    async def say(self, message: Mapping[str, Any]) -> None:
        """Send a message, and wait until there is room for more; nothing once the socket is closed."""
        room = self.write([json_text.dumps(message)])
        if room is not None:
            await room

    def write(self, messages: Sequence[bytes]) -> Awaitable[None] | None:
        """Write messages; if something is returned, wait for it before more is written."""
        return None if self.is_closed else self.writer.write(messages)

    async def finish(self, code: CloseCode, detail: str = "") -> None:
        """Close the socket, unless it is closed. All operations end, also before the client hears of it."""
        if self.is_closed:
            return
        self.is_closed = True
        metrics.SOCKETS_CLOSED.labels("graphql", str(code.value)).inc()
        self._cancel_operations()
        await self.writer.close(code.value, reason_for(code, detail))

    def _finish_soon(self, code: CloseCode, detail: str) -> None:
        self.errands.run(self.finish(code, detail))

    def _shut_down(self) -> None:
        """Close the socket, because the server stops, once what is being done is finished."""
        self._is_leaving = True
        self.errands.run(self._finish_in_peace())

    async def _finish_in_peace(self) -> None:
        busy = {task for each in self.operations.values() if (task := each.work) is not None}
        if busy:
            await asyncio.wait(busy, timeout=self.rules.drain_seconds)
        await self.finish(CloseCode.RESTARTING)


def _is_longer(message: str | bytes, limit: int) -> bool:
    """Whether a message has more bytes than that. Of most, the characters tell."""
    if isinstance(message, str) and len(message) * 4 > limit:
        return len(message) > limit or len(message.encode(errors="replace")) > limit
    return len(message) > limit
