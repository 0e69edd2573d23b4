"""What a subscription sends: every event with its exact JSON, on a real socket of each subprotocol.

All of it three times: compiled and written straight into the socket, compiled over plain ASGI, and executed by
graphql-core.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from live_inbox import selectors, services
from live_inbox.database_threads import in_database_thread
from live_inbox.delivery.position import Position
from live_inbox.events import Event
from live_inbox.maintenance.pruning import prune_events
from live_inbox.models import Inbox, InboxEvent, Notification
from live_inbox_graphql import advances
from live_inbox_graphql.advances import Advance, Advances
from live_inbox_graphql.compiled.rendering import CompiledSelection
from tests.graphql.compiling import CAN_COMPILE, needs_compiled_selections
from tests.graphql.graphql_server import OUR_CLASS, PLAIN_CLASS, Client, Closed, GraphQLServer
from tests.graphql.http_client import bearer

MOMENT = datetime(2026, 1, 31, 12, 0, 0, 0, UTC)
LATER = MOMENT + timedelta(minutes=1)

EVENTS = """
subscription($after: String, $types: [String!]) {
  notificationEvents(after: $after, types: $types) {
    __typename position unreadCount occurredAt
    ... on NotificationAdded { notification { ...All } }
    ... on NotificationUpdated { notification { ...All } }
    ... on NotificationDeleted { notificationId }
    ... on AllNotificationsRead { count throughRank }
    ... on InboxReset { reason }
  }
}
fragment All on Notification {
  id type title message link data read readAt createdAt sender { id username name }
}
"""


async def do(service: Callable[..., Any], **arguments: Any) -> Any:
    """Call a service where services are called."""
    return await in_database_thread(service, **arguments)


async def send(user: User, title: str = "Hello", **content: Any) -> Notification:
    sent: services.Sent = await do(services.send, recipient_id=user.pk, title=title, **content)
    assert sent.notification is not None
    return sent.notification


async def position_of(user: User) -> Position:
    state: selectors.InboxState = await do(selectors.inbox_state, user_id=user.pk)
    return state.position


def placed(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without the fingerprint in its position, which is random."""
    return event | {"position": event["position"].rpartition(".")[0]}


@pytest.fixture(params=["direct", "compiled", "executed"], autouse=True)
def way(request: pytest.FixtureRequest) -> str:
    """How a subscription is served: compiled on our protocol class or on uvicorn's, or executed by graphql-core."""
    name: str = request.param
    return name


@pytest.fixture
def fast_path(way: str) -> bool:
    """The setting FAST_PATH that goes with it."""
    return way != "executed"


@pytest.fixture
def socket_class(way: str) -> str:
    """The protocol class for sockets that goes with it."""
    return OUR_CLASS if way == "direct" else PLAIN_CLASS


