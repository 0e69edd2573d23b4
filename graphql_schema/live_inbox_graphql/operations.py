"""One operation of a GraphQL connection.

There are two ways. A subscription whose selection could be compiled (`live_inbox_graphql.compiled`) follows the feed
without a task: each event is encoded as JSON once for all sockets that select the same, and written with this
operation's id around it. A query that could be compiled is answered from rows of the database. Everything else is
executed by Strawberry and graphql-core, in a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar, Protocol

from graphql import GraphQLError
from strawberry.types.execution import ExecutionResult, PreExecutionError

from live_inbox.conf import inbox_settings
from live_inbox.delivery.batch import Batch
from live_inbox.delivery.hub import HubClosed
from live_inbox.errors import InvalidInput
from live_inbox.events import Event, Reset
from live_inbox.feed import Feed, Following, Item
from live_inbox.identity.scopes import Right, allows
from live_inbox.sockets.session import CloseReason, SocketSession
from live_inbox_graphql import json_text
from live_inbox_graphql.advances import ADVANCE_SECONDS, Advances, concerns
from live_inbox_graphql.arguments import parse_position, parse_types
from live_inbox_graphql.compiled.rendering import CompiledSelection, CompiledSubscription
from live_inbox_graphql.context import Context, ScopeRequest
from live_inbox_graphql.errors import as_clients_see_exception, too_large
from live_inbox_graphql.messages import OperationRequest
from live_inbox_graphql.operation_rate import take_operation
from live_inbox_graphql.query_results import result_for
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

    result_type: ClassVar[str]
    session: SocketSession

    @property
    def config(self) -> OperationConfig: ...

    async def fail_operation(self, operation: Operation, errors: Sequence[GraphQLError]) -> None:
        """Send that the operation has failed."""

    async def end_operation(self, operation: Operation, last_message: Mapping[str, Any]) -> None:
        """Send the last message of the operation."""

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send a message, and wait until there is room for more."""

    async def send_text(self, text: bytes) -> None:
        """Send a message that is encoded, and wait until there is room for more."""

    async def renew(self, token: str) -> float | None:
        """Extend the socket by a fresh token; return when it expires."""


class Operation:
    """An operation from its start until it is ended by the client, by an error or by its last result."""

    __slots__ = ("_following", "_is_stream", "_owner", "_sender", "_task", "id")

    def __init__(self, owner: OperationOwner, id: str) -> None:
        self._owner = owner
        self._following: Following | None = None
        self._sender: _EventSender | None = None
        self._is_stream = False
        self._task: asyncio.Task[None] | None = None
        self.id = id

    @property
    def work(self) -> asyncio.Task[None] | None:
        """The task of a query or a mutation, which ends by itself."""
        return None if self._is_stream else self._task

    def start(self, request: OperationRequest) -> None:
        """Start the operation's task."""
        self._task = asyncio.create_task(self._run(request))

    def cancel(self) -> asyncio.Task[None] | None:
        """Stop without a message; return what may still be running."""
        if self._following is not None:
            self._following.stop()
        self._stop_sender()
        if self._task is not None:
            self._task.cancel()
        return self._task

    async def _run(self, request: OperationRequest) -> None:
        try:
            query = self._owner.config.schema.persisted.text(
                request.query, request.extensions, may_remember=True
            )
            check_request(query, request.variables)
            take_operation(self._context(), self._owner.config.schema.weight(query))
            request = replace(request, query=query) if query is not request.query else request
            compiled = self._compile(request)
            if compiled is not None and await self._follow(compiled):
                return
            if self._is_stream or not await self._answer(request):
                await self._execute(request)
        except Exception as error:
            self._fail(error)
        finally:
            self._task = None

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

    def _start_of_message(self) -> bytes:
        kind = self._owner.result_type.encode()
        return b'{"id":%b,"type":"%b","payload":' % (json_text.dumps(self.id), kind)

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
            after = parse_position(compiled.after, field="after")
            types = parse_types(compiled.types, field="types")
        except InvalidInput:
            return False
        if caller is None or not allows(caller.scopes, Right.READ):
            return False
        following = await config.feed.follow(caller.user_id, after)
        self._following = following
        start = self._start_of_message()
        write = session.writer.write
        if types is None:
            sender = _EventSender(start, compiled.selection, write)
        else:
            sender = _TypesSender(start, compiled.selection, write, types, following)
        self._sender = sender
        following.start(sender.deliver, self._fail)
        return True

    async def _answer(self, request: OperationRequest) -> bool:
        """Answer a query that can be compiled; return False if graphql-core has to execute it."""
        session, schema = self._owner.session, self._owner.config.schema
        query = schema.compiled_query(request.query, request.operation_name, request.variables)
        if query is None or session.caller is None:
            return False
        if query.extra_weight:
            take_operation(self._context(), query.extra_weight)
        result = await result_for(query, session.caller, is_fresh=False)
        if result is None:
            return False
        if await self._send_encoded(result):
            await self._owner.end_operation(self, {"id": self.id, "type": "complete"})
        return True

    # -- executed -----------------------------------------------------------------------------------------

    async def _execute(self, request: OperationRequest) -> None:
        """Send the results of an operation, and how it ended."""
        config = self._owner.config
        results = await config.schema.stream(
            request.query,
            variable_values=request.variables,
            context_value=self._context(),
            operation_name=request.operation_name,
        )
        async with aclosing(results):
            async for result in results:
                if isinstance(result, PreExecutionError):
                    await self._owner.fail_operation(self, result.errors or [])
                    return
                if not await self._send_result(result):
                    return
        await self._owner.end_operation(self, {"id": self.id, "type": "complete"})

    def _context(self) -> Context:
        session = self._owner.session
        request = ScopeRequest(session.scope, session.caller)
        return Context(
            caller=session.caller,
            feed=self._owner.config.feed,
            request=request,
            renew=self._owner.renew,
        )

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
        text = self._start_of_message() + payload + b"}"
        limit = inbox_settings().max_response_bytes
        if len(text) > limit:
            await self._owner.fail_operation(self, [too_large(limit)])
            return False
        await self._owner.send_text(text)
        return True


