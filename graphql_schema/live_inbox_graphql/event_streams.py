"""Subscriptions over HTTP: event streams by the graphql-sse protocol, in its distinct connections mode.

A stream is a `SocketSession` as a WebSocket is, with the same limits and ends, and its subscription an `Operation` on
the same feed. The protocol has no message for an end that is not the operation's, so a stream whose server stops, or
whose caller loses access, ends without `complete`: clients reconnect, and resume after the id of the last event.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from graphql import GraphQLError

from live_inbox.conf import inbox_settings
from live_inbox.feed import Feed
from live_inbox.identity.admissions import Admissions
from live_inbox.identity.authenticators import plain_headers
from live_inbox.identity.callers import Caller
from live_inbox.sockets.asgi import STREAMING, Receive, Scope, Send, StreamingConnection
from live_inbox.sockets.body_writer import AsgiBodyWriter, BodyWriter, DirectBodyWriter
from live_inbox.sockets.refusals import RETRY_SECONDS
from live_inbox.sockets.session import (
    CloseReason,
    SocketSession,
    TooManySockets,
    WireProtocol,
    socket_config,
)
from live_inbox_graphql import json_text
from live_inbox_graphql.close_codes import GraphQLCloseCode, close_frame, close_frame_for
from live_inbox_graphql.context import Context, ScopeRequest
from live_inbox_graphql.errors import ClientError, Code
from live_inbox_graphql.event_stream_format import (
    COMMENT,
    COMPLETE,
    EventStreamFraming,
    id_of_beginning,
    result_event,
    retry_after,
)
from live_inbox_graphql.framing import Framing
from live_inbox_graphql.http_answers import HttpError
from live_inbox_graphql.media_types import EVENT_STREAM, PLAIN_JSON
from live_inbox_graphql.messages import OperationRequest
from live_inbox_graphql.operations import Operation
from live_inbox_graphql.served_schema import ServedSchema

HEARTBEAT_SECONDS = 15.0
"""Between comments. Proxies close connections on which nothing comes for a minute, some for half of that."""

STALLED_HEARTBEATS = 4
"""A client that has read nothing for so many heartbeats is given up."""

RETRY_MILLISECONDS = (1000, 5000)
"""When an EventSource reconnects after the server has stopped: at a random moment in between."""

REQUEST = "live_inbox.stream_request"
"""What a scope has for `EventStreams`: a StreamRequest."""

_HEADERS = (
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    (b"cache-control", b"no-store, no-transform"),
    # nginx would gather the events.
    (b"x-accel-buffering", b"no"),
)

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """A subscription that a client asks for over HTTP: authenticated, and within the limits of a request."""

    schema: ServedSchema
    operation: OperationRequest
    caller: Caller
    last_event_id: str | None = None
    headers: Headers = ()
    """Headers of the answer, beside those of every stream: names in lower case."""


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """What the operation of a stream needs of the server."""

    schema: ServedSchema
    feed: Feed
    compiles_selections: bool


class EventStreams:
    """An ASGI application: serves the subscription that the scope has under `REQUEST`, until it ends."""

    def __init__(self, feed: Feed, admissions: Admissions) -> None:
        self._socket_config = socket_config("graphql_sse", admissions, close_frame_for)
        self._feed = feed
        self._compiles_selections = inbox_settings().fast_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one stream."""
        request: StreamRequest = scope.pop(REQUEST)
        streaming: StreamingConnection | None = scope.pop(STREAMING, None)
        writer = AsgiBodyWriter(send)
        session = SocketSession(scope, receive, writer, self._socket_config)
        if not session.enter():
            await session.wait_for_refusal()
            await _refuse(send, "There are too many streams of this address.", request.headers)
            return

        async def open_stream(session: SocketSession) -> EventStream | None:
            try:
                await session.admit(_found(request.caller))
            except TooManySockets:
                await _refuse(send, "There are too many sockets of this user.", request.headers)
                return None
            if streaming is not None:
                streaming.begin_stream(session.shut_down)
            return await self._open(session, writer, streaming, send, request)

        try:
            await session.run(open_stream)
        finally:
            session.leave()
            if streaming is not None:
                streaming.end_stream()

    async def _open(
        self,
        session: SocketSession,
        writer: BodyWriter,
        streaming: StreamingConnection | None,
        send: Send,
        request: StreamRequest,
    ) -> EventStream:
        headers = [*_HEADERS, *request.headers]
        await send(
            {"type": "http.response.start", "status": HTTPStatus.OK.value, "headers": headers}
        )
        # Nothing reads the rest any more, credentials among it.
        session.scope["headers"] = plain_headers(session.scope["headers"])
        session.scope["query_string"] = b""
        # Some browsers open a stream only when there is something in it.
        await send({"type": "http.response.body", "body": COMMENT, "more_body": True})
        direct = None if streaming is None else streaming.direct_body(COMMENT)
        if direct is not None and self._compiles_selections:
            writer = session.writer = DirectBodyWriter(direct, send)
        config = StreamConfig(request.schema, self._feed, self._compiles_selections)
        return EventStream(session, writer, config, request)


