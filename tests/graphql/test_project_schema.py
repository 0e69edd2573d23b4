"""The inbox in a project's own schema: on Strawberry's views and consumers, and on ours."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, ClassVar, cast

import pytest
import strawberry
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.test import Client, RequestFactory, override_settings
from graphql import GraphQLError, print_type
from strawberry.channels import (
    GraphQLHTTPConsumer,
    GraphQLWSConsumer,
    SyncGraphQLHTTPConsumer,
)
from strawberry.schema.config import StrawberryConfig

import live_inbox_graphql
from live_inbox import services
from live_inbox.application import running_inboxes
from live_inbox.apps import doorbell
from live_inbox.database_log import DatabaseLog
from live_inbox.database_threads import in_database_thread
from live_inbox.delivery.hub import Hub
from live_inbox.events import Event, decode
from live_inbox.feed import Feed, current_feed, serving
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed
from live_inbox.services.access import sign_out_everywhere
from live_inbox.testing import subscribe
from live_inbox_graphql.callers import caller_in
from live_inbox_graphql.compiled.rendering import CompiledSelection
from live_inbox_graphql.messages import OperationRequest
from live_inbox_graphql.served_schema import ServedSchema
from live_inbox_graphql.subscriptions import _until_expiry, events_of
from tests.graphql import project_schema
from tests.graphql.compiling import CAN_COMPILE
from tests.graphql.graphql_server import GRAPHQL_TRANSPORT_WS, running_graphql_server
from tests.graphql.http_client import bearer, post
from tests.waiting import until

pytestmark = pytest.mark.stack("embedded")

PATH = "tests.graphql.project_schema"
EVENTS = """subscription { notificationEvents {
  __typename ... on NotificationAdded { notification { title data sender { username } createdAt } } } }"""
BOTH = "{ viewer { username } notifications { totalCount pageInfo { hasNextPage } } }"
KEY = "{ viewer { username } key }"
SEND = 'mutation { send(input: {recipientId: "%s", title: "%s"}) { notification { title } } }'

Post = Callable[..., Any]


class TestNames:
    def test_the_projects_user_and_page_info_stay(self) -> None:
        schema = project_schema.schema.as_str()
        assert "type User {\n  email: String!\n}" in schema
        assert "type InboxUser {" in schema
        assert schema.count("type PageInfo {") == 1

    def test_a_prefix_comes_before_every_name_of_ours_and_no_other(self) -> None:
        config = StrawberryConfig(name_converter=live_inbox_graphql.name_converter(prefix="Inbox"))
        core = project_schema.project_schema(config=config)._schema
        assert "sender: InboxUser" in print_type(core.type_map["InboxNotification"])
        assert {name for name in core.type_map if "Notification" in name} == {
            "InboxAllNotificationsRead",
            "InboxNotification",
            "InboxNotificationAction",
            "InboxNotificationActor",
            "InboxNotificationAdded",
            "InboxNotificationChange",
            "InboxNotificationChannel",
            "InboxNotificationChannelPreference",
            "InboxNotificationCategoryCount",
            "InboxNotificationConnection",
            "InboxNotificationCounts",
            "InboxNotificationDeleted",
            "InboxNotificationEdge",
            "InboxNotificationEvent",
            "InboxNotificationFilter",
            "InboxNotificationFolder",
            "InboxNotificationPreference",
            "InboxNotificationPreferenceInput",
            "InboxNotificationPriority",
            "InboxNotificationTarget",
            "InboxNotificationType",
            "InboxNotificationTypeCount",
            "InboxNotificationUpdated",
            "InboxNotificationsDeleted",
            "InboxNotificationsSeen",
            "InboxNotificationsUpdated",
        }
        assert {"InboxUser", "InboxReset", "InboxResetReason", "InboxSendInput"} <= set(
            core.type_map
        )
        assert {"User", "ArticleConnection", "Query", "DateTime", "JSON"} <= set(core.type_map)
        assert not {name for name in core.type_map if name.startswith("InboxInbox")}


@pytest.fixture
def urls() -> Iterator[None]:
    """Strawberry's own views, at /async/ and /sync/."""
    with override_settings(ROOT_URLCONF=PATH):
        yield


