"""The older subprotocol graphql-ws, of the npm package subscriptions-transport-ws and clients of its time.

Stricter than the original: `connection_init` must come, in time and once, and an invalid message closes the socket.
Queries and mutations are served as well as subscriptions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from live_inbox.sockets.session import SocketSession
from live_inbox_graphql import json_text
from live_inbox_graphql.close_codes import GraphQLCloseCode
from live_inbox_graphql.connection import GraphQLConfig, GraphQLConnection, NotAdmitted
from live_inbox_graphql.messages import (
    InvalidMessage,
    OperationRequest,
    message_type,
    operation_id,
    operation_request,
)

NAME = "graphql-ws"

_KEEP_ALIVE = [json_text.dumps({"type": "ka"})]


class GraphQLWSProtocol(GraphQLConnection):
    """Serves one socket."""

    __slots__ = ("_keep_alive",)

    result_type = "data"
    warning_type = "ka"

    def __init__(self, session: SocketSession, config: GraphQLConfig) -> None:
        super().__init__(session, config)
        self._keep_alive: asyncio.TimerHandle | None = None

    async def handle(self, message: Any) -> None:
        """Do what a message asks for."""
        match message_type(message):
            case "connection_init":
                await self.init(message)
            case "start":
                await self._start(operation_request(message))
            case "stop":
                await self._stop(operation_id(message))
            case "connection_terminate":
                self.close(GraphQLCloseCode.NORMAL)
            case _:
                raise InvalidMessage("unknown type")

    async def _start(self, request: OperationRequest) -> None:
        """Start an operation, in place of a running one with the same id, as this protocol has it."""
        if not self.is_acknowledged:
            self.close(GraphQLCloseCode.NOT_ACKNOWLEDGED)
            return
        await self._cancel_and_wait(request.id)
        await self.start_operation(request)

    async def _stop(self, id: str) -> None:
        """Stop an operation and confirm it: clients such as Python's gql wait for that."""
        if id in self.operations:
            await self._cancel_and_wait(id)
            await self.send({"type": "complete", "id": id})

    async def _cancel_and_wait(self, id: str) -> None:
        """Stop an operation and wait until it has stopped, so that its last messages come before others."""
        task = self.stop_operation(id)
        if task is not None:
            await asyncio.wait({task})

    async def send_refusal(self, refusal: NotAdmitted) -> None:
        """Send why not."""
        await self.send({"type": "connection_error", "payload": refusal.error.formatted})

    def errors_payload(self, errors: Sequence[Mapping[str, Any]]) -> Any:
        """Return the first error: there is room for one only."""
        return errors[0]

    def on_acknowledged(self) -> None:
        """Begin to send keep-alive messages."""
        seconds = self.config.keep_alive_seconds
        if seconds > 0:
            # Room is not waited for: the server's pings detect a client that does not read.
            self.session.write(_KEEP_ALIVE)
            self._keep_alive = asyncio.get_running_loop().call_later(seconds, self.on_acknowledged)

    def stop(self) -> list[asyncio.Task[None]]:
        """End everything, the keep-alive messages too."""
        if self._keep_alive is not None:
            self._keep_alive.cancel()
        return super().stop()
