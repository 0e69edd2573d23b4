"""One operation of a GraphQL connection.

There are two ways. A subscription whose selection could be compiled (`live_inbox_graphql.compiled`) follows the feed
without a task: each event is encoded as JSON once for all sockets that select the same, and written with this
operation's id around it. A query that could be compiled is answered from rows of the database. Everything else is
executed by Strawberry and graphql-core, in a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Protocol

from graphql import GraphQLError
from strawberry.types.execution import ExecutionResult, PreExecutionError

from live_inbox.conf import inbox_settings
from live_inbox.delivery.hub import HubClosed
from live_inbox.errors import InvalidInput
from live_inbox.feed import Feed, Following, OpenFeed
from live_inbox.identity.scopes import Right, allows
from live_inbox.log_context import begin_operation
from live_inbox.sockets.session import CloseReason, SocketSession
from live_inbox_graphql import json_text
from live_inbox_graphql.arguments import parse_position, parse_types
from live_inbox_graphql.compiled.rendering import CompiledSubscription
from live_inbox_graphql.compiled_results import compiled_result
from live_inbox_graphql.context import Context
from live_inbox_graphql.errors import as_clients_see_exception, too_large
from live_inbox_graphql.event_senders import EventSender, TypesSender
from live_inbox_graphql.framing import Framing
from live_inbox_graphql.messages import OperationRequest
from live_inbox_graphql.operation_rate import take_operation
from live_inbox_graphql.operation_spans import OperationSpan, operation_span
from live_inbox_graphql.request_limits import check_request
from live_inbox_graphql.served_schema import ServedSchema


class OperationConfig(Protocol):
    """What an operation needs of a server's config."""

    @property
    def schema(self) -> ServedSchema: ...
    @property
    def feed(self) -> Feed: ...
    @property
    def compiles_selections(self) -> bool: ...


class OperationOwner(Protocol):
    """What an operation needs of its connection."""

    session: SocketSession

    @property
    def config(self) -> OperationConfig: ...

    def context(self) -> Context:
        """Return the context of a new operation."""

    def framing(self, operation: Operation) -> Framing:
        """Return how the results of the operation are put into messages."""

    async def fail_operation(self, operation: Operation, errors: Sequence[GraphQLError]) -> None:
        """Send that the operation has failed."""

    async def end_operation(self, operation: Operation, last_message: Mapping[str, Any]) -> None:
        """Send the last message of the operation."""

    async def send_text(self, text: bytes) -> None:
        """Send a message that is encoded, and wait until there is room for more."""


