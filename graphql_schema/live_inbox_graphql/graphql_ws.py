"""The older subprotocol graphql-ws, of the npm package subscriptions-transport-ws and clients of its time.

Stricter than its inventors: `connection_init` must come, in time and once, and what is no message closes the
socket. Queries and mutations are served as well as subscriptions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from live_inbox_graphql import json_text
from live_inbox_graphql.close_codes import CloseCode
from live_inbox_graphql.connection import NotAdmitted
from live_inbox_graphql.messages import (
    InvalidMessage,
    OperationRequest,
    message_type,
    operation_id,
    operation_request,
)
from live_inbox_graphql.socket import Socket, Subprotocol

NAME = "graphql-ws"

_SIGN_OF_LIFE = [json_text.dumps({"type": "ka"})]


class GraphQLWSProtocol(Subprotocol):
    """Serves one socket."""

    __slots__ = ("_keep_alive",)

    result_type = "data"

    def __init__(self, socket: Socket) -> None:
        super().__init__(socket)
        self._keep_alive: asyncio.TimerHandle | None = None

    async def handle(self, message: Any) -> None:
        """Do what a message asks for."""
        match message_type(message):
            case "connection_init":
                await self.socket.init(message)
            case "start":
                await self._start(operation_request(message))
            case "stop":
                await self._stop(operation_id(message))
            case "connection_terminate":
                await self.socket.finish(CloseCode.NORMAL)
            case _:
                raise InvalidMessage("unknown type")

    async def _start(self, request: OperationRequest) -> None:
        """Start an operation, in place of a running one with the same id, as this protocol has it."""
        if not self.socket.is_acknowledged:
            await self.socket.finish(CloseCode.NOT_ACKNOWLEDGED)
            return
        await self._cease(request.id)
        await self.socket.start(request)

    async def _stop(self, id: str) -> None:
        """Stop an operation and confirm it: clients such as Python's gql wait for that."""
        if id in self.socket.operations:
            await self._cease(id)
            await self.socket.say({"type": "complete", "id": id})

    async def _cease(self, id: str) -> None:
        """Stop an operation and wait until it has stopped, so that its last words come before others."""
        task = self.socket.stop(id)
        if task is not None:
            await asyncio.wait({task})

    async def not_admitted(self, refusal: NotAdmitted) -> None:
        """Say why not."""
        await self.socket.say({"type": "connection_error", "payload": refusal.error.formatted})

    def errors(self, errors: Sequence[Mapping[str, Any]]) -> Any:
        """Return the first error: there is room for one only."""
        return errors[0]

    def acknowledged(self) -> None:
        """Begin to send signs of life."""
        seconds = self.socket.rules.keep_alive_seconds
        if seconds > 0:
            # What may have to be waited for is not: a client that does not read is found out by the pings.
            self.socket.write(_SIGN_OF_LIFE)
            self._keep_alive = asyncio.get_running_loop().call_later(seconds, self.acknowledged)

    def ended(self) -> None:
        """Send no more signs of life."""
        if self._keep_alive is not None:
            self._keep_alive.cancel()
