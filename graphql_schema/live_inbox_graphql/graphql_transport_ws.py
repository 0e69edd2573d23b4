"""The subprotocol graphql-transport-ws, of the npm package graphql-ws and all current clients.

Its rules are those of PROTOCOL.md of that package, with one reading of ours: an operation that fails ends with
`error`, not with a last result and `complete`, so that no client takes it for a stream that came to its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from live_inbox_graphql.close_codes import CloseCode
from live_inbox_graphql.connection import NotAdmitted
from live_inbox_graphql.messages import (
    InvalidMessage,
    OperationRequest,
    message_type,
    operation_id,
    operation_request,
)
from live_inbox_graphql.socket import Subprotocol

NAME = "graphql-transport-ws"


class GraphQLTransportWSProtocol(Subprotocol):
    """Serves one socket."""

    __slots__ = ()

    result_type = "next"

    async def handle(self, message: Any) -> None:
        """Do what a message asks for."""
        match message_type(message):
            case "connection_init":
                await self.socket.init(message)
            case "ping":
                await self._pong(message)
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(operation_request(message))
            case "complete":
                self.socket.stop(operation_id(message))
            case _:
                raise InvalidMessage("unknown type")

    async def _pong(self, message: Mapping[str, Any]) -> None:
        pong: dict[str, Any] = {"type": "pong"}
        if isinstance(message.get("payload"), dict):
            pong["payload"] = message["payload"]
        await self.socket.say(pong)

    async def _subscribe(self, request: OperationRequest) -> None:
        if not self.socket.is_acknowledged:
            await self.socket.finish(CloseCode.NOT_ACKNOWLEDGED)
        elif request.id in self.socket.operations:
            await self.socket.finish(CloseCode.DUPLICATE_ID, request.id)
        else:
            await self.socket.start(request)

    async def not_admitted(self, refusal: NotAdmitted) -> None:
        """Say nothing: the close code does."""

    def errors(self, errors: Sequence[Mapping[str, Any]]) -> Any:
        """Return all errors."""
        return errors
