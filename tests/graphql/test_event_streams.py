"""Subscriptions as event streams, over a real server: the protocol, resuming, limits and ends.

Each stream twice: compiled, and executed by graphql-core; and where it matters, past Django's middleware and by way of
Django's view.
"""

from __future__ import annotations

import gc
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from live_inbox import selectors, services
from live_inbox.database_threads import in_database_thread
from live_inbox.delivery.hub import HubConfig
from live_inbox.feed import Following
from live_inbox.identity.callers import Caller
from live_inbox.identity.issuing import issue_token
from live_inbox.identity.revocation import revoke_tokens
from live_inbox.identity.tickets import issue_ticket
from live_inbox.internals.uvicorn_requests import WRITE_SECONDS, BoundedHttpProtocol
from live_inbox.sockets import address_limits, session, writer
from live_inbox.sockets.address_limits import forget_limits, sockets_of_users
from live_inbox.sockets.body_writer import AsgiBodyWriter, DirectBodyWriter
from live_inbox.sockets.session import SocketSession
from live_inbox_graphql import event_streams
from live_inbox_graphql.event_streams import EventStream
from live_inbox_graphql.operations import Operation
from tests.changed_settings import changed_settings
from tests.end_to_end.in_process_server import write_events
from tests.end_to_end.test_reference_cycles import alive
from tests.graphql.graphql_server import (
    OUR_HTTP_CLASS,
    PLAIN_HTTP_CLASS,
    GraphQLServer,
    running_graphql_server,
)
from tests.graphql.http_client import bearer
from tests.graphql.stream_client import StreamClient, opened_stream
from tests.waiting import until

TITLES = """subscription ($after: String) { notificationEvents(after: $after) {
    __typename ... on NotificationAdded { notification { title } }
} }"""
"""Without a position: streams resume by the ids of their events."""
POSITIONS = "subscription ($after: String) { notificationEvents(after: $after) { position } }"
HIGH_WATER = 64 * 1024
"""From there on, asyncio's transports say that there is no more room."""
LONGEST_MESSAGE = 2500
VIEWER = "{ viewer { username } }"


@pytest.fixture(params=[True, False], ids=["bypass", "django"])
def bypasses(request: pytest.FixtureRequest) -> bool:
    """Whether requests pass Django's middleware."""
    value: bool = request.param
    return value


@pytest.fixture(params=[OUR_HTTP_CLASS])
def http_class(request: pytest.FixtureRequest) -> str:
    """The server's protocol class for requests."""
    name: str = request.param
    return name


@pytest.fixture
async def server(
    transactional_db: None, fast_path: bool, bypasses: bool, http_class: str
) -> AsyncIterator[GraphQLServer]:
    """A server of streams."""
    with changed_settings(FAST_PATH=fast_path, BYPASS_MIDDLEWARE=bypasses):
        async with running_graphql_server(http_class=http_class) as server:
            yield server


only_one_way = pytest.mark.parametrize("fast_path", [True], ids=["fast_path"])
only_bypass = pytest.mark.parametrize("bypasses", [True], ids=["bypass"])


async def send(user: User, title: str) -> None:
    await in_database_thread(services.send, recipient_id=user.pk, title=title)


async def position_of(user: User) -> str:
    state = await in_database_thread(selectors.inbox_state, user_id=user.pk)
    return str(state.position)


async def titles(stream: StreamClient, count: int) -> list[str]:
    return [(await stream.data())["notification"]["title"] for _ in range(count)]


