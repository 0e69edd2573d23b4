"""One operation of a GraphQL socket.

There are two ways. A subscription whose selection could be compiled (`live_inbox_graphql.projection`) follows the feed
without a task: each event is turned into JSON once for all sockets that ask for the same, and written with this
operation's id around it. Everything else is executed by Strawberry and graphql-core, in a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Hashable, Sequence
from typing import TYPE_CHECKING

from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.utils.aio import aclosing

from live_inbox.delivery.batch import Batch
from live_inbox.delivery.hub import HubClosed
from live_inbox.errors import InvalidInput
from live_inbox.events import Event, Reset
from live_inbox.feed import Following, Item
from live_inbox_graphql import json_text
from live_inbox_graphql.arguments import parse_position, parse_types
from live_inbox_graphql.close_codes import CloseCode
from live_inbox_graphql.errors import as_clients_see_exception
from live_inbox_graphql.events import concerns
from live_inbox_graphql.messages import OperationRequest

if TYPE_CHECKING:
    from live_inbox.sockets.writer import SocketWriter
    from live_inbox_graphql.projection.rendering import Projection
    from live_inbox_graphql.projection.subscriptions import CompiledSubscription
    from live_inbox_graphql.socket import Socket


class Operation:
    """An operation from its start until it is ended by the client, by an error or by its last result."""

    __slots__ = ("_following", "_is_stream", "_socket", "_task", "id")

    def __init__(self, socket: Socket, id: str) -> None:
        self._socket = socket
        self._following: Following | None = None
        self._is_stream = False
        self._task: asyncio.Task[None] | None = None
        self.id = id

    @property
    def work(self) -> asyncio.Task[None] | None:
        """What is being done and comes to an end by itself: a query or a mutation."""
        return None if self._is_stream else self._task

    def start(self, request: OperationRequest) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(request))

    def cancel(self) -> asyncio.Task[None] | None:
        """Stop without a word; return what may still be running."""
        if self._following is not None:
            self._following.stop()
        if self._task is not None:
            self._task.cancel()
        return self._task

    async def _run(self, request: OperationRequest) -> None:
        try:
            compiled = self._compile(request)
            if compiled is None or not await self._follow(compiled):
                await self._execute(request)
        except Exception as error:
            self._fail(error)
        finally:
            self._task = None

    def _fail(self, error: Exception) -> None:
        # Soon, because closing the socket cancels its operations, and this may be one of their tasks.
        if isinstance(error, HubClosed):
            self._socket.errands.run(self._socket.finish(CloseCode.RESTARTING))
        else:
            seen = as_clients_see_exception(error)
            self._socket.errands.run(self._socket.fail(self, [seen]))

    # -- compiled -----------------------------------------------------------------------------------------

    def _compile(self, request: OperationRequest) -> CompiledSubscription | None:
        # Nothing of what is not even called so can be one; and the documents of others are not checked twice.
        if "subscription" not in request.query:
            return None
        self._is_stream = self._socket.schema.is_subscription(request)
        return self._socket.schema.compiled(request) if self._is_stream else None

    async def _follow(self, compiled: CompiledSubscription) -> bool:
        """Follow the feed; False if there is something about the arguments that the other way has to tell."""
        caller = self._socket.connection.caller
        try:
            after = parse_position(compiled.after, field="after")
            types = parse_types(compiled.types, field="types")
        except InvalidInput:
            return False
        if caller is None:
            return False
        following = await self._socket.feed.follow(caller.user_id, after)
        self._following = following
        start = b'{"id":%b,"type":"%b","payload":' % (
            json_text.dumps(self.id),
            self._socket.subprotocol.result_type.encode(),
        )
        teller = _Teller(start, compiled.projection, types, self._socket.writer)
        following.start(teller.tell, self._fail)
        return True

    # -- executed -----------------------------------------------------------------------------------------

    async def _execute(self, request: OperationRequest) -> None:
        """Send the results of an operation, and how it ended."""
        results = await self._socket.schema.stream(
            request.query,
            variable_values=request.variables,
            context_value=self._socket.connection.operation(),
            operation_name=request.operation_name,
        )
        async with aclosing(results):
            async for result in results:
                if isinstance(result, PreExecutionError):
                    await self._socket.fail(self, result.errors or [])
                    return
                await self._send_result(result)
        await self._socket.end(self, {"id": self.id, "type": "complete"})

    async def _send_result(self, result: ExecutionResult) -> None:
        payload: dict[str, object] = {"data": result.data}
        if result.errors:
            payload["errors"] = [error.formatted for error in result.errors]
        if result.extensions:
            payload["extensions"] = result.extensions
        kind = self._socket.subprotocol.result_type
        await self._socket.say({"id": self.id, "type": kind, "payload": payload})


class _Teller:
    """Tells one subscription what is new."""

    __slots__ = ("_asked", "_projection", "_start", "_types", "_write")

    def __init__(
        self,
        start: bytes,
        projection: Projection,
        types: frozenset[str] | None,
        writer: SocketWriter,
    ) -> None:
        self._start = start
        self._projection = projection
        self._types = types
        self._asked: Hashable = projection if types is None else (projection, types)
        self._write = writer.write

    def tell(self, portion: Batch[Event] | Batch[Reset]) -> Awaitable[None] | None:
        """Tell what is wanted of a portion, and made JSON once for all who want the same."""
        results = portion.memoize(self._asked, self._results)
        start = self._start
        return self._write([start + result for result in results]) if results else None

    def _results(self, items: Sequence[Item]) -> list[bytes]:
        """Return the results of what is wanted, each with the brace that ends its message."""
        render, types = self._projection.render, self._types
        return [render(item) + b"}" for item in items if concerns(item, types)]
