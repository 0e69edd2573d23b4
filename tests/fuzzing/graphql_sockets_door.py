"""GraphQL on sockets, by both subprotocols: generated messages after a connection that was acknowledged."""

from __future__ import annotations

import json
from random import Random
from typing import Any, ClassVar

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from live_inbox_graphql.close_codes import GraphQLCloseCode
from tests.fuzzing.door import Door
from tests.fuzzing.grammar import Grammar
from tests.fuzzing.graphql_answers import check_errors
from tests.fuzzing.messages import TYPES, message
from tests.fuzzing.soundness import WAIT_SECONDS, Unsound, mute
from tests.graphql.own_schema import schema

CLOSE_CODES = {code.value for code in GraphQLCloseCode}
MOST_MESSAGES = 12


class GraphQLSocketsDoor(Door):
    """Each attempt is a socket that sends some messages, and an operation that is answered unless they closed it."""

    subprotocol: ClassVar[str]

    def attempt(self, random: Random) -> int:
        """Send messages on a new socket."""
        grammar = Grammar(schema.schema._schema, random)
        count = random.randrange(1, MOST_MESSAGES)
        messages = [message(grammar, random, self.subprotocol) for _ in range(count)]
        self.sent = messages
        address = f"{self.target.server.ws}/graphql/"
        with connect(
            address, subprotocols=[Subprotocol(self.subprotocol)], max_size=None
        ) as client:
            try:
                self._send(client, messages)
                self._receive(client, messages)
            except TimeoutError:
                raise mute(messages) from None
            except ConnectionClosed as closed:
                if closed.rcvd is None or closed.rcvd.code not in CLOSE_CODES:
                    raise Unsound(f"closed with {closed.rcvd} for {messages!r}") from None
        return count

    def _send(self, client: ClientConnection, messages: list[str | bytes]) -> None:
        payload = {"Authorization": f"Bearer {self.target.token}"}
        client.send(json.dumps({"type": "connection_init", "payload": payload}))
        for each in messages:
            client.send(each)
        start = TYPES[self.subprotocol][0]
        probe = {"id": "probe", "type": start, "payload": {"query": "{ probe: __typename }"}}
        client.send(json.dumps(probe))

    def _receive(self, client: ClientConnection, messages: list[str | bytes]) -> None:
        while True:
            answer = json.loads(client.recv(timeout=WAIT_SECONDS))
            payload: Any = answer.get("payload")
            if answer["type"] == "error":
                errors = payload if isinstance(payload, list) else [payload]
                check_errors({"errors": errors}, messages)
            elif isinstance(payload, dict):
                check_errors(payload, messages)
            if answer.get("id") == "probe":
                return


class GraphQLTransportWsDoor(GraphQLSocketsDoor):
    """The subprotocol of today."""

    name: ClassVar[str] = "graphql-transport-ws"
    subprotocol: ClassVar[str] = "graphql-transport-ws"


class GraphQLWsDoor(GraphQLSocketsDoor):
    """The older subprotocol."""

    name: ClassVar[str] = "graphql-ws"
    subprotocol: ClassVar[str] = "graphql-ws"