@pytest.fixture(params=["/async/", "/sync/"])
def request_to(urls: None, request: pytest.FixtureRequest) -> Post:
    """Post a query to each of Strawberry's views for Django, and return the body."""

    def post_to(query: str, client: Client | None = None, **headers: str) -> Any:
        response = (client or Client()).post(
            request.param, {"query": query}, content_type="application/json", headers=headers
        )
        return json.loads(response.content)

    return post_to


class TestStrawberrysViews:
    def test_a_session_is_the_caller(self, request_to: Post, alice: User) -> None:
        client = Client()
        client.force_login(alice)
        assert request_to(BOTH, client) == {
            "data": {
                "viewer": {"username": "alice"},
                "notifications": {"totalCount": 0, "pageInfo": {"hasNextPage": False}},
            }
        }

    def test_a_session_from_before_a_revocation_is_refused(
        self, request_to: Post, alice: User, settings: Any
    ) -> None:
        """In a project with Django's own middleware, too."""
        ours = "live_inbox.web.session_middleware.RevocableAuthenticationMiddleware"
        djangos = "django.contrib.auth.middleware.AuthenticationMiddleware"
        settings.MIDDLEWARE = [djangos if each == ours else each for each in settings.MIDDLEWARE]
        client = Client()
        client.force_login(alice)
        sign_out_everywhere(user_id=alice.pk)
        body = request_to("{ viewer { username } }", client)
        assert body["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED", "reason": "revoked"}

    def test_a_token_is_the_caller(self, request_to: Post, alice: User) -> None:
        body = request_to("{ viewer { username } }", Authorization=bearer(alice))
        assert body == {"data": {"viewer": {"username": "alice"}}}

    def test_a_mutation_sends(self, request_to: Post, alice: User) -> None:
        body = request_to(SEND % (alice.pk, "Hello"), Authorization=bearer(alice))
        assert body == {"data": {"send": {"notification": {"title": "Hello"}}}}
        listed = request_to("{ notifications { nodes { title } } }", Authorization=bearer(alice))
        assert listed["data"]["notifications"]["nodes"] == [{"title": "Hello"}]

    @pytest.mark.parametrize(
        ("query", "extensions"),
        [
            ('{ notification(id: "7") { id } }', {"code": "NOT_FOUND"}),
            (
                "{ notifications(first: 0) { position } }",
                {"code": "BAD_USER_INPUT", "field": "first"},
            ),
        ],
    )
    def test_errors_of_our_fields_have_their_codes(
        self, request_to: Post, alice: User, query: str, extensions: dict[str, str]
    ) -> None:
        (error,) = request_to(query, Authorization=bearer(alice))["errors"]
        assert error["extensions"] == extensions

    def test_without_credentials_our_fields_fail_and_the_projects_do_not(
        self, request_to: Post, transactional_db: None
    ) -> None:
        body = request_to('{ articles { pageInfo { hasNextPage } } notification(id: "1") { id } }')
        assert body["data"]["articles"] == {"pageInfo": {"hasNextPage": False}}
        assert body["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED", "reason": "missing"}

    def test_a_refused_token_has_its_reason(self, request_to: Post, transactional_db: None) -> None:
        (error,) = request_to("{ viewer { id } }", Authorization="Bearer nonsense")["errors"]
        assert error["extensions"] == {"code": "UNAUTHENTICATED", "reason": "malformed"}

    def test_errors_of_the_projects_fields_are_its_own(
        self, request_to: Post, transactional_db: None
    ) -> None:
        (error,) = request_to("{ broken }")["errors"]
        assert error["message"] == "the project's own error"
        assert "extensions" not in error

    def test_the_synchronous_view_works_within_the_requests_transaction(
        self, urls: None, alice: User
    ) -> None:
        client = Client()
        client.force_login(alice)
        with transaction.atomic():
            client.post("/sync/", {"query": SEND % (alice.pk, "Gone")}, "application/json")
            transaction.set_rollback(True)
        body = client.post("/sync/", {"query": BOTH}, "application/json").json()
        assert body["data"]["notifications"]["totalCount"] == 0


