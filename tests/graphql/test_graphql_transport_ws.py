"""graphql-transport-ws on the wire, rule by rule of its PROTOCOL.md, and what no rule foresees."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from django.contrib.auth.models import User

from live_inbox.sockets.heartbeat import heartbeat_seconds
from tests.changed_settings import changed_settings
from tests.graphql.graphql_server import GRAPHQL_TRANSPORT_WS, Client, Closed, GraphQLServer
from tests.graphql.http_client import bearer

SUBSCRIBE = "subscription { notificationEvents { position } }"
OPERATION = {"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}


@pytest.fixture
async def raw(graphql_server: GraphQLServer) -> Client:
    """A socket before the handshake of the protocol."""
    return await graphql_server.open(GRAPHQL_TRANSPORT_WS)


@pytest.fixture
async def ws(raw: Client, alice: User) -> Client:
    """A socket of alice, acknowledged."""
    await raw.init({"Authorization": bearer(alice)})
    return raw


async def test_without_a_subprotocol_it_is_closed_with_4406(graphql_server: GraphQLServer) -> None:
    for names in ((), ("mqtt",)):
        client = await graphql_server.open_with(names)
        assert await client.closed() == Closed(4406, "Subprotocol not acceptable")


async def test_of_a_client_that_offers_both_it_gets_the_newer(
    graphql_server: GraphQLServer,
) -> None:
    for names in (("graphql-ws", GRAPHQL_TRANSPORT_WS), (GRAPHQL_TRANSPORT_WS, "graphql-ws")):
        client = await graphql_server.open(*names)
        assert client.connection.subprotocol == GRAPHQL_TRANSPORT_WS


async def test_without_an_init_in_time_it_is_closed_with_4408(
    graphql_server: GraphQLServer,
) -> None:
    graphql_server.options["init_seconds"] = 0.05
    client = await graphql_server.open(GRAPHQL_TRANSPORT_WS)
    assert await client.closed() == Closed(4408, "Connection initialisation timeout")


async def test_a_second_init_is_closed_with_4429(ws: Client) -> None:
    await ws.send({"type": "connection_init"})
    assert await ws.closed() == Closed(4429, "Too many initialisation requests")


async def test_an_operation_before_the_ack_is_closed_with_4401(raw: Client) -> None:
    await raw.send(OPERATION)
    assert await raw.closed() == Closed(4401, "Unauthorized")


async def test_an_id_that_is_in_use_is_closed_with_4409(ws: Client) -> None:
    await ws.start("1", SUBSCRIBE)
    await ws.start("1", SUBSCRIBE)
    assert await ws.closed() == Closed(4409, "Subscriber already exists: 1")


async def test_an_id_may_be_used_again(ws: Client) -> None:
    for _ in range(3):
        await ws.start("1", SUBSCRIBE)
        await ws.send({"type": "complete", "id": "1"})
    for _ in range(3):
        assert await ws.ask("{ __typename }") == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("payload", [None, {}, {"payload": None}])
async def test_an_init_needs_no_payload(
    graphql_server: GraphQLServer, alice: User, payload: Any
) -> None:
    client = await graphql_server.open(
        GRAPHQL_TRANSPORT_WS, headers={"Authorization": bearer(alice)}
    )
    await client.send({"type": "connection_init", **(payload or {})})
    assert await client.receive() == {"type": "connection_ack"}


INVALID_AT_ANY_TIME: list[tuple[object, str]] = [
    (b"x", "not text"),
    ("", "not JSON"),
    ("{", "not JSON"),
    ("NaN", "not JSON"),
    ("[" * 20_000, "not JSON"),
    ("1" * 5000, "not JSON"),
    ([], "not an object"),
    ("null", "not an object"),
    (1, "not an object"),
    ('"ping"', "not an object"),
    ({}, "no type"),
    ({"type": None}, "no type"),
    ({"type": ["ping"]}, "no type"),
    ({"type": "next"}, "unknown type"),
    ({"type": "start"}, "unknown type"),
    ({"type": "x" * 5000}, "unknown type"),
]


@pytest.mark.parametrize(("message", "detail"), INVALID_AT_ANY_TIME)
async def test_what_is_no_message_is_closed_with_4400(
    raw: Client, message: object, detail: str
) -> None:
    await raw.send(message)
    assert await raw.closed() == Closed(4400, f"Invalid message: {detail}")


@pytest.mark.parametrize("payload", [[], "token", 5, True])
async def test_an_init_with_a_payload_that_is_no_object(raw: Client, payload: object) -> None:
    await raw.send({"type": "connection_init", "payload": payload})
    assert await raw.closed() == Closed(4400, "Invalid message: the payload is not an object")


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"id": None}, "the id is not a string"),
        ({"id": ""}, "the id is not a string"),
        ({"id": 1}, "the id is not a string"),
        ({"id": {"a": 1}}, "the id is not a string"),
        ({"payload": None}, "the payload is not an object"),
        ({"payload": "{ __typename }"}, "the payload is not an object"),
        ({"payload": {}}, "the query is not a string"),
        ({"payload": {"query": None}}, "the query is not a string"),
        ({"payload": {"query": "{a}", "variables": []}}, "the variables are not an object"),
        ({"payload": {"query": "{a}", "operationName": 1}}, "the operationName is not a string"),
        ({"type": "complete", "id": []}, "the id is not a string"),
    ],
)
async def test_an_operation_that_is_not_of_the_protocol(
    ws: Client, change: dict[str, Any], detail: str
) -> None:
    await ws.send(OPERATION | change)
    assert await ws.closed() == Closed(4400, f"Invalid message: {detail}")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("", "BAD_REQUEST"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("fragment F on Query { __typename }", "OPERATION_RESOLUTION_FAILURE"),
        ("query($n: Int!) { notifications(first: $n) { position } }", "BAD_USER_INPUT"),
        (
            "subscription($n: String!) { notificationEvents(after: $n) { position } }",
            "BAD_USER_INPUT",
        ),
    ],
)
async def test_a_bad_operation_is_its_own_error_and_its_siblings_live(
    ws: Client, graphql_server: GraphQLServer, query: str, code: str
) -> None:
    await ws.start("sibling", SUBSCRIBE)
    await graphql_server.until_subscribed(1)
    await ws.start("1", query)
    message = await ws.receive()
    assert (message["type"], message["id"]) == ("error", "1")
    assert [error["extensions"]["code"] for error in message["payload"]] == [code]
    await ws.ask("mutation { markAllRead { count } }")
    assert graphql_server.hub._open_inboxes, "the sibling has gone"
    # Nothing comes after an error, and its id may be used again.
    await ws.start("1", "{ __typename }")
    assert await ws.result("1") == {"data": {"__typename": "Query"}}


async def test_an_unknown_operation_name(ws: Client) -> None:
    payload = {"query": "query A { __typename }", "operationName": "B"}
    await ws.send({"type": "subscribe", "id": "1", "payload": payload})
    message = await ws.receive()
    assert message["payload"][0]["extensions"] == {"code": "OPERATION_RESOLUTION_FAILURE"}


async def test_queries_and_mutations_are_served(ws: Client, alice: User) -> None:
    assert await ws.ask("{ viewer { username } }") == {"data": {"viewer": {"username": "alice"}}}
    input = {"recipientId": str(alice.pk), "title": "x"}
    query = "mutation($input: SendInput!) { send(input: $input) { notification { title } } }"
    assert await ws.ask(query, {"input": input}) == {
        "data": {"send": {"notification": {"title": "x"}}}
    }
    failed = await ws.ask('{ notification(id: "0") { id } }')
    assert failed["data"] == {"notification": None}
    assert failed["errors"][0]["extensions"] == {"code": "NOT_FOUND"}


@pytest.mark.parametrize(
    ("ping", "pong"),
    [
        ({}, {}),
        ({"payload": {"at": 1}}, {"payload": {"at": 1}}),
        ({"payload": None}, {}),
        ({"payload": "x"}, {}),
    ],
)
async def test_a_ping_is_answered_at_any_time(
    raw: Client, alice: User, ping: dict[str, Any], pong: dict[str, Any]
) -> None:
    await raw.send({"type": "ping", **ping})
    assert await raw.receive() == {"type": "pong", **pong}
    await raw.init({"token": bearer(alice)})
    await raw.send({"type": "ping", **ping})
    assert await raw.receive() == {"type": "pong", **pong}


@pytest.mark.parametrize("message", [{"type": "pong"}, {"type": "complete", "id": "nobody"}])
async def test_what_needs_no_answer_gets_none(ws: Client, message: dict[str, Any]) -> None:
    await ws.send(message)
    await ws.send({"type": "ping"})
    assert await ws.receive() == {"type": "pong"}


async def test_there_is_a_limit_of_operations(ws: Client, graphql_server: GraphQLServer) -> None:
    for number in range(20):
        await ws.start(str(number), SUBSCRIBE)
    await ws.start("20", SUBSCRIBE)
    assert await ws.receive() == {
        "type": "error",
        "id": "20",
        "payload": [
            {
                "message": "This socket has too many operations open. Complete one first.",
                "extensions": {"code": "TOO_MANY_OPERATIONS"},
            }
        ],
    }
    await ws.send({"type": "complete", "id": "0"})
    await ws.start("20", SUBSCRIBE)
    await graphql_server.until_subscribed(20)


async def test_half_a_surrogate_pair_is_repeated_as_it_came(ws: Client) -> None:
    raw = '{"type": "subscribe", "id": "\\ud800", "payload": {"query": "{ __typename }"}}'
    await ws.connection.send(raw)
    assert json.loads(await ws.connection.recv())["id"] == "\ud800"


async def test_with_a_heartbeat_a_silent_client_is_closed_with_1013(
    graphql_server: GraphQLServer, alice: User
) -> None:
    with changed_settings(HEARTBEAT_SECONDS=0.02):
        client = await graphql_server.open(GRAPHQL_TRANSPORT_WS)
        await client.send({"type": "connection_init", "payload": {"token": bearer(alice)}})
        assert json.loads(await client.connection.recv()) == {"type": "connection_ack"}
        assert json.loads(await client.connection.recv()) == {"type": "ping"}
        assert await client.closed() == Closed(1013, "Try again later: no pong")


async def test_with_a_heartbeat_a_client_that_answers_stays(
    graphql_server: GraphQLServer, alice: User
) -> None:
    with changed_settings(HEARTBEAT_SECONDS=0.5):
        client = await graphql_server.open(GRAPHQL_TRANSPORT_WS)
        await client.send({"type": "connection_init", "payload": {"token": bearer(alice)}})
        assert json.loads(await client.connection.recv()) == {"type": "connection_ack"}
        assert json.loads(await client.connection.recv()) == {"type": "ping"}
        await client.send({"type": "pong"})
        assert json.loads(await client.connection.recv()) == {"type": "ping"}


async def test_on_a_server_with_pings_there_is_no_heartbeat(
    ws: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert heartbeat_seconds(None) == 0
    await ws.start("1", "{ __typename }")
    assert json.loads(await ws.connection.recv())["type"] == "next"
    monkeypatch.setitem(sys.modules, "granian", sys)
    assert heartbeat_seconds(None) == 20
    assert heartbeat_seconds(0) == 0
