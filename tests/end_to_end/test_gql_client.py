"""The Python client `gql`, which offers the older subprotocol first, as its users would write it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from asgiref.sync import async_to_sync
from gql import Client, GraphQLRequest, gql
from gql.transport.websockets import WebsocketsTransport

from live_inbox import services
from live_inbox.database_threads import in_database_thread
from tests.stacks.uvicorn_server import ServerProcess

EVENTS = """
subscription ($after: String) { notificationEvents(after: $after) {
    __typename position
    ... on NotificationAdded { notification { title } }
    ... on NotificationUpdated { notification { title read } }
} }
"""
LIST = gql("{ notifications { position } }")


def test_gql_lists_subscribes_and_resumes(
    start_server: Callable[..., ServerProcess], alice: int, token: str
) -> None:
    server = start_server()

    def client() -> Client:
        url = f"{server.ws}/graphql/"
        return Client(transport=WebsocketsTransport(url, init_payload={"token": token}))

    async def follow(after: str | None, count: int) -> list[dict[str, Any]]:
        """Send `count` notifications once the subscription is there, and return the events received."""
        received: list[dict[str, Any]] = []
        async with client() as session:
            if after is None:
                after = (await session.execute(LIST))["notifications"]["position"]
            request = GraphQLRequest(EVENTS, variable_values={"after": after})
            async with aclosing(session.subscribe(request)) as events:
                await in_database_thread(services.send, recipient_id=alice, title=f"live {count}")
                async for result in events:
                    received.append(result["notificationEvents"])
                    if len(received) == count:
                        break
        return received

    first = async_to_sync(follow)(None, 1)
    assert [event["notification"]["title"] for event in first] == ["live 1"]
    for number in range(2):
        services.send(recipient_id=alice, title=f"away {number}")
    resumed = async_to_sync(follow)(first[-1]["position"], 3)
    titles = [event["notification"]["title"] for event in resumed]
    assert titles == ["away 0", "away 1", "live 3"]