class TestContexts:
    async def test_the_authenticator_of_the_settings_is_asked(
        self, alice: User, configure: Callable[..., None]
    ) -> None:
        request = RequestFactory().get("/", headers={"Authorization": bearer(alice)})
        request.user = AnonymousUser()
        query, context = "{ viewer { username } }", {"request": request}
        result = await project_schema.schema.execute(query, context_value=context)
        assert result.data == {"viewer": {"username": "alice"}}
        configure(AUTHENTICATOR="tests.identity.project_authenticators.TakesNobody")
        result = await project_schema.schema.execute(query, context_value=context)
        assert result.errors is not None
        assert result.errors[0].extensions == {"code": "UNAUTHENTICATED", "reason": "missing"}
        found = await in_database_thread(
            project_schema.schema.execute_sync, query, context_value=context
        )
        assert found.errors is not None
        assert found.errors[0].extensions == {"code": "UNAUTHENTICATED", "reason": "missing"}

    async def test_a_dictionary_with_a_user_is_enough(self, alice: User) -> None:
        result = await project_schema.schema.execute(
            "{ viewer { username } }", context_value={"user": alice}
        )
        assert (result.data, result.errors) == ({"viewer": {"username": "alice"}}, None)

    async def test_an_inactive_user_is_refused(self, alice: User) -> None:
        alice.is_active = False
        result = await project_schema.schema.execute(
            "{ viewer { id } }", context_value={"user": alice}
        )
        assert result.errors is not None
        assert result.errors[0].extensions == {"code": "UNAUTHENTICATED", "reason": "inactive"}

    async def test_a_context_without_anybody_is_logged_with_what_to_do(
        self, transactional_db: None, caplog: pytest.LogCaptureFixture
    ) -> None:
        result = await project_schema.schema.execute("{ viewer { id } }", context_value={})
        assert result.errors is not None
        assert result.errors[0].extensions is not None
        assert result.errors[0].extensions["code"] == "INTERNAL_SERVER_ERROR"
        assert "neither `request` nor `user`" in caplog.text


@pytest.fixture
async def hub(transactional_db: None) -> AsyncIterator[Hub[Event]]:
    """A hub whose feed is that of the event loop."""
    hub: Hub[Event] = Hub(DatabaseLog(), layer=None, decode=decode)
    await hub.start()
    async with doorbell().attached(hub.on_message):
        with serving(Feed(hub)):
            yield hub
    await hub.stop()


SITE = "https://app.example.com"
APP = "capacitor://localhost"


class Socket:
    """A socket to Strawberry's own consumer of Channels."""

    def __init__(self, user: Any) -> None:
        self.scope: dict[str, Any] = {
            "type": "websocket",
            "path": "/graphql/",
            "headers": [(b"host", b"testserver")],
            "query_string": b"",
            "subprotocols": [GRAPHQL_TRANSPORT_WS],
            "user": user,
        }
        consumer: Any = GraphQLWSConsumer.as_asgi(schema=project_schema.schema)
        # asgiref's class has no types.
        self._communicator: Any = cast("Any", ApplicationCommunicator)(consumer, self.scope)

    async def open(self, payload: object = None) -> None:
        """Connect, and initialise the connection."""
        await self._communicator.send_input({"type": "websocket.connect"})
        accepted: Any = await self._communicator.receive_output(20)
        assert accepted["type"] == "websocket.accept"
        await self._send({"type": "connection_init", "payload": payload or {}})
        assert await self.receive() == ("connection_ack", None)

    async def start(self, query: str) -> None:
        """Start an operation."""
        await self._send({"type": "subscribe", "id": "1", "payload": {"query": query}})

    async def receive(self) -> Any:
        """Return the type and the payload of the next message."""
        event: Any = await self._communicator.receive_output(20)
        message = json.loads(event["text"])
        return message["type"], message.get("payload")

    async def close(self) -> None:
        """Disconnect, and wait until the consumer has ended."""
        await self._communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._communicator.wait(20)

    async def _send(self, message: object) -> None:
        event = {"type": "websocket.receive", "text": json.dumps(message)}
        await self._communicator.send_input(event)


async def until_subscribed(hub: Hub[Event]) -> None:
    await until(lambda: any(each.ready.is_set() for each in hub._open_inboxes.values()))