class TestProtocol:
    async def test_a_subscription(self, server: GraphQLServer, alice: User) -> None:
        async with opened_stream(server.port, TITLES, Authorization=bearer(alice)) as stream:
            assert stream.status == 200
            assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert stream.headers["cache-control"] == "no-store, no-transform"
            assert stream.headers["x-accel-buffering"] == "no"
            assert "Accept" in stream.headers["vary"]
            assert "content-length" not in stream.headers
            await stream.begun()
            assert stream.last_event_id == "0"
            await send(alice, "First")
            event = await stream.next()
            assert (event.event, event.id) == ("next", await position_of(alice))
            data = {"__typename": "NotificationAdded", "notification": {"title": "First"}}
            assert event.json == {"data": {"notificationEvents": data}}
            assert stream.comments == 1

    async def test_the_id_is_the_position(self, server: GraphQLServer, alice: User) -> None:
        async with opened_stream(server.port, POSITIONS, Authorization=bearer(alice)) as stream:
            await stream.begun()
            for title in "abc":
                await send(alice, title)
                event = await stream.next()
                assert event.json["data"]["notificationEvents"]["position"] == event.id

    async def test_its_position_is_known_to_the_admissions(
        self, server: GraphQLServer, alice: User
    ) -> None:
        async with opened_stream(server.port, POSITIONS, Authorization=bearer(alice)) as stream:
            await stream.begun()
            for title in "ab":
                await send(alice, title)
                await stream.next()
            (socket,) = server.admissions.sockets_of(str(alice.pk))
            assert (socket.api, socket.position) == ("graphql_sse", 2)

    async def test_beside_a_socket_with_the_same_selection(
        self, server: GraphQLServer, alice: User
    ) -> None:
        """Each gets its own messages, whoever was there first."""
        client = await server.open()
        await client.init({"Authorization": bearer(alice)})
        # After a position, so that nothing is missed that is sent before they are live.
        await client.start("1", POSITIONS, {"after": "0"})
        async with opened_stream(server.port, POSITIONS, Authorization=bearer(alice)) as stream:
            await stream.begun()
            for title in "ab":
                await send(alice, title)
                position = (await stream.data())["position"]
                assert await client.data("1") == {"position": position}

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_a_query_has_one_result(
        self, server: GraphQLServer, alice: User, method: str
    ) -> None:
        authorization = bearer(alice)
        async with opened_stream(
            server.port, VIEWER, method=method, Authorization=authorization
        ) as stream:
            assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
            body = await stream.reader.readexactly(int(stream.headers["content-length"]))
        assert body == (
            b'event: next\ndata: {"data":{"viewer":{"username":"alice"}}}\n\n'
            b"event: complete\ndata: \n\n"
        )

    @only_one_way
    async def test_a_mutation_by_post_alone(self, server: GraphQLServer, alice: User) -> None:
        await send(alice, "First")
        mark = "mutation { markAllRead { count } }"
        for method, status in (("GET", 405), ("POST", 200)):
            async with opened_stream(
                server.port, mark, method=method, Authorization=bearer(alice)
            ) as stream:
                assert stream.status == status
                body = await stream.reader.readexactly(int(stream.headers["content-length"]))
        assert b'data: {"data":{"markAllRead":{"count":1}}}\n\nevent: complete' in body

    @only_one_way
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("subscription {", "GRAPHQL_PARSE_FAILED"),
            ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
            ('subscription { notificationEvents(after: "x") { position } }', "BAD_USER_INPUT"),
            ("query A { __typename } query B { __typename }", "OPERATION_RESOLUTION_FAILURE"),
        ],
    )
    async def test_what_graphql_refuses_is_in_the_stream(
        self, server: GraphQLServer, alice: User, query: str, code: str
    ) -> None:
        async with opened_stream(server.port, query, Authorization=bearer(alice)) as stream:
            assert stream.status == 200
            if "content-length" in stream.headers:
                size = int(stream.headers["content-length"])
                stream._take(await stream.reader.readexactly(size))
            result = await stream.result()
            end = await stream.next()
        assert set(result) == {"errors"}
        assert result["errors"][0]["extensions"]["code"] == code
        assert (end.event, end.data, end.id) == ("complete", "", "")

    @only_one_way
    async def test_a_token_that_may_not_read(self, server: GraphQLServer, alice: User) -> None:
        authorization = bearer(alice, "notifications:send")
        async with opened_stream(server.port, TITLES, Authorization=authorization) as stream:
            result = await stream.result()
            assert result["errors"][0]["extensions"]["code"] == "FORBIDDEN"
            assert (await stream.next()).event == "complete"
            assert (await stream.ended()).is_whole

    @only_one_way
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_who_is_refused_gets_no_stream(
        self, server: GraphQLServer, alice: User, method: str
    ) -> None:
        expired = f"Bearer {issue_token(alice, ttl_seconds=60, now=1_000_000_000)}"
        for headers, reason in (({}, "missing"), ({"Authorization": expired}, "expired")):
            async with opened_stream(server.port, TITLES, method=method, headers=headers) as stream:
                assert stream.status == 401
                assert stream.headers["content-type"].startswith("application/json")
                (error,) = (await stream.body())["errors"]
                assert error["extensions"] == {"code": "UNAUTHENTICATED", "reason": reason}

    @only_one_way
    async def test_bodies_that_are_no_request(self, server: GraphQLServer, alice: User) -> None:
        authorization = bearer(alice)
        for body, status in ((b"{", 400), (b"[]", 400), (b"{}", 400), (b" " * 2_000_000, 413)):
            async with opened_stream(
                server.port, "", body=body, Authorization=authorization
            ) as stream:
                assert stream.status == status

    @only_one_way
    async def test_whoever_prefers_json_gets_json(self, server: GraphQLServer, alice: User) -> None:
        for accept in ("*/*", "application/json, text/event-stream"):
            async with opened_stream(
                server.port, TITLES, Authorization=bearer(alice), Accept=accept
            ) as stream:
                assert stream.headers["content-type"].startswith("application/json")
                (error,) = (await stream.body())["errors"]
                assert "text/event-stream" in error["message"]

    @only_one_way
    async def test_two_on_one_connection(self, server: GraphQLServer, alice: User) -> None:
        """A stream is the last response of its connection: a proxy must not keep it for others."""
        async with opened_stream(server.port, TITLES, Authorization=bearer(alice)) as stream:
            assert stream.headers["connection"] == "close"

    @only_bypass
    @pytest.mark.parametrize(
        ("http_class", "writer_class"),
        [(OUR_HTTP_CLASS, DirectBodyWriter), (PLAIN_HTTP_CLASS, AsgiBodyWriter)],
        indirect=["http_class"],
    )
    @only_one_way
    async def test_written_directly_where_the_server_allows_it(
        self, server: GraphQLServer, alice: User, writer_class: type
    ) -> None:
        async with opened_stream(server.port, TITLES, Authorization=bearer(alice)) as stream:
            await stream.begun()
            (session,) = server.admissions._by_user[str(alice.pk)]
            assert type(session._close.__self__.writer) is writer_class  # type: ignore[attr-defined]


