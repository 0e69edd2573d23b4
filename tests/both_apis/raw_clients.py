"""Clients of every protocol that return what they receive as it comes, every field of it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from functools import cache
from typing import Any, Self

from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, get_named_type
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from live_inbox.delivery.position import Position
from live_inbox_graphql.schema import build

WAIT_SECONDS = 20.0
"""How long a client waits for what must come. A test only fails by it."""

Json = dict[str, Any]

# Of each subprotocol: how an operation is started, and how its results are called.
SUBPROTOCOLS = {"graphql-transport-ws": ("subscribe", "next"), "graphql-ws": ("start", "data")}


LINK = ("NotificationTarget", "link")
"""Read from the database by itself: tests/graphql/test_target_links.py."""


def every_field(type_name: str) -> str:
    """Return the selection of every field of an object type but LINK, and of all that they hold."""
    kind = _schema().type_map[type_name]
    assert isinstance(kind, GraphQLObjectType)
    fields = [(name, field) for name, field in kind.fields.items() if (type_name, name) != LINK]
    return " ".join(_selected(name, field) for name, field in fields)


def _selected(name: str, field: GraphQLField) -> str:
    kind = get_named_type(field.type)
    return f"{name} {{ {every_field(kind.name)} }}" if isinstance(kind, GraphQLObjectType) else name


def every_event() -> str:
    """Return the selection of every field of every type of event."""
    schema = _schema()
    kinds = schema.get_possible_types(schema.type_map["NotificationEvent"])  # type: ignore[arg-type]
    parts = [f"... on {kind.name} {{ {every_field(kind.name)} }}" for kind in kinds]
    return f"__typename {' '.join(parts)}"


@cache
def _schema() -> GraphQLSchema:
    return build().schema._schema


class RawClient:
    """A socket whose messages are JSON."""

    def __init__(self, address: str, *protocols: str) -> None:
        self._opened = ExitStack()
        offered = [Subprotocol(name) for name in protocols] or None
        # Without a limit of messages that wait: a client that has not read all of them closes without waiting.
        connection = connect(address, subprotocols=offered, max_queue=None)
        self._connection = self._opened.enter_context(connection)
        self._kept: list[Json] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def say(self, message: Json) -> None:
        """Send a message."""
        self._connection.send(json.dumps(message))

    def catch_up(self, count: int) -> None:
        """Wait until so many events have come, since the client was opened."""
        while len(self._kept) < count:
            self._kept.append(self._event())

    def _event(self) -> Json:
        return self.hear()

    def hear(self) -> Json:
        """Return the next message, but for signs of life."""
        while True:
            message: Json = json.loads(self._connection.recv(timeout=WAIT_SECONDS))
            if message["type"] not in ("ka", "ping"):
                return message


class RawJsonClient(RawClient):
    """A client of the JSON API, which has loaded its list and follows the inbox."""

    def __init__(self, address: str, token: str) -> None:
        super().__init__(f"{address}/ws/notifications/?token={token}")
        self.ask_list()

    def ask_list(self, **page: int) -> Json:
        """Ask for the list, or a page of it. The next message has to be the answer."""
        self.say({"type": "get_notifications", **page})
        answer = self.hear()
        assert answer["type"] == "notifications_list", answer
        return answer

    def events(self, count: int) -> list[Json]:
        """Return so many messages, and see that no further one was sent."""
        self.catch_up(count)
        self.ask_list()
        events, self._kept = self._kept, []
        return events


class RawGraphQLClient(RawClient):
    """A client of a GraphQL subprotocol, subscribed after a position."""

    def __init__(
        self,
        address: str,
        token: str,
        subprotocol: str,
        *,
        after: str,
        types: list[str] | None = None,
        selection: str | None = None,
    ) -> None:
        super().__init__(f"{address}/graphql/", subprotocol)
        self._start, self._result = SUBPROTOCOLS[subprotocol]
        self._asked = 0
        self.say({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
        assert self.hear()["type"] == "connection_ack"
        arguments = "$after: String, $types: [String!]"
        query = f"""subscription ({arguments}) {{
            notificationEvents(after: $after, types: $types) {{ {selection or every_event()} }}
        }}"""
        payload = {"query": query, "variables": {"after": after, "types": types}}
        self.say({"id": "events", "type": self._start, "payload": payload})

    def ask(self, query: str, **variables: Any) -> Json:
        """Run an operation and return its data. The next messages have to be those of the operation."""
        self._asked += 1
        id = f"question {self._asked}"
        self.say(
            {"id": id, "type": self._start, "payload": {"query": query, "variables": variables}}
        )
        answer, complete = self.hear(), self.hear()
        assert (answer["id"], answer["type"]) == (id, self._result), answer
        assert complete == {"id": id, "type": "complete"}
        assert "errors" not in answer["payload"], answer
        data: Json = answer["payload"]["data"]
        return data

    def events(self, count: int) -> list[Json]:
        """Return so many events, each with its position as (epoch, sequence), and see that no further one was sent."""
        self.catch_up(count)
        self.ask("{ __typename }")
        events, self._kept = self._kept, []
        return events

    def _event(self) -> Json:
        message = self.hear()
        assert (message["id"], message["type"]) == ("events", self._result), message
        assert message["payload"].keys() == {"data"}, message
        event: Json = message["payload"]["data"]["notificationEvents"]
        if "position" in event:
            position = Position.parse(event["position"])
            event["position"] = (position.epoch, position.sequence)
        return event