async def send(user: User, title: str) -> None:
    await in_database_thread(services.send, recipient_id=user.pk, title=title, data={"a": 1})


class TestStrawberrysConsumers:
    @pytest.mark.parametrize("by", ["session", "token"])
    async def test_a_subscription_delivers(self, hub: Hub[Event], alice: User, by: str) -> None:
        socket = Socket(alice if by == "session" else AnonymousUser())
        await socket.open({"token": bearer(alice)} if by == "token" else None)
        await socket.start(EVENTS)
        await until_subscribed(hub)
        await send(alice, "Hello")
        kind, payload = await socket.receive()
        event = payload["data"]["notificationEvents"]
        assert (kind, event["__typename"]) == ("next", "NotificationAdded")
        assert (event["notification"]["title"], event["notification"]["data"]) == (
            "Hello",
            {"a": 1},
        )
        await socket.close()

    async def test_nobody_is_refused(self, hub: Hub[Event]) -> None:
        socket = Socket(AnonymousUser())
        await socket.open()
        await socket.start(EVENTS)
        kind, errors = await socket.receive()
        assert kind == "error"
        assert errors[0]["extensions"] == {"code": "UNAUTHENTICATED", "reason": "missing"}
        await socket.close()

    async def test_a_session_of_a_strange_page_is_refused(
        self, hub: Hub[Event], alice: User
    ) -> None:
        socket = Socket(alice)
        await socket.open()
        socket.scope["headers"] += [(b"origin", b"https://evil.example")]
        await socket.start(EVENTS)
        kind, errors = await socket.receive()
        assert (kind, errors[0]["extensions"]) == ("error", {"code": "FORBIDDEN"})
        await socket.close()

    @pytest.mark.parametrize(("origin", "is_admitted"), [(None, True), (SITE, True), (APP, False)])
    async def test_what_a_proxy_adds_for_the_user_does_not_count_for_a_strange_page(
        self, hub: Hub[Event], alice: User, configure: Any, origin: str | None, is_admitted: bool
    ) -> None:
        configure(
            AUTHENTICATOR="tests.identity.project_authenticators.NameInHeader",
            ALLOWED_ORIGINS=[SITE],
        )
        socket = Socket(AnonymousUser())
        socket.scope["headers"] += [(b"x-user", b"alice")]
        await socket.open()
        # After Strawberry's own check, which has a list of its own.
        if origin is not None:
            socket.scope["headers"] += [(b"origin", origin.encode())]
        await socket.start("{ viewer { username } }")
        _, payload = await socket.receive()
        assert payload["data"] == ({"viewer": {"username": "alice"}} if is_admitted else None)
        await socket.close()

    async def test_a_page_behind_a_proxy_that_ends_tls_is_our_own(
        self, hub: Hub[Event], alice: User, configure: Any
    ) -> None:
        configure(TRUSTED_PROXIES=["127.0.0.1"])
        socket = Socket(alice)
        socket.scope |= {"scheme": "ws", "client": ("127.0.0.1", 4711)}
        proto, origin = (b"x-forwarded-proto", b"https"), (b"origin", b"https://testserver")
        socket.scope["headers"] += [proto, origin]
        await socket.open()
        await socket.start("{ viewer { username } }")
        _, payload = await socket.receive()
        assert payload["data"] == {"viewer": {"username": "alice"}}
        await socket.close()

    async def test_a_subscription_ends_with_its_token(self, hub: Hub[Event], alice: User) -> None:
        soon = Caller(user=alice, expires_at=time.time() + 0.05)
        events = _until_expiry(events_of(Feed(hub), str(alice.pk), None, None), soon)
        with pytest.raises(GraphQLError) as caught:
            await anext(events)
        assert caught.value.extensions == {"code": "UNAUTHENTICATED", "reason": "expired"}

    @pytest.mark.parametrize("consumer", [GraphQLHTTPConsumer, SyncGraphQLHTTPConsumer])
    async def test_http_consumers_know_the_caller(
        self, transactional_db: None, alice: User, consumer: Any
    ) -> None:
        body = json.dumps({"query": "{ viewer { username } }"}).encode()
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql/",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
            "user": alice,
        }
        application: Any = consumer.as_asgi(schema=project_schema.schema)
        communicator: Any = cast("Any", ApplicationCommunicator)(application, scope)
        await communicator.send_input({"type": "http.request", "body": body})
        start, answer = [await communicator.receive_output(20) for _ in range(2)]
        assert start["status"] == 200
        assert json.loads(answer["body"]) == {"data": {"viewer": {"username": "alice"}}}
        await communicator.send_input({"type": "http.disconnect"})
        await communicator.wait(20)

    async def test_a_hub_that_stops_is_an_error_with_a_code(
        self, hub: Hub[Event], alice: User
    ) -> None:
        socket = Socket(alice)
        await socket.open()
        await socket.start(EVENTS)
        await until_subscribed(hub)
        await hub.stop()
        _, payload = await socket.receive()
        errors = payload["errors"] if isinstance(payload, dict) else payload
        assert errors[0]["extensions"] == {"code": "SERVICE_UNAVAILABLE", "reason": "restart"}
        await socket.close()


