"""What keeps a socket from doing harm: limits, and that nothing is left behind whatever happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from live_inbox.database_log import DatabaseLog
from live_inbox.delivery.hub import Hub
from live_inbox.events import Event, decode
from live_inbox.feed import Feed
from live_inbox.identity.admissions import Admissions
from live_inbox.identity.callers import Caller
from live_inbox.request_threads import Use
from live_inbox_graphql.consumer import GraphQLConsumer
from tests.graphql.fake_socket import FakeSocket
from tests.graphql.graphql_server import (
    GRAPHQL_TRANSPORT_WS,
    GRAPHQL_WS,
    Client,
    Closed,
    GraphQLServer,
)
from tests.graphql.own_schema import schema
from tests.waiting import until

PING = {"type": "ping"}
SUBSCRIBE = "subscription { notificationEvents { position } }"
BAD_POSITION = 'subscription { notificationEvents(after: "x") { position } }'


def metric(name: str, **labels: str) -> float:
    """Return the value of a metric of this API."""
    return REGISTRY.get_sample_value(name, {"api": "graphql", **labels}) or 0.0


class TestLimits:
    async def test_a_client_that_sends_too_fast_is_closed_with_try_again_later(
        self, graphql_server: GraphQLServer, transactional_db: None, configure: Callable[..., None]
    ) -> None:
        configure(SOCKET_RATE="1/hour burst 5")
        client = await graphql_server.open()
        for _ in range(5):
            await client.send(PING)
            assert await client.receive() == {"type": "pong"}
        await client.send(PING)
        assert await client.closed() == Closed(1013, "Try again later: too many messages")

    async def test_each_socket_has_an_allowance_of_its_own(
        self, graphql_server: GraphQLServer, configure: Callable[..., None]
    ) -> None:
        configure(SOCKET_RATE="1/hour burst 1")
        for _ in range(3):
            client = await graphql_server.open()
            await client.send(PING)
            assert await client.receive() == {"type": "pong"}

    @pytest.mark.parametrize("filling", ["x", "é", "\U0001f514"])
    async def test_a_message_that_is_too_big_is_closed_with_1009(
        self, graphql_server: GraphQLServer, configure: Callable[..., None], filling: str
    ) -> None:
        configure(MAX_MESSAGE_BYTES="1024")
        client = await graphql_server.open()
        count = (1024 - len('{"type":"ping","x":""}')) // len(filling.encode())
        padding = "x" * ((1024 - len('{"type":"ping","x":""}')) % len(filling.encode()))
        fitting = f'{{"type":"ping","x":"{filling * count}{padding}"}}'
        assert len(fitting.encode()) == 1024
        await client.send(fitting)
        assert await client.receive() == {"type": "pong"}
        await client.send(fitting + " ")
        assert await client.closed() == Closed(1009, "Message too big")


class TestChannelLayer:
    async def test_a_socket_has_no_channel(
        self, graphql_server: GraphQLServer, client: Client, settings: Any
    ) -> None:
        """So no outage of the layer can end it."""
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.graphql.test_consumer.Broken"}}
        other = await graphql_server.open()
        await other.send(PING)
        assert await other.receive() == {"type": "pong"}


class Broken:
    """A channel layer that cannot even be made."""

    def __init__(self) -> None:
        raise ConnectionError("no Redis")


class TestMetrics:
    async def test_open_and_closed_sockets_are_counted(self, graphql_server: GraphQLServer) -> None:
        open_before = metric("inbox_sockets", subprotocol="graphql-transport-ws")
        closed_before = metric("inbox_sockets_closed_total", code="4400")
        client = await graphql_server.open()
        await client.send(PING)
        await client.receive()
        assert metric("inbox_sockets", subprotocol="graphql-transport-ws") == open_before + 1
        await client.send("{")
        await client.closed()
        await until(
            lambda: metric("inbox_sockets", subprotocol="graphql-transport-ws") == open_before
        )
        assert metric("inbox_sockets_closed_total", code="4400") == closed_before + 1

    async def test_a_client_that_leaves_is_not_counted_as_closed_by_us(
        self, graphql_server: GraphQLServer
    ) -> None:
        def total() -> float:
            return sum(
                sample.value
                for family in REGISTRY.collect()
                for sample in family.samples
                if sample.name == "inbox_sockets_closed_total"
            )

        before, open_before = total(), metric("inbox_sockets", subprotocol="graphql-transport-ws")
        client = await graphql_server.open()
        await client.connection.close()
        await until(
            lambda: metric("inbox_sockets", subprotocol="graphql-transport-ws") == open_before
        )
        assert total() == before


@pytest.fixture
def consumer(alice: User, monkeypatch: pytest.MonkeyPatch) -> Callable[..., GraphQLConsumer]:
    """Make consumers without a server, for which every token is alice's."""

    async def authenticate(token: str) -> Caller:
        return Caller(alice)

    monkeypatch.setattr("live_inbox.identity.authenticators.authenticate", authenticate)

    def make(**options: Any) -> GraphQLConsumer:
        return bare_consumer(**options)

    return make


