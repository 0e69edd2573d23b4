"""The subprotocol graphql-transport-ws, of the npm package graphql-ws and all current clients.

Its rules are those of PROTOCOL.md of that package, with one reading of ours: an operation that fails ends with
`error`, not with a last result and `complete`, so that no client takes it for a stream that came to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from live_inbox.sockets.session import SocketSession
from live_inbox_graphql import json_text
from live_inbox_graphql.close_codes import NO_PONG, GraphQLCloseCode
from live_inbox_graphql.connection import GraphQLConfig, GraphQLConnection, NotAdmitted
from live_inbox_graphql.messages import (
    InvalidMessage,
    OperationRequest,
    message_type,
    operation_id,
    operation_request,
)

NAME = "graphql-transport-ws"

_PING = [json_text.dumps({"type": "ping"})]


class GraphQLTransportWSProtocol(GraphQLConnection):
    """Serves one socket."""

    __slots__ = ("_heartbeat", "_is_silent")

    result_type = "next"
    warning_type = "ping"

    def __init__(self, session: SocketSession, config: GraphQLConfig) -> None:
        super().__init__(session, config)
        self._heartbeat: asyncio.TimerHandle | None = None
        self._is_silent = False

    async def handle(self, message: Any) -> None:
        """Do what a message asks for."""
        self._is_silent = False
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

    def on_acknowledged(self) -> None:
        """Begin to send pings, where the server sends none."""
        seconds = self.config.heartbeat_seconds
        if seconds > 0:
            self._is_silent = True
            # Room is not waited for: a client that does not read does not answer either.
            self.session.write(_PING)
            self._heartbeat = asyncio.get_running_loop().call_later(seconds, self._check_heartbeat)

    def _check_heartbeat(self) -> None:
        if self._is_silent:
            self.close(GraphQLCloseCode.TRY_AGAIN, NO_PONG)
        else:
            self.on_acknowledged()

    def stop(self) -> list[asyncio.Task[None]]:
        """End everything, the pings too."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        return super().stop()

    def errors_payload(self, errors: Sequence[Mapping[str, Any]]) -> Any:
        """Return all errors."""
        return errors
