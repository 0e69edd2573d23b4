"""One connection of the GraphQL API: what both subprotocols have in common."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from graphql import GraphQLError

from live_inbox import metrics, tracing
from live_inbox.database_errors import kind_of
from live_inbox.faults import RecurringFault
from live_inbox.feed import Feed
from live_inbox.identity.authenticators import fresh_credentials, required_caller
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.sockets.session import CloseReason, SocketSession, TooManySockets, WireProtocol
from live_inbox_graphql import json_text
from live_inbox_graphql.authentication import caller_of_socket
from live_inbox_graphql.close_codes import TOO_MANY_SOCKETS, GraphQLCloseCode, close_frame
from live_inbox_graphql.context import Context, ScopeRequest
from live_inbox_graphql.errors import TOO_MANY_OPERATIONS, ClientError, Code, client_error
from live_inbox_graphql.framing import Framing, SocketFraming
from live_inbox_graphql.messages import InvalidMessage, OperationRequest, init_payload
from live_inbox_graphql.operations import Operation
from live_inbox_graphql.served_schema import ServedSchema

_timeouts = RecurringFault("authentication (GraphQL)", metrics.ADMISSION_FAULTS)


class NotAdmitted(Exception):
    """Raised when a socket has to be closed because of who opened it."""

    def __init__(self, code: GraphQLCloseCode, error: ClientError, detail: str) -> None:
        super().__init__(error.message)
        self.code = code
        self.error = error
        self.detail = detail


@dataclass(frozen=True, slots=True)
class GraphQLConfig:
    """What all GraphQL connections of a server have in common."""

    schema: ServedSchema
    feed: Feed
    max_operations: int
    init_seconds: float
    """How long a client may take to send `connection_init`."""
    keep_alive_seconds: float
    """Between `ka` messages, of the older subprotocol only; in the newer one, WebSocket's pings do that. 0: never."""
    heartbeat_seconds: float
    """Between `ping` messages, of the newer subprotocol only, on servers that send no WebSocket pings. 0: never."""
    compiles_selections: bool
    """Whether subscriptions run on compiled selections where possible (the setting FAST_PATH)."""


