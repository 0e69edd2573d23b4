"""The older subprotocol on the wire, as subscriptions-transport-ws speaks it; stricter where it let things hang."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.graphql.graphql_server import GRAPHQL_WS, WAIT_SECONDS, Client, Closed, GraphQLServer
from tests.graphql.http_client import bearer
from tests.graphql.test_graphql_transport_ws import INVALID_AT_ANY_TIME

SUBSCRIBE = "subscription { notificationEvents { position } }"
OPERATION = {"type": "start", "id": "1", "payload": {"query": "{ __typename }"}}


@pytest.fixture
async def raw(graphql_server: GraphQLServer) -> Client:
    """A socket before the handshake of the protocol."""
    return await graphql_server.open(GRAPHQL_WS)


@pytest.fixture
async def ws(raw: Client, alice: User) -> Client:
    """A socket of alice, acknowledged."""
    await raw.init({"Authorization": bearer(alice)})
    return raw


async def test_without_an_init_in_time_it_is_closed_with_4408(
    graphql_server: GraphQLServer,
) -> None:
    graphql_server.options["init_seconds"] = 0.05
    client = await graphql_server.open(GRAPHQL_WS)
    assert await client.closed() == Closed(4408, "Connection initialisation timeout")


async def test_a_second_init_is_closed_with_4429(ws: Client) -> None:
    await ws.send({"type": "connection_init"})
    assert await ws.closed() == Closed(4429, "Too many initialisation requests")


async def test_an_operation_before_the_ack_is_closed_with_4401(raw: Client) -> None:
    await raw.send(OPERATION)
    assert await raw.closed() == Closed(4401, "Unauthorized")


@pytest.mark.parametrize("payload", [{}, {"payload": None}, {"payload": {}}])
async def test_an_init_needs_no_payload(
    graphql_server: GraphQLServer, alice: User, payload: Any
) -> None:
    client = await graphql_server.open(GRAPHQL_WS, headers={"Authorization": bearer(alice)})
    await client.send({"type": "connection_init", **payload})
    assert await client.receive() == {"type": "connection_ack"}


@pytest.mark.parametrize(
    ("message", "detail"),
    [each for each in INVALID_AT_ANY_TIME if each[0] != {"type": "start"}],
)
async def test_what_is_no_message_is_closed_with_4400(
    raw: Client, message: object, detail: str
) -> None:
    await raw.send(message)
    assert await raw.closed() == Closed(4400, f"Invalid message: {detail}")


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"id": None}, "the id is not a string"),
        ({"id": {"a": 1}}, "the id is not a string"),
        ({"payload": None}, "the payload is not an object"),
        ({"payload": {"query": None}}, "the query is not a string"),
        ({"type": "stop", "id": 1}, "the id is not a string"),
        ({"type": "connection_init", "payload": []}, "the payload is not an object"),
    ],
)
async def test_an_operation_that_is_not_of_the_protocol(
    raw: Client, alice: User, change: dict[str, Any], detail: str
) -> None:
    if change.get("type") != "connection_init":
        await raw.init({"token": bearer(alice)})
    await raw.send(OPERATION | change)
    assert await raw.closed() == Closed(4400, f"Invalid message: {detail}")


async def test_queries_and_mutations_are_served_as_its_servers_did(ws: Client) -> None:
    assert await ws.ask("{ viewer { username } }") == {"data": {"viewer": {"username": "alice"}}}
    assert await ws.ask("mutation { markAllRead { count } }") == {
        "data": {"markAllRead": {"count": 0}}
    }


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { notificationEvents(after: "x") { position } }', "BAD_USER_INPUT"),
    ],
)
async def test_a_bad_operation_is_its_own_error_and_the_socket_lives(
    ws: Client, query: str, code: str
) -> None:
    await ws.start("1", query)
    message = await ws.receive()
    assert (message["type"], message["id"]) == ("error", "1")
    assert message["payload"]["extensions"]["code"] == code
    assert await ws.ask("{ __typename }") == {"data": {"__typename": "Query"}}


async def test_stop_is_confirmed(ws: Client, graphql_server: GraphQLServer) -> None:
    await ws.start("1", SUBSCRIBE)
    await graphql_server.until_subscribed(1)
    await ws.send({"type": "stop", "id": "1"})
    assert await ws.receive() == {"type": "complete", "id": "1"}
    await graphql_server.until_subscribed(0)
    await ws.send({"type": "stop", "id": "1"})
    assert await ws.ask("{ __typename }") == {"data": {"__typename": "Query"}}


async def test_an_id_that_is_in_use_begins_anew(ws: Client, graphql_server: GraphQLServer) -> None:
    for _ in range(3):
        await ws.start("1", SUBSCRIBE)
    await graphql_server.until_subscribed(1)
    assert await ws.ask("{ __typename }") == {"data": {"__typename": "Query"}}


async def test_terminate(ws: Client) -> None:
    await ws.send({"type": "connection_terminate"})
    assert await ws.closed() == Closed(1000, "Terminated")


async def test_there_is_a_limit_of_operations(ws: Client) -> None:
    for number in range(21):
        await ws.start(str(number), SUBSCRIBE)
    assert await ws.receive() == {
        "type": "error",
        "id": "20",
        "payload": {
            "message": "This socket has too many operations open. Complete one first.",
            "extensions": {"code": "TOO_MANY_OPERATIONS"},
        },
    }


async def test_signs_of_life_come_by_themselves(graphql_server: GraphQLServer, alice: User) -> None:
    graphql_server.options["keep_alive_seconds"] = 0.02
    client = await graphql_server.open(GRAPHQL_WS)
    await client.send({"type": "connection_init", "payload": {"token": bearer(alice)}})
    async with asyncio.timeout(WAIT_SECONDS):
        received = [json.loads(await client.connection.recv()) for _ in range(4)]
    assert received == [{"type": "connection_ack"}] + [{"type": "ka"}] * 3


async def test_signs_of_life_can_be_left_out(graphql_server: GraphQLServer, alice: User) -> None:
    graphql_server.options["keep_alive_seconds"] = 0
    client = await graphql_server.open(GRAPHQL_WS)
    await client.init({"token": bearer(alice)})
    await client.start("1", "{ __typename }")
    assert json.loads(await client.connection.recv())["type"] == "data"