class TestResuming:
    async def test_exactly_after_every_position(self, server: GraphQLServer, alice: User) -> None:
        sent = [str(number) for number in range(12)]
        ids = ["0"]
        authorization = bearer(alice)
        async with opened_stream(server.port, TITLES, Authorization=authorization) as stream:
            await stream.begun()
            for title in sent:
                await send(alice, title)
                ids.append((await stream.next()).id)
        assert len(set(ids)) == len(sent) + 1
        for number, last in enumerate(ids):
            async with opened_stream(
                server.port, TITLES, Authorization=authorization, Last_Event_ID=last
            ) as stream:
                await stream.begun()
                expected = sent[number:]
                assert await titles(stream, len(expected)) == expected
                assert stream.last_event_id == ids[-1]

    async def test_nothing_is_missed_between_connections(
        self, server: GraphQLServer, alice: User
    ) -> None:
        received, last = [], None
        for number in range(6):
            headers: dict[str, str] = {} if last is None else {"Last_Event_ID": last}
            async with opened_stream(
                server.port, TITLES, Authorization=bearer(alice), headers=headers
            ) as stream:
                await stream.begun()
                if last is not None:
                    received += await titles(stream, 1)
                await send(alice, f"{number} during")
                received += await titles(stream, 1)
                last = stream.last_event_id
            await send(alice, f"{number} between")
        expected = [f"{number} {when}" for number in range(6) for when in ("during", "between")]
        assert received == expected[:-1]

    async def test_the_header_takes_the_place_of_after(
        self, server: GraphQLServer, alice: User
    ) -> None:
        for title in "ab":
            await send(alice, title)
        position = await position_of(alice)
        async with opened_stream(
            server.port,
            TITLES,
            {"after": "0"},
            Authorization=bearer(alice),
            Last_Event_ID=position,
        ) as stream:
            await stream.begun()
            await send(alice, "c")
            assert await titles(stream, 1) == ["c"]

    async def test_before_the_first_event(self, server: GraphQLServer, alice: User) -> None:
        """A stream that was lost before anything happened resumes where it began."""
        await send(alice, "before")
        authorization = bearer(alice)
        async with opened_stream(server.port, TITLES, Authorization=authorization) as stream:
            await stream.begun()
            last = stream.last_event_id
        await send(alice, "missed")
        async with opened_stream(
            server.port, TITLES, Authorization=authorization, Last_Event_ID=last
        ) as stream:
            assert await titles(stream, 1) == ["missed"]

    async def test_a_position_that_is_lost_is_reset(
        self, server: GraphQLServer, alice: User
    ) -> None:
        await send(alice, "a")
        query = "subscription { notificationEvents { __typename ... on InboxReset { reason } } }"
        async with opened_stream(
            server.port, query, Authorization=bearer(alice), Last_Event_ID="other.5"
        ) as stream:
            event = await stream.next()
            assert event.json["data"]["notificationEvents"] == {
                "__typename": "InboxReset",
                "reason": "EPOCH",
            }
            assert event.id == await position_of(alice)
            await send(alice, "b")
            assert (await stream.data())["__typename"] == "NotificationAdded"

    async def test_types(self, server: GraphQLServer, alice: User) -> None:
        query = """subscription { notificationEvents(types: ["task"]) {
            ... on NotificationAdded { notification { title } } } }"""
        async with opened_stream(server.port, query, Authorization=bearer(alice)) as stream:
            await stream.begun()
            await send(alice, "left out")
            await in_database_thread(
                services.send, recipient_id=alice.pk, title="task", type="task"
            )
            assert await titles(stream, 1) == ["task"]
            assert stream.last_event_id == await position_of(alice)