class TestEvents:
    async def test_each_kind_of_event(self, client: Client, alice: User, bob: User) -> None:
        await client.start("1", EVENTS, {"after": "0"})
        first = await send(
            alice,
            "Approved",
            message="Your form is in.",
            type="approval",
            link="/forms/7",
            data={"form": 7},
            sender_id=bob.pk,
            now=MOMENT,
        )
        epoch = (await position_of(alice)).epoch
        shown = {
            "id": str(first.pk),
            "type": "approval",
            "title": "Approved",
            "message": "Your form is in.",
            "link": "/forms/7",
            "data": {"form": 7},
            "read": False,
            "readAt": None,
            "createdAt": "2026-01-31T12:00:00Z",
            "sender": {"id": f"user:{bob.pk}", "username": "bob", "name": ""},
        }
        result = await client.result("1")
        assert result.keys() == {"data"}
        assert result["data"].keys() == {"notificationEvents"}
        assert placed(result["data"]["notificationEvents"]) == {
            "__typename": "NotificationAdded",
            "position": f"{epoch}.1",
            "unreadCount": 1,
            "occurredAt": "2026-01-31T12:00:00Z",
            "notification": shown,
        }

        ids = {"user_id": alice.pk, "notification_id": first.pk, "now": LATER}
        await do(services.mark_read, **ids)
        read = shown | {"read": True, "readAt": "2026-01-31T12:01:00Z"}
        assert placed(await client.data("1")) == {
            "__typename": "NotificationUpdated",
            "position": f"{epoch}.2",
            "unreadCount": 0,
            "occurredAt": "2026-01-31T12:01:00Z",
            "notification": read,
        }

        await do(services.mark_unread, **ids)
        assert placed(await client.data("1")) == {
            "__typename": "NotificationUpdated",
            "position": f"{epoch}.3",
            "unreadCount": 1,
            "occurredAt": "2026-01-31T12:01:00Z",
            "notification": shown,
        }

        second = await send(alice, "Plain", now=MOMENT)
        added = placed(await client.data("1"))
        assert (added["position"], added["unreadCount"]) == (f"{epoch}.4", 2)
        assert (added["notification"]["link"], added["notification"]["sender"]) == (None, None)

        await do(services.mark_all_read, user_id=alice.pk, now=LATER)
        assert placed(await client.data("1")) == {
            "__typename": "AllNotificationsRead",
            "position": f"{epoch}.5",
            "unreadCount": 0,
            "occurredAt": "2026-01-31T12:01:00Z",
            "count": 2,
            "throughRank": str(second.pk),
        }

        await do(services.delete, **ids)
        assert placed(await client.data("1")) == {
            "__typename": "NotificationDeleted",
            "position": f"{epoch}.6",
            "unreadCount": 0,
            "occurredAt": "2026-01-31T12:01:00Z",
            "notificationId": str(first.pk),
        }

    async def test_a_client_that_was_away_resumes_where_it_stopped(
        self, client: Client, alice: User
    ) -> None:
        for number in range(5):
            await send(alice, str(number))
        epoch = (await position_of(alice)).epoch
        await client.start("1", EVENTS, {"after": f"{epoch}.2"})
        delivered = [(await client.data("1"))["notification"]["title"] for _ in range(3)]
        assert delivered == ["2", "3", "4"]
        await send(alice, "5")
        assert placed(await client.data("1"))["position"] == f"{epoch}.6"

    async def test_a_list_and_the_subscription_after_its_position_join(
        self, client: Client, alice: User
    ) -> None:
        await send(alice, "before")
        listed = await client.ask("{ notifications { nodes { title } position } }")
        page = listed["data"]["notifications"]
        assert page["nodes"] == [{"title": "before"}]
        await send(alice, "between")
        await client.start("1", EVENTS, {"after": page["position"]})
        assert (await client.data("1"))["notification"]["title"] == "between"

    async def test_without_a_position_it_begins_now(
        self, graphql_server: GraphQLServer, client: Client, alice: User
    ) -> None:
        await send(alice, "long ago")
        await client.start("1", EVENTS)

        await graphql_server.until_subscribed(1)
        await send(alice, "now")
        assert (await client.data("1"))["notification"]["title"] == "now"

    async def test_only_ones_own_inbox(self, client: Client, alice: User, bob: User) -> None:
        await client.start("1", EVENTS, {"after": "0"})
        await send(bob, "for bob")
        await send(alice, "for alice")
        assert (await client.data("1"))["notification"]["title"] == "for alice"

    async def test_two_subscriptions_on_one_socket_do_not_mix(
        self, client: Client, alice: User
    ) -> None:
        await client.start("all", EVENTS, {"after": "0"})
        await client.start("some", EVENTS, {"after": "0", "types": ["news"]})
        await send(alice, "1", type="general")
        await send(alice, "2", type="news")
        titles: dict[str, list[str]] = {"all": [], "some": []}
        for _ in range(3):
            message = await client.receive()
            event = message["payload"]["data"]["notificationEvents"]
            titles[message["id"]].append(event["notification"]["title"])
        assert titles == {"all": ["1", "2"], "some": ["2"]}