def bare_consumer(**options: Any) -> GraphQLConsumer:
    hub: Hub[Event] = Hub(DatabaseLog(), layer=None, decode=decode)

    async def read_statuses(user_ids: Any) -> Any:
        return {}

    return GraphQLConsumer(schema, Feed(hub), Admissions(read_statuses), **options)


INIT = {"type": "connection_init", "payload": {"token": "t"}}


class TestClients:
    async def test_a_client_that_does_not_read_is_not_read_either(
        self, consumer: Callable[..., GraphQLConsumer]
    ) -> None:
        socket = FakeSocket(consumer())
        socket.receives(PING)
        await until(lambda: socket.types == ["accept", "pong"])
        socket.writable.clear()
        for _ in range(150):
            socket.receives(PING)
        await settle()
        # The connect event, the first ping, and the one that is being answered.
        assert socket.received == 3
        socket.writable.set()
        await until(lambda: len(socket.sent) == 152)
        socket.disconnects()
        await socket.ended()

    @pytest.mark.parametrize(
        ("subprotocol", "start", "stop"),
        [(GRAPHQL_TRANSPORT_WS, "subscribe", "complete"), (GRAPHQL_WS, "start", "stop")],
    )
    @pytest.mark.parametrize("query", ["{ __typename }", "{ nothing }", "{", BAD_POSITION])
    async def test_a_client_that_does_not_read_starts_no_operations(
        self,
        consumer: Callable[..., GraphQLConsumer],
        configure: Callable[..., None],
        subprotocol: str,
        start: str,
        stop: str,
        query: str,
    ) -> None:
        """Neither by completing each before the next, nor with operations that fail."""
        configure(SOCKET_RATE="1000/second burst 1000")
        socket = FakeSocket(consumer(), subprotocols=[subprotocol])
        socket.receives(INIT)
        await until(lambda: "connection_ack" in socket.types)
        await settle()
        socket.writable.clear()
        for number in range(200):
            socket.receives({"type": start, "id": str(number), "payload": {"query": query}})
            await settle(10)
            socket.receives({"type": stop, "id": str(number)})
            await settle(10)
        await settle()
        assert socket.received < 10
        assert len(asyncio.all_tasks()) < 10
        socket.disconnects()
        await socket.ended()

    async def test_a_client_that_vanishes_while_it_is_not_reading(
        self, consumer: Callable[..., GraphQLConsumer]
    ) -> None:
        socket = FakeSocket(consumer())
        socket.receives(PING)
        await until(lambda: socket.types == ["accept", "pong"])
        socket.writable.clear()
        for _ in range(150):
            socket.receives(PING)
        await settle()
        socket.disconnects()
        await socket.ended()
        assert socket.types == ["accept", "pong"]

    async def test_a_socket_that_is_closed_while_messages_wait(
        self, consumer: Callable[..., GraphQLConsumer]
    ) -> None:
        socket = FakeSocket(consumer())
        socket.receives("{")
        for _ in range(150):
            socket.receives(PING)
        await socket.ended()
        assert socket.types == ["accept", "close"]
        assert socket.sent[-1]["code"] == 4400

    async def test_what_comes_after_the_close_is_not_looked_at(
        self, consumer: Callable[..., GraphQLConsumer]
    ) -> None:
        socket = FakeSocket(consumer())
        socket.receives({"type": "subscribe", "id": "1", "payload": {"query": "{a}"}})
        socket.receives(INIT)
        socket.receives(b"x")
        await socket.ended()
        assert socket.types == ["accept", "close"]
        assert socket.sent[-1]["code"] == 4401

    @pytest.mark.parametrize("error", [OSError, RuntimeError])
    async def test_a_server_that_raises_on_a_late_message_is_forgiven(
        self,
        consumer: Callable[..., GraphQLConsumer],
        caplog: pytest.LogCaptureFixture,
        error: type[Exception],
    ) -> None:
        socket = FakeSocket(consumer())
        await until(lambda: socket.types == ["accept"])
        socket.error = error("the client has gone")
        socket.receives(PING)
        await settle()
        assert socket.types == ["accept"]
        socket.disconnects()
        await socket.ended()
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []

    async def test_a_server_that_gives_up_leaves_nothing_behind(
        self, consumer: Callable[..., GraphQLConsumer]
    ) -> None:
        made = consumer()
        socket = FakeSocket(made)
        socket.receives(INIT)
        socket.receives({"type": "subscribe", "id": "1", "payload": {"query": SUBSCRIBE}})
        await until(lambda: "connection_ack" in socket.types)
        await settle()
        assert len(made._socket_config.admissions) == 1
        socket.task.cancel()
        await asyncio.wait({socket.task})
        assert len(made._socket_config.admissions) == 0
        assert {task.get_name() for task in asyncio.all_tasks()} == {
            asyncio.current_task().get_name()  # type: ignore[union-attr]
        }

    @pytest.mark.parametrize("subprotocol", [GRAPHQL_TRANSPORT_WS, GRAPHQL_WS])
    async def test_a_fault_of_ours_closes_the_socket_with_a_code_that_lets_clients_come_back(
        self,
        consumer: Callable[..., GraphQLConsumer],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        subprotocol: str,
    ) -> None:
        def fail(message: object) -> str:
            raise KeyError("ours")

        monkeypatch.setattr("live_inbox_graphql.graphql_transport_ws.message_type", fail)
        monkeypatch.setattr("live_inbox_graphql.graphql_ws.message_type", fail)
        socket = FakeSocket(consumer(), subprotocols=[subprotocol])
        socket.receives(PING)
        await socket.ended()
        assert socket.sent[-1] == {
            "type": "websocket.close",
            "code": 1013,
            "reason": "Try again later: internal error",
        }
        assert "KeyError: 'ours'" in caplog.text


