"""The subprotocol graphql-transport-ws, of the npm package graphql-ws and all current clients.

Its rules are those of PROTOCOL.md of that package, with one reading of ours: an operation that fails ends with
`error`, not with a last result and `complete`, so that no client takes it for a stream that came to its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from live_inbox_graphql.close_codes import GraphQLCloseCode
from live_inbox_graphql.connection import GraphQLConnection, NotAdmitted
from live_inbox_graphql.messages import (
    InvalidMessage,
    OperationRequest,
    message_type,
    operation_id,
    operation_request,
)

NAME = "graphql-transport-ws"


class GraphQLTransportWSProtocol(GraphQLConnection):
    """Serves one socket."""

    __slots__ = ()

    result_type = "next"

    async def handle(self, message: Any) -> None:
        """Do what a message asks for."""
        match message_type(message):
            case "connection_init":
                await self.init(message)
            case "ping":
                await self._pong(message)
            case "pong":
                pass
            case "subscribe":
                await self._subscribe(operation_request(message))
            case "complete":
                self.stop_operation(operation_id(message))
            case _:
                raise InvalidMessage("unknown type")

    async def _pong(self, message: Mapping[str, Any]) -> None:
        pong: dict[str, Any] = {"type": "pong"}
        if isinstance(message.get("payload"), dict):
            pong["payload"] = message["payload"]
        await self.send(pong)

    async def _subscribe(self, request: OperationRequest) -> None:
        if not self.is_acknowledged:
            self.close(GraphQLCloseCode.NOT_ACKNOWLEDGED)
        elif request.id in self.operations:
            self.close(GraphQLCloseCode.DUPLICATE_ID, request.id)
        else:
            await self.start_operation(request)

    async def send_refusal(self, refusal: NotAdmitted) -> None:
        """Send nothing: the close code has the reason."""

    def errors_payload(self, errors: Sequence[Mapping[str, Any]]) -> Any:
        """Return all errors."""
        return errors