async def test_events_have_the_names_of_a_schema_with_a_prefix(
    transactional_db: None, alice: User, configure: Callable[..., None]
) -> None:
    configure(GRAPHQL_SCHEMA=f"{PATH}.prefixed")
    query = """subscription { notificationEvents {
      __typename ... on InboxNotificationAdded { notification { title } } } }"""
    async with subscribe(alice, query) as device:
        await send(alice, "Hello")
        assert await device.next() == {
            "notificationEvents": {
                "__typename": "InboxNotificationAdded",
                "notification": {"title": "Hello"},
            }
        }


async def test_the_first_subscription_of_an_event_loop_starts_an_inbox(
    transactional_db: None, alice: User
) -> None:
    first, second = await asyncio.gather(current_feed(), current_feed())
    assert first is second
    async with first.open(str(alice.pk)) as items:
        await send(alice, "Hello")
        event = cast("Event", await anext(items))
    assert event.notification is not None
    assert event.notification.title == "Hello"
    await running_inboxes().stop()


@pytest.fixture
def recorded() -> list[str | None]:
    """The documents of operations for which the project's extension ran."""
    project_schema.Recording.documents.clear()
    return project_schema.Recording.documents


class TestOurEndpoint:
    async def test_the_projects_fields_find_the_caller(
        self, alice: User, configure: Callable[..., None]
    ) -> None:
        configure(GRAPHQL_SCHEMA=f"{PATH}.schema")
        response = await post({"query": KEY}, Authorization=bearer(alice))
        assert json.loads(response.content)["data"]["key"] == str(alice.pk)

    async def test_extensions_run_and_limits_hold(
        self, alice: User, configure: Callable[..., None], recorded: list[str | None]
    ) -> None:
        configure(GRAPHQL_SCHEMA=f"{PATH}.schema_with_extension", MAX_QUERY_DEPTH=4)
        deep = "{ notifications { edges { node { sender { id } } } } }"
        for query in (BOTH, "{ key }", "{ key }", deep):
            await post({"query": query}, Authorization=bearer(alice))
        assert recorded == [BOTH, "{ key }", "{ key }", deep]
        body = json.loads((await post({"query": deep})).content)
        assert body["errors"][0]["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
            ("{", "GRAPHQL_PARSE_FAILED"),
            ("query A { key } query B { key }", "OPERATION_RESOLUTION_FAILURE"),
            (
                'mutation { send(input: {recipientId: "1", title: "a", expiresAt: 7}) { replayed } }',
                "GRAPHQL_VALIDATION_FAILED",
            ),
        ],
    )
    @pytest.mark.parametrize("name", ["schema", "schema_with_extension"])
    async def test_refused_documents_have_their_codes(
        self,
        transactional_db: None,
        configure: Callable[..., None],
        query: str,
        code: str,
        name: str,
    ) -> None:
        configure(GRAPHQL_SCHEMA=f"{PATH}.{name}")
        for _ in range(2):
            body = json.loads((await post({"query": query})).content)
            assert {error["extensions"]["code"] for error in body["errors"]} == {code}

    async def test_errors_of_the_projects_fields_are_its_own(
        self, transactional_db: None, configure: Callable[..., None]
    ) -> None:
        configure(GRAPHQL_SCHEMA=f"{PATH}.schema")
        (error,) = json.loads((await post({"query": "{ broken }"})).content)["errors"]
        assert error["message"] == "the project's own error"
        assert "extensions" not in error

    @pytest.mark.parametrize(
        ("name", "despite", "compiles", "documents"),
        [
            ("schema", False, True, []),
            ("schema_with_extension", False, False, [EVENTS]),
            ("schema_with_extension", True, True, []),
        ],
    )
    async def test_a_socket_serves_it_compiled_unless_it_has_extensions(
        self,
        alice: User,
        configure: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
        recorded: list[str | None],
        name: str,
        despite: bool,
        compiles: bool,
        documents: list[str],
    ) -> None:
        configure(GRAPHQL_SCHEMA=f"{PATH}.{name}", COMPILE_DESPITE_EXTENSIONS=despite)
        rendered: list[object] = []
        render = CompiledSelection.render

        def recording(self: CompiledSelection, item: Any) -> bytes:
            rendered.append(item)
            return render(self, item)

        monkeypatch.setattr(CompiledSelection, "render", recording)
        async with running_graphql_server() as server:
            client = await server.open()
            await client.init({"token": bearer(alice)})
            await client.start("1", EVENTS)
            await server.until_subscribed(1)
            await send(alice, "Hello")
            event = await client.data("1")
        assert event["notification"]["title"] == "Hello"
        assert bool(rendered) == (compiles and CAN_COMPILE)
        if CAN_COMPILE:
            assert recorded == documents

    async def test_the_projects_scalars_and_names_are_the_same_compiled_and_executed(
        self, alice: User, configure: Callable[..., None]
    ) -> None:
        """Strawberry's DateTime ends with +00:00, and not with Z."""
        events = []
        await send(alice, "Hello")
        for name in ("schema", "schema_with_extension"):
            configure(GRAPHQL_SCHEMA=f"{PATH}.{name}")
            async with running_graphql_server() as server:
                client = await server.open()
                await client.init({"token": bearer(alice)})
                await client.start("1", EVENTS.replace("Events {", 'Events(after: "0") {'))
                events.append((await client.data("1"))["notification"])
        assert [event["createdAt"][-6:] for event in events] == ["+00:00", "+00:00"]