class EventStream(WireProtocol):
    """One subscription and its stream: the owner of an Operation."""

    __slots__ = (
        "_framing",
        "_heartbeat",
        "_is_ending",
        "_operation",
        "_progress",
        "_request",
        "_stalled",
        "_writer",
        "config",
        "session",
    )

    def __init__(
        self,
        session: SocketSession,
        writer: BodyWriter,
        config: StreamConfig,
        request: StreamRequest,
    ) -> None:
        self.session = session
        self.config = config
        self._writer = writer
        self._request = request
        self._framing = EventStreamFraming()
        self._operation: Operation | None = None
        self._heartbeat: asyncio.TimerHandle | None = None
        self._is_ending = False
        self._progress = 0
        self._stalled = 0

    # -- what the session calls ---------------------------------------------------------------------------

    def start(self) -> None:
        """Start the subscription, and the heartbeats."""
        if self.session.is_open:
            self._operation = Operation(self, "")
            self._operation.start(self._request.operation, is_checked=True)
            self._set_heartbeat()

    def handle_text(self, text: str) -> None:
        """Do nothing: the request is all that a client sends."""

    def handle_binary(self, data: bytes) -> None:
        """Do nothing."""

    def handle_oversized(self, message: str | bytes) -> None:
        """Do nothing."""

    def sent_through(self) -> int | None:
        """Return the sequence of the last event that was sent; None before the subscription begins."""
        return None if self._operation is None else self._operation.sent_through

    def drain(self) -> None:
        """End the stream, and spread when the clients come back."""
        self.session.write([retry_after(random.randint(*RETRY_MILLISECONDS))])  # noqa: S311  # no secret
        self.session.close_for(CloseReason.RESTARTING)

    def on_close(self) -> None:
        """End the subscription, unless its end is what closes the stream."""
        if self._operation is not None and not self._is_ending:
            self._operation.cancel()

    def stop(self) -> list[asyncio.Task[None]]:
        """End everything."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        operation, self._operation = self._operation, None
        task = None if operation is None else operation.cancel()
        return [] if task is None else [task]

    # -- heartbeats ---------------------------------------------------------------------------------------

    def _set_heartbeat(self) -> None:
        loop = asyncio.get_running_loop()
        self._heartbeat = loop.call_later(HEARTBEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        """Write a comment; or give up a client that does not read what was written before."""
        if not self.session.is_open:
            return
        if self._writer.room() is None:
            self._stalled = 0
            self.session.write([COMMENT])
        elif self._progress == self._writer.progress:
            self._stalled += 1
        else:
            self._stalled = 0
        self._progress = self._writer.progress
        if self._stalled >= STALLED_HEARTBEATS:
            self.session.close(*close_frame(GraphQLCloseCode.TRY_AGAIN))
        else:
            self._set_heartbeat()

    # -- what the operation calls -------------------------------------------------------------------------

    def context(self) -> Context:
        """Return the context of the operation."""
        session = self.session
        return Context(
            caller=session.caller,
            feed=self.config.feed,
            request=ScopeRequest(session.scope, session.caller),
            last_event_id=self._request.last_event_id,
            on_position=self._reach,
        )

    def framing(self, operation: Operation) -> Framing:
        """Return how results are put into the stream."""
        return self._framing

    async def fail_operation(self, operation: Operation, errors: Sequence[GraphQLError]) -> None:
        """Send that the operation has failed, and end the stream."""
        result = json_text.dumps({"errors": [error.formatted for error in errors]})
        await self._end(result_event(result) + COMPLETE)

    async def end_operation(self, operation: Operation, last_message: Mapping[str, Any]) -> None:
        """Send that the operation is complete, and end the stream."""
        await self._end(COMPLETE)

    async def send_text(self, text: bytes) -> None:
        """Send a message that is encoded, and wait until there is room for more."""
        room = self.session.write([text])
        if room is not None:
            await room

    async def _end(self, last: bytes) -> None:
        self._is_ending = True
        await self.send_text(last)
        self.session.close(*close_frame(GraphQLCloseCode.NORMAL))

    def _reach(self, position: str) -> None:
        """Note the position of the result that is sent next, or of the beginning."""
        if self._framing.position is None:
            self.session.write([id_of_beginning(position)])
        self._framing.position = position


async def _found(caller: Caller) -> Caller:
    return caller


async def _refuse(send: Send, message: str, headers: Headers) -> None:
    error = ClientError(Code.RATE_LIMITED, message, {})
    retry = str(RETRY_SECONDS)
    answer = HttpError(HTTPStatus.TOO_MANY_REQUESTS, error, Retry_After=retry).answer(PLAIN_JSON)
    sent = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", b"%d" % len(answer.body)),
        (b"cache-control", b"no-store"),
        (b"retry-after", retry.encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": answer.status.value, "headers": sent})
    await send({"type": "http.response.body", "body": answer.body})