@only_one_way
class TestAuthentication:
    @pytest.fixture
    def cookie(self, alice: User) -> str:
        """The cookie of a browser in which alice has signed in."""
        browser = Browser()
        browser.force_login(alice)
        return f"sessionid={browser.cookies['sessionid'].value}"

    async def test_a_session_of_a_page_of_our_own(
        self, server: GraphQLServer, alice: User, cookie: str
    ) -> None:
        for headers in ({}, {"Sec_Fetch_Site": "same-origin"}, {"Origin": "http://testserver"}):
            async with opened_stream(
                server.port, TITLES, method="GET", Cookie=cookie, headers=headers
            ) as stream:
                assert stream.status == 200
                await stream.begun()
                await send(alice, "Hello")
                assert await titles(stream, 1) == ["Hello"]

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ],
    )
    async def test_a_session_of_another_page_does_not_count(
        self, server: GraphQLServer, cookie: str, headers: dict[str, str]
    ) -> None:
        async with opened_stream(
            server.port, TITLES, method="GET", Cookie=cookie, headers=headers
        ) as stream:
            assert stream.status == 401
            assert "access-control-allow-origin" not in stream.headers

    async def test_a_post_with_a_session_needs_the_csrf_token(
        self, server: GraphQLServer, cookie: str
    ) -> None:
        async with opened_stream(server.port, TITLES, Cookie=cookie) as stream:
            assert stream.status == 403

    async def test_a_session_that_ends(
        self, server: GraphQLServer, alice: User, cookie: str
    ) -> None:
        async with opened_stream(server.port, TITLES, method="GET", Cookie=cookie) as stream:
            await stream.begun()
            await in_database_thread(alice.set_password, "another")
            await in_database_thread(alice.save)
            await server.admissions.check()
            assert (await stream.ended()).is_whole

    async def test_a_ticket_opens_one_stream(self, server: GraphQLServer, alice: User) -> None:
        caller = Caller(alice, scopes=frozenset({"a"}), issued_at=1, expires_at=None)
        ticket = await in_database_thread(issue_ticket, caller, api="graphql", address="127.0.0.1")
        parameters = {"ticket": ticket}
        async with opened_stream(
            server.port, TITLES, method="GET", parameters=parameters
        ) as stream:
            assert stream.status == 200
            await stream.begun()
        async with opened_stream(
            server.port, TITLES, method="GET", parameters=parameters
        ) as stream:
            assert stream.status == 401

    async def test_a_ticket_of_another_api_or_another_address(
        self, server: GraphQLServer, alice: User
    ) -> None:
        for api, address in (("json", "127.0.0.1"), ("graphql", "192.0.2.1")):
            ticket = await in_database_thread(issue_ticket, Caller(alice), api=api, address=address)
            async with opened_stream(
                server.port, TITLES, method="GET", parameters={"ticket": ticket}
            ) as stream:
                assert stream.status == 401

    async def test_a_ticket_is_for_streams_alone(self, server: GraphQLServer, alice: User) -> None:
        """In the address of a request for JSON it does not count, and is not used up."""
        ticket = await in_database_thread(
            issue_ticket, Caller(alice), api="graphql", address="127.0.0.1"
        )
        parameters = {"ticket": ticket}
        async with opened_stream(
            server.port, VIEWER, method="GET", parameters=parameters, Accept="*/*"
        ) as stream:
            assert "UNAUTHENTICATED" in str(await stream.body())
        async with opened_stream(
            server.port, VIEWER, method="GET", parameters=parameters
        ) as stream:
            assert stream.status == 200

    async def test_pages_of_allowed_origins_may_read(
        self, server: GraphQLServer, alice: User
    ) -> None:
        with changed_settings(ALLOWED_ORIGINS=["https://app.example.com"]):
            for origin, allowed in (
                ("https://app.example.com", True),
                ("https://evil.example", False),
            ):
                async with opened_stream(
                    server.port, TITLES, Authorization=bearer(alice), Origin=origin
                ) as stream:
                    shown = stream.headers.get("access-control-allow-origin")
                    assert shown == (origin if allowed else None)