async def settle(turns: int = 500) -> None:
    """Let every task run until none has anything left to do but wait."""
    for _ in range(turns):
        await asyncio.sleep(0)


IDS: st.SearchStrategy[Any] = st.sampled_from(["1", "2", "", None, 3, [], "\ud800"])
QUERIES = st.sampled_from(
    [
        "{ __typename }",
        "{",
        "{ nothing }",
        "{ viewer { id } }",
        "",
        None,
        7,
        'subscription { notificationEvents(after: "x") { position } }',
    ]
)
TYPES = st.sampled_from(
    [
        "connection_init",
        "subscribe",
        "start",
        "complete",
        "stop",
        "ping",
        "pong",
        "connection_terminate",
        "next",
        "",
        None,
        5,
    ]
)
PAYLOADS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.just({"token": "t"}),
    st.just({}),
    st.just("x"),
    st.fixed_dictionaries(
        {"query": QUERIES},
        optional={
            "variables": st.sampled_from([None, {}, [], {"a": 1}]),
            "operationName": st.sampled_from([None, "Q", 5]),
        },
    ),
)
MESSAGES = st.one_of(
    st.fixed_dictionaries({"type": TYPES}, optional={"id": IDS, "payload": PAYLOADS}),
    st.sampled_from([b"", b"x", "", "{", "[]", "null", "5", "\ud800"]),
)
BEGINNINGS = st.sampled_from([[], [{"type": "connection_init"}], [INIT], [INIT, INIT]])


@settings(max_examples=300)
@given(
    beginning=BEGINNINGS,
    rest=st.lists(MESSAGES, max_size=12),
    subprotocol=st.sampled_from([GRAPHQL_TRANSPORT_WS, GRAPHQL_WS]),
    leaves=st.booleans(),
)
def test_whatever_a_client_sends_the_socket_ends_well(
    beginning: list[Any], rest: list[Any], subprotocol: str, leaves: bool
) -> None:
    asyncio.run(converse([*beginning, *rest], subprotocol, leaves))


async def converse(messages: list[Any], subprotocol: str, leaves: bool) -> None:
    """Send these; there must be one close at most, nothing after it, and nothing left at the end."""
    user = User(pk=1, username="alice")

    async def authenticate(token: str) -> Caller:
        return Caller(user)

    async def crossing(use: Use, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return {"id": "user:1"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("live_inbox.identity.authenticators.authenticate", authenticate)
        patch.setattr("live_inbox_graphql.fields.in_request_thread", crossing)
        made = bare_consumer()
        socket = FakeSocket(made, subprotocols=[subprotocol])
        for message in messages:
            socket.receives(message)
        await settle()
        if leaves:
            socket.disconnects()
            await settle()
        else:
            socket.receives_event({"type": "websocket.disconnect", "code": 1001})
        await socket.ended()
    closes = [index for index, each in enumerate(socket.types) if each == "close"]
    assert closes in ([], [len(socket.types) - 1])
    assert socket.types[0] == "accept"
    assert len(made._socket_config.admissions) == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