class TestCompiling:
    def compiles(self, schema: strawberry.Schema, query: str) -> bool:
        request = OperationRequest("1", query, None, None)
        return ServedSchema(schema).compiled(request) is not None

    def test_a_prefix_does_not_matter(self) -> None:
        config = StrawberryConfig(name_converter=live_inbox_graphql.name_converter(prefix="Inbox"))
        query = EVENTS.replace("on NotificationAdded", "on InboxNotificationAdded")
        assert self.compiles(project_schema.project_schema(config=config), query) is CAN_COMPILE

    def test_a_resolver_of_the_project_is_not_bypassed(self) -> None:
        @strawberry.type
        class Own(live_inbox_graphql.Subscription):
            @strawberry.subscription
            async def notification_events(
                self, info: strawberry.Info[Any, Any]
            ) -> live_inbox_graphql.events.NotificationEvent:
                raise NotImplementedError

        schema = strawberry.Schema(
            project_schema.Query, subscription=Own, types=live_inbox_graphql.EVENT_TYPES
        )
        assert not self.compiles(schema, EVENTS)
        assert not self.compiles(project_schema.schema, "subscription { ticks }")


async def test_the_authenticator_of_the_project_sees_no_cookies_of_other_consumers(
    alice: User, configure: Callable[..., None]
) -> None:
    """They check no origin, and browsers send cookies along with each handshake."""
    configure(AUTHENTICATOR="tests.identity.project_authenticators.NameInCookie")

    class Consumer:
        scope: ClassVar[dict[str, Any]] = {
            "type": "websocket",
            "headers": [(b"cookie", b"user=alice"), (b"x-user", b"alice")],
        }

    with pytest.raises(AuthenticationFailed):
        await caller_in({"request": Consumer()})
    configure(AUTHENTICATOR="tests.identity.project_authenticators.NameInHeader")
    assert (await caller_in({"request": Consumer()})).user == alice