class TestEnds:
    async def test_when_the_token_expires(self, server: GraphQLServer, alice: User) -> None:
        async with opened_stream(server.port, TITLES, Authorization=bearer(alice)) as stream:
            await stream.begun()
            server.clock.ahead = 590
            server.admissions.end_expired()
            await send(alice, "still there")
            assert await titles(stream, 1) == ["still there"]
            server.clock.ahead = 620
            server.admissions.end_expired()
            # Without `complete`: the operation is not, and the client comes back.
            assert (await stream.ended()).is_whole
        await server.until_subscribed(0)

    async def test_when_tokens_are_revoked(self, server: GraphQLServer, alice: User) -> None:
        authorization = bearer(alice)
        async with opened_stream(server.port, TITLES, Authorization=authorization) as stream:
            await stream.begun()
            await in_database_thread(revoke_tokens, user_id=alice.pk)
            await server.admissions.check()
            assert (await stream.ended()).is_whole
            last = stream.last_event_id
        async with opened_stream(
            server.port, TITLES, Authorization=authorization, Last_Event_ID=last
        ) as stream:
            assert stream.status == 401
            (error,) = (await stream.body())["errors"]
            assert error["extensions"]["reason"] == "revoked"

    async def test_when_the_user_is_deactivated(self, server: GraphQLServer, alice: User) -> None:
        async with opened_stream(server.port, TITLES, Authorization=bearer(alice)) as stream:
            await stream.begun()
            await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
            await server.admissions.check()
            assert (await stream.ended()).is_whole

    @only_bypass
    async def test_when_the_server_stops(self, server: GraphQLServer, alice: User) -> None:
        async with opened_stream(server.port, TITLES, Authorization=bearer(alice)) as stream:
            await stream.begun()
            for connection in tuple(server.uvicorn.server_state.connections):
                connection.shutdown()
            assert (await stream.ended()).is_whole
            assert stream.retry is not None
            assert 1000 <= stream.retry <= 5000

    @only_bypass
    @pytest.mark.parametrize("http_class", [OUR_HTTP_CLASS, PLAIN_HTTP_CLASS], indirect=True)
    async def test_when_the_hub_stops(self, server: GraphQLServer, alice: User) -> None:
        async with opened_stream(server.port, TITLES, Authorization=bearer(alice)) as stream:
            await stream.begun()
            await server.hub.stop()
            assert (await stream.ended()).is_whole

    async def test_when_the_client_leaves(self, server: GraphQLServer, alice: User) -> None:
        async with opened_stream(server.port, TITLES, Authorization=bearer(alice)) as stream:
            await stream.begun()
            await server.until_subscribed(1)
        await server.until_subscribed(0)
        await until(lambda: len(server.admissions) == 0)
        assert len(sockets_of_users) == 0

    @only_one_way
    @only_bypass
    @pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="a feature of Linux")
    async def test_when_the_client_is_gone_without_a_word(
        self, server: GraphQLServer, alice: User
    ) -> None:
        """TCP gives up the comments that nobody acknowledges; without the option, after a quarter of an hour."""
        async with opened_stream(server.port, TITLES, Authorization=bearer(alice)) as stream:
            await stream.begun()
            (connection,) = server.uvicorn.server_state.connections
            own: socket.socket = connection.transport.get_extra_info("socket")
            timeout = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert timeout == WRITE_SECONDS * 1000

    # graphql-core makes cycles of its own.
    @only_one_way
    async def test_nothing_waits_for_a_garbage_collection(
        self, server: GraphQLServer, alice: User
    ) -> None:
        kinds = (BoundedHttpProtocol, EventStream, SocketSession, Operation, Following)
        headers = {"Authorization": bearer(alice)}
        async with opened_stream(server.port, TITLES, headers=headers) as stream:
            await stream.begun()
        await until(lambda: not server.uvicorn.server_state.tasks)
        gc.collect()
        before = alive(*kinds)
        gc.disable()
        try:
            async with AsyncExitStack() as streams:
                for _ in range(10):
                    opened = opened_stream(server.port, TITLES, headers=headers)
                    await (await streams.enter_async_context(opened)).begun()
                assert (alive(*kinds) - before)[EventStream] == 10
            await until(lambda: not server.uvicorn.server_state.connections)
            await until(lambda: not server.uvicorn.server_state.tasks)
            with suppress(TimeoutError):
                await until(lambda: not alive(*kinds) - before)
            assert not alive(*kinds) - before
        finally:
            gc.enable()


