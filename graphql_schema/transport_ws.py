"""The subprotocol graphql-transport-ws, of the npm package graphql-ws and all current clients.

Strawberry's handler does the work. What is overridden is what a client could use to leave a socket
behind that is open and mute, or to lose all its subscriptions by one mistake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.types.execution import PreExecutionError
from strawberry.utils.aio import aclosing

from backend.delivery.hub import HubClosed
from graphql_schema.close_codes import CloseCode
from graphql_schema.connection import Connection, NotAdmitted
from graphql_schema.errors import TOO_MANY_OPERATIONS, as_clients_see_exception
from graphql_schema.messages import (
    InvalidMessage,
    init_payload,
    message_type,
    operation_id,
    operation_request,
)
from graphql_schema.schema import InboxSchema


class TransportHandler(BaseGraphQLTransportWSHandler[Connection, None]):
    """Serves one socket. Its `context` is the connection, which gives each operation one of its own."""

    schema: InboxSchema

    async def handle_message(self, message: Any) -> None:
        """Do what a message asks for; close the socket if it is none."""
        try:
            match message_type(message):
                case "connection_init":
                    await self.handle_connection_init(message)
                case "ping":
                    await self.handle_ping(message)
                case "pong":
                    pass
                case "subscribe":
                    await self.handle_subscribe(message)
                case "complete":
                    await self.cleanup_operation(operation_id(message))
                case _:
                    raise InvalidMessage("unknown type")
        except InvalidMessage as fault:
            await self.handle_invalid_message(str(fault))

    async def handle_invalid_message(self, error_message: str) -> None:
        """Close the socket."""
        await self.websocket.close(CloseCode.INVALID_MESSAGE, error_message)

    async def handle_connection_init(self, message: Any) -> None:
        """Admit the client or close the socket."""
        if self.connection_init_received:
            await self.websocket.close(CloseCode.SECOND_INIT, "")
            return
        payload = init_payload(message)
        self.connection_init_received = True
        if self.connection_init_timeout_task is not None:
            self.connection_init_timeout_task.cancel()
        seconds = self.connection_init_wait_timeout.total_seconds()
        try:
            await self.context.admit(payload, within_seconds=seconds)
        except NotAdmitted as refusal:
            await self.websocket.close(refusal.code, refusal.detail)
        else:
            await self.send_message({"type": "connection_ack"})
            self.connection_acknowledged = True

    async def handle_ping(self, message: Mapping[str, Any]) -> None:
        """Answer with what came along."""
        pong: dict[str, Any] = {"type": "pong"}
        if isinstance(message.get("payload"), dict):
            pong["payload"] = message["payload"]
        await self.websocket.send_json(pong)

    async def handle_subscribe(self, message: Any) -> None:
        """Start an operation."""
        request = operation_request(message)
        if not self.connection_acknowledged:
            await self.websocket.close(CloseCode.NOT_ACKNOWLEDGED, "")
        elif request.id in self.operations:
            await self.websocket.close(CloseCode.DUPLICATE_ID, request.id)
        elif len(self.operations) >= (self.max_subscriptions_per_connection or 0):
            await self.websocket.send_json(
                {"id": request.id, "type": "error", "payload": [TOO_MANY_OPERATIONS.formatted]}
            )
        else:
            operation = Operation(
                self, request.id, request.query, request.variables, request.operation_name
            )
            self.operations[request.id] = operation
            operation.task = asyncio.create_task(self.run_operation(operation))

    async def run_operation(self, operation: Operation[Connection, None]) -> None:
        """Send the results of an operation, and how it ended.

        A failed operation ends with `error`, not with a last result and `complete`: the client must not take
        it for a stream that came to its end.
        """
        try:
            results = await self.schema.stream(
                operation.query,
                variable_values=operation.variables,
                context_value=self.context.operation(),
                operation_name=operation.operation_name,
            )
            async with aclosing(results):
                async for result in results:
                    if isinstance(result, PreExecutionError):
                        await operation.send_initial_errors(result.errors or [])
                        return
                    await operation.send_next(result)
            await operation.send_operation_message({"id": operation.id, "type": "complete"})
        except HubClosed:
            await self.websocket.close(CloseCode.RESTARTING, "")
        except Exception as error:
            await operation.send_initial_errors([as_clients_see_exception(error)])

    def forget_id(self, id: str) -> None:
        """Let the id be used again. The client may have completed the operation at the same moment."""
        self.operations.pop(id, None)