@needs_compiled_selections
class TestSharing:
    @pytest.fixture
    def made(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """The number of each event that a selection has made JSON of."""
        made: list[int] = []
        render = CompiledSelection.render

        def rendered(selection: CompiledSelection, item: Event) -> bytes:
            made.append(item.sequence)
            return render(selection, item)

        monkeypatch.setattr(CompiledSelection, "render", rendered)
        return made

    async def test_an_event_is_made_json_once_for_all_who_ask_the_same(
        self, graphql_server: GraphQLServer, client: Client, alice: User, way: str, made: list[int]
    ) -> None:
        questions: dict[str, tuple[str, dict[str, Any]]] = {
            "first": (EVENTS, {}),
            "same": (EVENTS, {}),
            "limited": (EVENTS, {"types": ["news", "alarm"]}),
            "limited too": (EVENTS, {"types": ["alarm", "news"]}),
            "other": ("subscription { notificationEvents { position } }", {}),
        }
        for id, question in questions.items():
            await client.start(id, *question)
        await graphql_server.until_subscribed(len(questions))
        await send(alice, type="news")
        position = str(await position_of(alice))
        delivered: dict[str, str] = {}
        for _ in questions:
            message = await client.receive()
            delivered[message["id"]] = message["payload"]["data"]["notificationEvents"]["position"]
        assert delivered == dict.fromkeys(questions, position)
        # For those without types, for those with, and for the one that asks for something else.
        assert made == ([] if way == "executed" else [1, 1, 1])


class TestTypes:
    async def test_a_filter_lets_pass_its_types_and_what_is_about_the_inbox(
        self, client: Client, alice: User
    ) -> None:
        await client.start("1", EVENTS, {"after": "0", "types": ["news", "alarm"]})
        sent = {type: await send(alice, type=type) for type in ("general", "news", "alarm")}
        for type in ("general", "news"):
            ids = {"user_id": alice.pk, "notification_id": sent[type].pk}
            await do(services.mark_read, **ids)
        await do(services.mark_all_read, user_id=alice.pk)
        # Who lags does not get the content of what is deleted meanwhile.
        delivered = [await client.data("1") for _ in range(4)]
        for type in ("general", "alarm"):
            await do(services.delete, user_id=alice.pk, notification_id=sent[type].pk)
        delivered.append(await client.data("1"))
        assert [(event["__typename"], event["position"].split(".")[1]) for event in delivered] == [
            ("NotificationAdded", "2"),
            ("NotificationAdded", "3"),
            ("NotificationUpdated", "5"),
            ("AllNotificationsRead", "6"),
            ("NotificationDeleted", "8"),
        ]

    async def test_a_filter_moves_the_position_on_so_that_it_stays_fresh(
        self, client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(advances, "ADVANCE_EVENTS", 3)
        await client.start("1", EVENTS, {"after": "0", "types": ["news"]})
        for _ in range(3):
            await send(alice)
        moved = await client.data("1")
        assert moved.pop("occurredAt").endswith("Z")
        position = await position_of(alice)
        assert moved == {
            "__typename": "PositionAdvanced",
            "position": str(position),
            "unreadCount": 3,
        }
        await do(prune_events, keep_events=0)
        await send(alice, type="news")
        assert placed(await client.data("1"))["position"] == f"{position.epoch}.4"
        await client.start("2", EVENTS, {"after": str(position), "types": ["news"]})
        assert (await client.data("2"))["__typename"] == "NotificationAdded"

    async def test_a_filter_moves_the_position_on_after_some_time(
        self, client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(advances, "ADVANCE_SECONDS", 0.02)
        await client.start("1", EVENTS, {"after": "0", "types": ["news"]})
        await send(alice)
        moved = await client.data("1")
        assert (moved["__typename"], moved["position"]) == (
            "PositionAdvanced",
            str(await position_of(alice)),
        )

    async def test_what_becomes_due_while_a_batch_is_written_is_not_late(
        self, client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(advances, "ADVANCE_SECONDS", 0.0)
        take, calls = Advances.take, 0

        def not_due_at_first(advances: Advances, now: float) -> Advance | None:
            nonlocal calls
            calls += 1
            return None if calls == 1 else take(advances, now)

        monkeypatch.setattr(Advances, "take", not_due_at_first)
        await client.start("1", EVENTS, {"after": "0", "types": ["news"]})
        await send(alice)
        assert (await client.data("1"))["__typename"] == "PositionAdvanced"

    async def test_an_empty_filter_lets_pass_nothing_else(
        self, client: Client, alice: User
    ) -> None:
        await client.start("1", EVENTS, {"after": "0", "types": []})
        await send(alice)
        await do(services.mark_all_read, user_id=alice.pk)
        assert (await client.data("1"))["__typename"] == "AllNotificationsRead"


class TestResets:
    @pytest.fixture
    async def head(self, alice: User) -> Position:
        """Where alice's inbox stands after five events, of which the log has kept two."""
        for number in range(5):
            await send(alice, str(number))
        await do(forget_first_events, user=alice)
        return await position_of(alice)

    @pytest.mark.parametrize(
        ("after", "reason"),
        [("{epoch}.2", "EXPIRED"), ("0", "EXPIRED"), ("older.5", "EPOCH"), ("{epoch}.6", "AHEAD")],
    )
    async def test_a_position_that_is_of_no_use_is_answered_and_the_events_go_on(
        self, client: Client, alice: User, head: Position, after: str, reason: str
    ) -> None:
        after = after.format(epoch=head.epoch)
        await client.start("1", EVENTS, {"after": after, "types": ["nothing"]})
        reset = await client.data("1")
        assert reset.pop("occurredAt").endswith("Z")
        assert reset == {
            "__typename": "InboxReset",
            "position": str(head),
            "unreadCount": 5,
            "reason": reason,
        }
        await do(services.mark_all_read, user_id=alice.pk)
        assert placed(await client.data("1"))["position"] == f"{head.epoch}.6"

    async def test_a_position_that_the_log_still_covers_is_resumed(
        self, client: Client, head: Position
    ) -> None:
        await client.start("1", EVENTS, {"after": f"{head.epoch}.3"})
        assert placed(await client.data("1"))["position"] == f"{head.epoch}.4"


def forget_first_events(user: User) -> None:
    """Leave the last two events in the log, as pruning does."""
    InboxEvent.objects.filter(inbox=user.pk, sequence__lte=3).delete()
    Inbox.objects.filter(pk=user.pk).update(first_sequence=4)


class TestFailures:
    @pytest.mark.parametrize(
        ("variables", "field"),
        [
            ({"after": "nowhere"}, "after"),
            ({"after": ""}, "after"),
            ({"types": ["a b"]}, "types"),
            ({"types": ["a"] * 21}, "types"),
        ],
    )
    async def test_bad_arguments_are_an_error_of_the_operation_and_the_socket_lives(
        self, client: Client, alice: User, variables: dict[str, Any], field: str
    ) -> None:
        await client.start("1", EVENTS, variables)
        message = await client.receive()
        payload = message.pop("payload")
        error = payload[0] if isinstance(payload, list) else payload
        assert message == {"type": "error", "id": "1"}
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": field}
        assert error["path"] == ["notificationEvents"]
        assert await client.ask("{ viewer { username } }") == {
            "data": {"viewer": {"username": "alice"}}
        }

    async def test_a_fault_is_an_error_with_an_id_that_is_in_the_log(
        self,
        client: Client,
        alice: User,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        way: str,
    ) -> None:
        def fail(*arguments: object) -> None:
            raise KeyError("secret")

        is_executed = way == "executed" or not CAN_COMPILE
        module = "subscriptions" if is_executed else "event_senders"
        monkeypatch.setattr(f"live_inbox_graphql.{module}.concerns", fail)
        await client.start("1", EVENTS, {"after": "0", "types": ["general"]})
        await send(alice)
        message = await client.receive()
        payload = message.pop("payload")
        error = payload[0] if isinstance(payload, list) else payload
        error_id = error["extensions"]["errorId"]
        assert message == {"type": "error", "id": "1"}
        assert error == {
            "message": "Internal server error",
            "extensions": {"code": "INTERNAL_SERVER_ERROR", "errorId": error_id},
        }
        (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
        assert error_id in record.getMessage()
        assert "KeyError: 'secret'" in caplog.text
        # Nothing follows an error, and the socket lives.
        assert "data" in await client.ask("{ viewer { username } }")

    async def test_when_the_hub_stops_the_socket_is_closed_so_that_clients_come_back(
        self, graphql_server: GraphQLServer, client: Client, alice: User
    ) -> None:
        await client.start("1", EVENTS)
        await graphql_server.until_subscribed(1)
        await graphql_server.hub.stop()
        assert await client.closed() == Closed(1012, "Service restart")

    async def test_after_the_hub_has_stopped_there_are_no_subscriptions(
        self, graphql_server: GraphQLServer, client: Client
    ) -> None:
        await graphql_server.hub.stop()
        await client.start("1", EVENTS)
        assert await client.closed() == Closed(1012, "Service restart")


async def test_a_subscription_makes_no_query_for_an_event(
    graphql_server: GraphQLServer, client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that is delivered is in the event: a thousand devices cost one read of the log."""
    crossings: list[str] = []

    async def crossing(where: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        crossings.append(function.__name__)
        return await in_database_thread(function, *args, **kwargs)

    await client.start("1", EVENTS, {"after": "0"})
    await graphql_server.until_subscribed(1)
    monkeypatch.setattr("live_inbox_graphql.fields.in_request_thread", crossing)
    for module in ("callers", "authentication"):
        monkeypatch.setattr(f"live_inbox_graphql.{module}.in_lane", crossing)
    await send(alice, sender_id=alice.pk)
    assert (await client.data("1"))["notification"]["sender"]["username"] == "alice"
    assert crossings == []


async def test_a_stopped_subscription_leaves_the_hub(
    graphql_server: GraphQLServer, client: Client, alice: User, bob: User
) -> None:
    await client.start("1", EVENTS)
    await graphql_server.until_subscribed(1)
    await client.send({"type": client.stop_type, "id": "1"})
    await graphql_server.until_subscribed(0)
    other = await graphql_server.open()
    await other.init({"token": bearer(bob)})
    await other.start("1", EVENTS)
    await graphql_server.until_subscribed(1)
    await other.connection.close()
    await graphql_server.until_subscribed(0)