class Operation:
    """An operation from its start until it is ended by the client, by an error or by its last result."""

    __slots__ = ("_feed", "_following", "_is_stream", "_owner", "_sender", "_task", "id")

    def __init__(self, owner: OperationOwner, id: str) -> None:
        self._owner = owner
        self._following: Following | None = None
        self._feed: OpenFeed | None = None
        self._sender: EventSender | None = None
        self._is_stream = False
        self._task: asyncio.Task[None] | None = None
        self.id = id

    @property
    def work(self) -> asyncio.Task[None] | None:
        """The task of a query or a mutation, which ends by itself."""
        return None if self._is_stream else self._task

    @property
    def sent_through(self) -> int | None:
        """The sequence of the last event that was sent; None before a subscription begins, and for anything else."""
        source = self._following or self._feed
        return None if source is None else source.delivered_through

    def start(self, request: OperationRequest, *, is_checked: bool = False) -> None:
        """Start the operation's task. `is_checked`: the request's limits have been checked, its allowance taken."""
        self._task = asyncio.create_task(self._run(request, is_checked))

    def cancel(self) -> asyncio.Task[None] | None:
        """Stop without a message; return what may still be running."""
        if self._following is not None:
            self._following.stop()
        self._stop_sender()
        # They refer to this object, and would stay with it until a garbage collection.
        self._following = self._feed = self._sender = None
        if self._task is not None:
            self._task.cancel()
        return self._task

    async def _run(self, request: OperationRequest, is_checked: bool) -> None:
        begin_operation(request.operation_name, request.query)
        try:
            with operation_span(request.operation_name, self._owner.session.trace_parent) as span:
                if not is_checked:
                    request = self._checked(request)
                schema = self._owner.config.schema
                await schema.examine(request.query)
                span.note_document(schema, request.query, request.operation_name)
                if await self._begin(request, span):
                    return
            # A stream may stay for days, and its events belong to what they were sent by.
            await self._execute(request, None)
        except Exception as error:
            self._fail(error)
        finally:
            self._task = None

    async def _begin(self, request: OperationRequest, span: OperationSpan) -> bool:
        """Follow the feed, or answer; return False for a stream that graphql-core has to execute."""
        compiled = self._compile(request)
        if compiled is not None and await self._follow(compiled):
            return True
        if not self._is_stream and not await self._answer(request):
            await self._execute(request, span)
        return not self._is_stream

    def _checked(self, request: OperationRequest) -> OperationRequest:
        schema = self._owner.config.schema
        query = schema.persisted.text(request.query, request.extensions, may_remember=True)
        check_request(query, request.variables)
        take_operation(self._owner.context(), schema.weight(query))
        return replace(request, query=query) if query is not request.query else request

    def _stop_sender(self) -> None:
        if self._sender is not None:
            self._sender.stop()

    def _fail(self, error: Exception) -> None:
        self._stop_sender()
        session = self._owner.session
        if isinstance(error, HubClosed):
            session.close_for(CloseReason.RESTARTING)
        else:
            # In the background: this may be called by the hub, which does not wait for a client that does not read.
            seen = as_clients_see_exception(error)
            session.background.run(self._owner.fail_operation(self, [seen]))

    # -- compiled -----------------------------------------------------------------------------------------

    def _compile(self, request: OperationRequest) -> CompiledSubscription | None:
        # A document without the word has no subscription; other documents are not parsed and checked twice.
        if "subscription" not in request.query:
            return None
        config = self._owner.config
        self._is_stream = config.schema.is_subscription(request)
        if not self._is_stream or not config.compiles_selections:
            return None
        return config.schema.compiled(request)

    async def _follow(self, compiled: CompiledSubscription) -> bool:
        """Follow the feed; return False if graphql-core has to report wrong arguments or a missing scope."""
        session, config = self._owner.session, self._owner.config
        caller = session.caller
        try:
            after = parse_position(
                self._owner.context().last_event_id or compiled.after, field="after"
            )
            types = parse_types(compiled.types, field="types")
        except InvalidInput:
            return False
        if caller is None or not allows(caller.scopes, Right.READ):
            return False
        following = await config.feed.follow(caller.user_id, after)
        self._following = following
        framing, write = self._owner.framing(self), session.writer.write
        if types is None:
            sender = EventSender(framing, compiled.selection, write)
        else:
            sender = TypesSender(framing, compiled.selection, write, types, following)
        self._sender = sender
        beginning = framing.of_beginning(following.position)
        if beginning is not None:
            write([beginning])
        following.start(sender.deliver, self._fail)
        return True

    async def _answer(self, request: OperationRequest) -> bool:
        """Answer an operation that can be compiled; return False if graphql-core has to execute it."""
        result = await compiled_result(
            self._owner.config.schema,
            self._owner.context(),
            request.query,
            request.operation_name,
            request.variables,
            may_change=True,
            is_fresh=False,
        )
        if result is None:
            return False
        if await self._send_encoded(result):
            await self._owner.end_operation(self, {"id": self.id, "type": "complete"})
        return True

    # -- executed -----------------------------------------------------------------------------------------

    def _note_feed(self, feed: OpenFeed) -> None:
        self._feed = feed

    async def _execute(self, request: OperationRequest, span: OperationSpan | None) -> None:
        """Send the results of an operation, and how it ended. `span`: that of a query or a mutation."""
        config = self._owner.config
        context = self._owner.context()
        context.on_feed = self._note_feed
        results = await config.schema.stream(
            request.query,
            variable_values=request.variables,
            context_value=context,
            operation_name=request.operation_name,
        )
        async with aclosing(results):
            async for result in results:
                if span is not None:
                    span.note_errors(result.errors or ())
                if isinstance(result, PreExecutionError):
                    await self._owner.fail_operation(self, result.errors or [])
                    return
                if not await self._send_result(result):
                    return
        await self._owner.end_operation(self, {"id": self.id, "type": "complete"})

    async def _send_result(self, result: ExecutionResult) -> bool:
        """Send a result; return False if it is too large, and the operation has failed."""
        payload: dict[str, object] = {"data": result.data}
        if result.errors:
            payload["errors"] = [error.formatted for error in result.errors]
        if result.extensions:
            payload["extensions"] = result.extensions
        return await self._send_encoded(json_text.dumps(payload))

    async def _send_encoded(self, payload: bytes) -> bool:
        """Send a result that is encoded; return False if it is too large, and the operation has failed."""
        text = self._owner.framing(self).of_result(payload)
        limit = inbox_settings().max_response_bytes
        if len(text) > limit:
            await self._owner.fail_operation(self, [too_large(limit)])
            return False
        await self._owner.send_text(text)
        return True