class TestLimits:
    async def test_of_one_user(self, server: GraphQLServer, alice: User, bob: User) -> None:
        with changed_settings(
            MAX_SOCKETS_PER_USER=1, BYPASS_MIDDLEWARE=None, ALLOWED_ORIGINS=["https://a.example"]
        ):
            headers = {"Authorization": bearer(alice), "Origin": "https://a.example"}
            async with opened_stream(server.port, TITLES, headers=headers) as first:
                await first.begun()
                async with opened_stream(server.port, TITLES, headers=headers) as second:
                    assert (second.status, second.headers["retry-after"]) == (429, "5")
                    assert second.headers["access-control-allow-origin"] == "https://a.example"
                    (error,) = (await second.body())["errors"]
                    assert error["extensions"]["code"] == "RATE_LIMITED"
                async with opened_stream(server.port, TITLES, Authorization=bearer(bob)) as other:
                    assert other.status == 200

    async def test_of_one_address(
        self, server: GraphQLServer, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(address_limits, "REFUSAL_SECONDS", 0.01)
        with changed_settings(MAX_SOCKETS_PER_ADDRESS=1, UNLIMITED_ADDRESSES=[]):
            forget_limits()
            try:
                headers = {"Authorization": bearer(alice)}
                async with opened_stream(server.port, TITLES, headers=headers) as first:
                    await first.begun()
                    async with opened_stream(server.port, TITLES, headers=headers) as second:
                        assert second.status == 429
                await server.until_subscribed(0)
            finally:
                forget_limits()

    async def test_of_operations(self, server: GraphQLServer, alice: User) -> None:
        headers = {"Authorization": bearer(alice)}
        with changed_settings(OPERATION_RATE="1/day burst 4"):
            statuses = []
            for _ in range(5):
                async with opened_stream(server.port, TITLES, headers=headers) as stream:
                    statuses.append(stream.status)
                    is_refused = stream.status == 429
                    assert ("retry-after" in stream.headers) is is_refused
        assert (statuses[0], statuses[-1]) == (200, 429)

    @only_bypass
    @pytest.mark.parametrize("http_class", [OUR_HTTP_CLASS, PLAIN_HTTP_CLASS], indirect=True)
    async def test_a_client_that_does_not_read_costs_little_and_misses_nothing(
        self, server: GraphQLServer, alice: User
    ) -> None:
        await in_database_thread(write_events, alice.pk, 3000, message="x" * 1900)
        query = """subscription { notificationEvents(after: "0") {
            ... on NotificationAdded { notification { title message } } } }"""
        headers = {"Authorization": bearer(alice)}
        async with opened_stream(server.port, query, headers=headers, buffer_bytes=8192) as stream:
            connection: Any
            (connection,) = server.uvicorn.server_state.connections
            await until(lambda: connection.flow.write_paused)
            largest = 0
            for number in range(3000):
                if number % 100 == 0:
                    largest = max(largest, connection.transport.get_write_buffer_size())
                assert (await stream.data())["notification"]["title"] == str(number + 1)
        assert largest < HIGH_WATER + 2 * HubConfig().batch_length * LONGEST_MESSAGE

    @only_bypass
    async def test_a_client_that_never_reads_is_given_up(
        self, server: GraphQLServer, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(event_streams, "HEARTBEAT_SECONDS", 0.02)
        monkeypatch.setattr(writer, "_CLOSE_SECONDS", 0.02)
        monkeypatch.setattr(session, "DISCONNECT_SECONDS", 0.02)
        await in_database_thread(write_events, alice.pk, 3000, message="x" * 1900)
        query = """subscription { notificationEvents(after: "0") {
            ... on NotificationAdded { notification { title message } } } }"""
        headers = {"Authorization": bearer(alice)}
        async with opened_stream(server.port, query, headers=headers, buffer_bytes=8192):
            await server.until_subscribed(1)
            await server.until_subscribed(0)
            await until(lambda: not server.uvicorn.server_state.tasks)

    @only_bypass
    async def test_heartbeats(
        self, server: GraphQLServer, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(event_streams, "HEARTBEAT_SECONDS", 0.01)
        async with opened_stream(server.port, TITLES, Authorization=bearer(alice)) as stream:
            while stream.comments < 5:
                line = await stream._line()
                stream.comments += line == ":"
            await send(alice, "Hello")
            assert await titles(stream, 1) == ["Hello"]
            assert stream.comments >= 5
