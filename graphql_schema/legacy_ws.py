"""The older subprotocol graphql-ws, of the npm package subscriptions-transport-ws and clients of its time.

Strawberry's handler is the frame. Beyond what it does, this one insists on `connection_init` in time and
once, closes at what is no message, and serves queries and mutations as well as subscriptions.
"""

from __future__ import annotations

import asyncio
from typing import Any

from graphql import GraphQLError
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived
from strawberry.subscriptions.protocols.graphql_ws.handlers import BaseGraphQLWSHandler
from strawberry.types.execution import PreExecutionError
from strawberry.utils.aio import aclosing

from backend.delivery.hub import HubClosed
from graphql_schema.close_codes import CloseCode
from graphql_schema.connection import Connection, NotAdmitted
from graphql_schema.errors import TOO_MANY_OPERATIONS, as_clients_see_exception
from graphql_schema.messages import (
    InvalidMessage,
    OperationRequest,
    init_payload,
    message_type,
    operation_id,
    operation_request,
)
from graphql_schema.schema import InboxSchema


class LegacyHandler(BaseGraphQLWSHandler[Connection, None]):
    """Serves one socket. Its `context` is the connection, which gives each operation one of its own."""

    schema: InboxSchema
    connection_init_received = False

    async def handle(self) -> None:
        """Serve the socket until either side closes it."""
        timer = asyncio.create_task(self._require_init())
        try:
            async for message in self.websocket.iter_json():
                await self.handle_message(message)
        except NonTextMessageReceived:
            await self._close_invalid("not text")
        except NonJsonMessageReceived:
            await self._close_invalid("not JSON")
        finally:
            for task in (timer, self.keep_alive_task):
                if task is not None:
                    task.cancel()
            await self.cleanup()

    async def _require_init(self) -> None:
        await asyncio.sleep(self._init_seconds)
        if not self.connection_init_received:
            await self.websocket.close(CloseCode.INIT_TIMEOUT, "")

    @property
    def _init_seconds(self) -> float:
        return self.view.connection_init_wait_timeout.total_seconds()

    async def _close_invalid(self, detail: str) -> None:
        await self.websocket.close(CloseCode.INVALID_MESSAGE, detail)

    async def handle_message(self, message: Any) -> None:
        """Do what a message asks for; close the socket if it is none."""
        try:
            match message_type(message):
                case "connection_init":
                    await self.handle_connection_init(message)
                case "start":
                    await self.handle_start(message)
                case "stop":
                    await self._stop(operation_id(message))
                case "connection_terminate":
                    await self.websocket.close(CloseCode.NORMAL, "")
                case _:
                    raise InvalidMessage("unknown type")
        except InvalidMessage as fault:
            await self._close_invalid(str(fault))

    async def handle_connection_init(self, message: Any) -> None:
        """Admit the client, and begin to send signs of life; or say why not and close the socket."""
        if self.connection_init_received:
            await self.websocket.close(CloseCode.SECOND_INIT, "")
            return
        payload = init_payload(message)
        self.connection_init_received = True
        try:
            await self.context.admit(payload, within_seconds=self._init_seconds)
        except NotAdmitted as refusal:
            error = refusal.error.formatted
            await self.websocket.send_json({"type": "connection_error", "payload": error})
            await self.websocket.close(refusal.code, refusal.detail)
            return
        await self.send_message({"type": "connection_ack"})
        self.connection_acknowledged = True
        if self.keep_alive:
            self.keep_alive_task = asyncio.create_task(self.handle_keep_alive())

    async def handle_start(self, message: Any) -> None:
        """Start an operation, in place of a running one with the same id, as this protocol has it."""
        request = operation_request(message)
        if not self.connection_acknowledged:
            await self.websocket.close(CloseCode.NOT_ACKNOWLEDGED, "")
            return
        await self.cleanup_operation(request.id)
        if len(self.tasks) >= (self.max_subscriptions_per_connection or 0):
            error = TOO_MANY_OPERATIONS.formatted
            await self.websocket.send_json({"id": request.id, "type": "error", "payload": error})
        else:
            self.tasks[request.id] = asyncio.create_task(self._run(request))

    async def _run(self, request: OperationRequest) -> None:
        """Send the results of an operation, and that it is over."""
        try:
            await self._send_results(request)
        except HubClosed:
            await self.websocket.close(CloseCode.RESTARTING, "")
        except Exception as error:
            await self._send_error(request.id, as_clients_see_exception(error))
        finally:
            self.tasks.pop(request.id, None)

    async def _send_results(self, request: OperationRequest) -> None:
        results = await self.schema.stream(
            request.query,
            variable_values=request.variables,
            context_value=self.context.operation(),
            operation_name=request.operation_name,
        )
        async with aclosing(results):
            async for result in results:
                if isinstance(result, PreExecutionError):
                    await self._send_error(request.id, *(result.errors or ()))
                    return
                await self.send_data_message(result, request.id)
        await self.send_message({"type": "complete", "id": request.id})

    async def _send_error(self, id: str, error: GraphQLError, *others: GraphQLError) -> None:
        """Say that an operation has failed. There is room for one error only."""
        await self.websocket.send_json({"id": id, "type": "error", "payload": error.formatted})

    async def _stop(self, id: str) -> None:
        """Stop an operation and confirm it: clients such as Python's gql wait for that."""
        if id in self.tasks:
            await self.cleanup_operation(id)
            await self.send_message({"type": "complete", "id": id})

    async def cleanup_operation(self, operation_id: str) -> None:
        """Stop an operation and wait until it has stopped, so that its last words come before others."""
        task = self.tasks.get(operation_id)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