class GraphQLConnection(WireProtocol, ABC):
    """A connection of either subprotocol; the subclasses add its names and messages."""

    __slots__ = (
        "_init_timer",
        "_is_init_received",
        "config",
        "is_acknowledged",
        "operations",
        "session",
    )

    result_type: ClassVar[str]
    """The type of the message that carries a result."""
    warning_type: ClassVar[str]
    """The type of the message that carries the warning before an expiry: one that needs no answer of the client's."""

    def __init__(self, session: SocketSession, config: GraphQLConfig) -> None:
        self.session = session
        self.config = config
        self.is_acknowledged = False
        self.operations: dict[str, Operation] = {}
        self._init_timer: asyncio.TimerHandle | None = None
        self._is_init_received = False

    # -- what a subprotocol defines -----------------------------------------------------------------------

    @abstractmethod
    async def handle(self, message: Any) -> None:
        """Do what a message asks for; raise InvalidMessage if it is none."""

    @abstractmethod
    async def send_refusal(self, refusal: NotAdmitted) -> None:
        """Send why the client is not admitted, if the protocol has a message for it. The socket is closed then."""

    @abstractmethod
    def errors_payload(self, errors: Sequence[Mapping[str, Any]]) -> Any:
        """Return the payload of the message that reports that an operation has failed."""

    def on_acknowledged(self) -> None:
        """Start what begins with the acknowledgement."""

    # -- what the session calls ---------------------------------------------------------------------------

    def start(self) -> None:
        """Expect `connection_init` in time."""
        loop = asyncio.get_running_loop()
        self._init_timer = loop.call_later(self.config.init_seconds, self._miss_init)

    def _miss_init(self) -> None:
        """Close the socket in the turn of its address: thousands that say nothing miss it at the same moment."""
        self.session.take_turn(self._close_without_init)

    def _close_without_init(self) -> None:
        if not self._is_init_received:
            self.close(GraphQLCloseCode.INIT_TIMEOUT)

    async def handle_text(self, text: str) -> None:
        """Handle a text message."""
        try:
            message = json_text.loads(text)
        except ValueError:
            self.close(GraphQLCloseCode.INVALID_MESSAGE, "not JSON")
            return
        try:
            await self.handle(message)
        except InvalidMessage as fault:
            self.close(GraphQLCloseCode.INVALID_MESSAGE, str(fault))

    def handle_binary(self, data: bytes) -> None:
        """Close the socket: messages are text."""
        self.close(GraphQLCloseCode.INVALID_MESSAGE, "not text")

    def handle_oversized(self, message: str | bytes) -> None:
        """Close the socket: the message is too big."""
        self.close(GraphQLCloseCode.TOO_BIG)

    def sent_through(self) -> int | None:
        """Return the sequence of the last event that was sent; of several subscriptions, that of the slowest."""
        reached = [each.sent_through for each in self.operations.values()]
        return min((each for each in reached if each is not None), default=None)

    def drain(self) -> None:
        """Close the session once the queries and mutations in progress have ended. Subscriptions are not awaited."""
        busy = {task for each in self.operations.values() if (task := each.work) is not None}
        if busy:
            self.session.background.run(self._drain_and_close(busy))
        else:
            self.session.close_for(CloseReason.RESTARTING)

    async def _drain_and_close(self, busy: set[asyncio.Task[None]]) -> None:
        await asyncio.wait(busy)
        self.session.close_for(CloseReason.RESTARTING)

    def on_close(self) -> None:
        """End all operations, before the client learns of the close."""
        self._cancel_operations()

    def stop(self) -> list[asyncio.Task[None]]:
        """End everything."""
        self._stop_init_timer()
        return self._cancel_operations()

    def _cancel_operations(self) -> list[asyncio.Task[None]]:
        operations, self.operations = self.operations, {}
        return [task for each in operations.values() if (task := each.cancel()) is not None]

    # -- admission ----------------------------------------------------------------------------------------

    async def init(self, message: Mapping[str, Any]) -> None:
        """Admit the client, or send why not and close the socket."""
        if self._is_init_received:
            self.close(GraphQLCloseCode.SECOND_INIT)
            return
        payload = init_payload(message)
        self._is_init_received = True
        self._stop_init_timer()
        try:
            await self._admit(payload)
        except NotAdmitted as refusal:
            await self.send_refusal(refusal)
            self.close(refusal.code, refusal.detail)
            return
        # A page can set no headers of a handshake.
        parent = tracing.parent_of(payload.get("traceparent"), payload.get("tracestate"))
        if parent is not None:
            self.session.trace_parent = parent
        await self.send({"type": "connection_ack"})
        self.is_acknowledged = True
        self.on_acknowledged()
        if payload.get("expiryWarning") is True:
            self.session.warn_before_expiry(self._warn)

    async def _admit(self, payload: Mapping[str, Any]) -> None:
        try:
            await self.session.admit(caller_of_socket(self.session.scope, payload))
        except TooManySockets as error:
            refusal = ClientError(Code.RATE_LIMITED, "There are too many sockets of this user.", {})
            code = GraphQLCloseCode.TRY_AGAIN
            raise NotAdmitted(code, refusal, TOO_MANY_SOCKETS) from error
        except TimeoutError as error:
            _timeouts.report(error)
            raise _not_admitted(AuthenticationFailed(Reason.TIMEOUT)) from None
        except AuthenticationFailed as failure:
            raise _not_admitted(failure) from failure
        except Exception as error:
            kind = kind_of(error)
            if not kind.is_temporary:
                raise
            refusal = client_error(error)
            raise NotAdmitted(GraphQLCloseCode.TRY_AGAIN, refusal, kind.value) from error

    async def renew(self, token: str) -> float | None:
        """Extend the socket by a fresh token; return when it expires, in unix seconds, None for never.

        Raises what `SocketSession.renew` raises.
        """
        credentials = fresh_credentials(token, self.session.scope["headers"])
        try:
            return await self.session.renew(required_caller(credentials))
        except TimeoutError as error:
            _timeouts.report(error)
            raise AuthenticationFailed(Reason.TIMEOUT) from None

    def _warn(self, expires_at: float) -> None:
        """Send that the socket expires soon. Room is not waited for: it is one message."""
        payload = {"expiresAt": datetime.fromtimestamp(expires_at, UTC).isoformat()}
        message = {"type": self.warning_type, "payload": payload}
        self.session.write([json_text.dumps(message)])

    def _stop_init_timer(self) -> None:
        if self._init_timer is not None:
            self._init_timer.cancel()
            self._init_timer = None

    # -- operations ---------------------------------------------------------------------------------------

    async def start_operation(self, request: OperationRequest) -> None:
        """Start an operation, or send an error if there are too many. Its id must not be in use."""
        if len(self.operations) < self.config.max_operations:
            self.operations[request.id] = operation = Operation(self, request.id)
            operation.start(request)
            return
        payload = self.errors_payload([TOO_MANY_OPERATIONS.formatted])
        await self.send({"id": request.id, "type": "error", "payload": payload})

    def context(self) -> Context:
        """Return the context of a new operation."""
        session = self.session
        return Context(
            caller=session.caller,
            feed=self.config.feed,
            request=ScopeRequest(session.scope, session.caller),
            renew=self.renew,
        )

    def framing(self, operation: Operation) -> Framing:
        """Return how the results of an operation are put into messages."""
        return SocketFraming(operation.id, self.result_type)

    def stop_operation(self, id: str) -> asyncio.Task[None] | None:
        """Stop an operation without a message, if there is one; return what may still be running of it."""
        operation = self.operations.pop(id, None)
        return None if operation is None else operation.cancel()

    async def fail_operation(self, operation: Operation, errors: Sequence[GraphQLError]) -> None:
        """Send that an operation has failed, which is its end."""
        payload = self.errors_payload([error.formatted for error in errors])
        await self.end_operation(
            operation, {"id": operation.id, "type": "error", "payload": payload}
        )

    async def end_operation(self, operation: Operation, last_message: Mapping[str, Any]) -> None:
        """Send the last message of an operation, unless the client has ended it before."""
        if self.operations.get(operation.id) is operation:
            # Before it is sent: the client may use the id again as soon as it receives the message.
            del self.operations[operation.id]
            await self.send(last_message)

    # -- what goes out ------------------------------------------------------------------------------------

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send a message, and wait until there is room for more; nothing once the socket is closing."""
        await self.send_text(json_text.dumps(message))

    async def send_text(self, text: bytes) -> None:
        """Send a message that is encoded, and wait until there is room for more."""
        room = self.session.write([text])
        if room is not None:
            await room

    def close(self, code: GraphQLCloseCode, detail: str = "") -> None:
        """Close the socket, unless it is closing."""
        self.session.close(*close_frame(code, detail))


def _not_admitted(failure: AuthenticationFailed) -> NotAdmitted:
    is_temporary = failure.reason.is_temporary
    code = GraphQLCloseCode.TRY_AGAIN if is_temporary else GraphQLCloseCode.FORBIDDEN
    return NotAdmitted(code, client_error(failure), failure.reason.value)