class _EventSender:
    """Encodes and writes the events of one subscription."""

    __slots__ = ("_key", "_selection", "_start", "_write")

    def __init__(
        self,
        start: bytes,
        selection: CompiledSelection,
        write: Callable[[Sequence[bytes]], Awaitable[None] | None],
    ) -> None:
        self._start = start
        self._selection = selection
        self._key: Hashable = selection
        self._write = write

    def deliver(self, batch: Batch[Event] | Batch[Reset]) -> Awaitable[None] | None:
        """Write the events of a batch, encoded once for all sockets that select the same."""
        results = batch.memoize(self._key, self._encode)
        start = self._start
        return self._write([start + result for result in results]) if results else None

    def stop(self) -> None:
        """Write nothing any more."""

    def _encode(self, items: Sequence[Item]) -> list[bytes]:
        """Return the results of the events, each with the brace that ends its message."""
        render = self._selection.render
        return [render(item) + b"}" for item in items]


class _TypesSender(_EventSender):
    """The same for a subscription that is limited by types, and so is sent positions, too."""

    __slots__ = ("_advances", "_following", "_is_stopped", "_loop", "_timer", "_types")

    def __init__(
        self,
        start: bytes,
        selection: CompiledSelection,
        write: Callable[[Sequence[bytes]], Awaitable[None] | None],
        types: frozenset[str],
        following: Following,
    ) -> None:
        super().__init__(start, selection, write)
        self._key = (selection, types)
        self._types = types
        self._following = following
        self._loop = asyncio.get_running_loop()
        self._advances = Advances(types, self._loop.time())
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopped = False

    def deliver(self, batch: Batch[Event] | Batch[Reset]) -> Awaitable[None] | None:
        """Write the events of a batch that have the types, and the position if it is due."""
        now = self._loop.time()
        self._advances.pass_over(batch.items, now)
        results = batch.memoize(self._key, self._encode)
        messages = [self._start + result for result in results]
        messages += self._due_advance(now)
        self._set_timer()
        return self._write(messages) if messages else None

    def _encode(self, items: Sequence[Item]) -> list[bytes]:
        render, types = self._selection.render, self._types
        return [render(item) + b"}" for item in items if concerns(item, types)]

    def _due_advance(self, now: float) -> list[bytes]:
        advance = self._advances.take(now)
        return [] if advance is None else [self._start + self._selection.render(advance) + b"}"]

    def _set_timer(self) -> None:
        """Have the position sent when it is due, which may be now."""
        due_at = self._advances.due_at
        if self._timer is None and due_at is not None and not self._is_stopped:
            self._timer = self._loop.call_at(due_at, self._on_timer)

    def stop(self) -> None:
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _on_timer(self) -> None:
        self._timer = None
        self._following.write_between_batches(self._write_advance)
        due_at, now = self._advances.due_at, self._loop.time()
        if due_at is not None and due_at <= now and not self._is_stopped:
            # Still: the client lags, and may do so for long.
            self._timer = self._loop.call_at(now + ADVANCE_SECONDS, self._on_timer)
        else:
            self._set_timer()

    def _write_advance(self) -> Awaitable[None] | None:
        messages = self._due_advance(self._loop.time())
        return self._write(messages) if messages else None
