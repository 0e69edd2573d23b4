"""The queries, with the exact JSON that clients get."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils.translation import gettext_lazy

from live_inbox import selectors, services
from live_inbox.database_threads import in_database_thread
from live_inbox.identity.callers import Caller
from live_inbox.models import Notification
from live_inbox.request_threads import Use
from live_inbox_graphql.context import Context
from tests.changed_settings import changed_settings
from tests.graphql.http_client import Ask
from tests.graphql.own_schema import schema

pytestmark = pytest.mark.usefixtures("way")

MOMENT = datetime(2026, 1, 31, 12, 0, 0, 123456, UTC)


def send(recipient: User, title: str = "Hello", **content: Any) -> Notification:
    sent = services.send(recipient_id=recipient.pk, title=title, **content)
    assert sent.notification is not None
    return sent.notification


NOBODY = {
    "message": "Authentication is required.",
    "extensions": {"code": "UNAUTHENTICATED", "reason": "missing"},
}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("{ viewer { id } }", "viewer"),
        ("{ notifications { totalCount } }", "notifications"),
        ('{ notification(id: "1") { id } }', "notification"),
        ("{ notificationPreferences { type } }", "notificationPreferences"),
        ('mutation { markRead(id: "1") { position } }', "markRead"),
        ('mutation { markUnread(id: "1") { position } }', "markUnread"),
        ('mutation { markAllRead(upTo: "bad") { position } }', "markAllRead"),
        ('mutation { delete(id: "1") { position } }', "delete"),
        ('mutation { send(input: {recipientId: "1", title: ""}) { replayed } }', "send"),
        (
            'mutation { setNotificationPreference(input: {type: "", enabled: true}) { type } }',
            "setNotificationPreference",
        ),
    ],
)
async def test_an_anonymous_caller_gets_an_error(ask: Ask, query: str, field: str) -> None:
    assert await ask.error(query, None) == NOBODY | {"path": [field]}


async def test_anybody_may_look_at_the_schema(ask: Ask, configure: Callable[..., None]) -> None:
    configure(INTROSPECTION=True)
    answer = await ask("{ __typename __schema { subscriptionType { name } } }", None)
    assert answer == {
        "data": {
            "__typename": "Query",
            "__schema": {"subscriptionType": {"name": "Subscription"}},
        }
    }


async def test_viewer(ask: Ask, alice: User) -> None:
    assert await ask("{ viewer { id username name } }", alice) == {
        "data": {"viewer": {"id": f"user:{alice.pk}", "username": "alice", "name": "Alice Adams"}}
    }


EVERYTHING = """
  id type title message link data read readAt createdAt sender { id username name }
"""


@pytest.fixture
def full(alice: User, bob: User) -> Notification:
    """A notification with everything, read a minute after it came."""
    sent = send(
        alice,
        "Approved",
        message="Your form is in.",
        type="approval",
        link="/forms/7",
        data={"form": 7, "tags": ["a", None, 1.5]},
        sender_id=bob.pk,
        now=MOMENT,
    )
    services.mark_read(user_id=alice.pk, notification_id=sent.pk, now=MOMENT + timedelta(minutes=1))
    return sent


@pytest.fixture
def of_two_types(alice: User) -> None:
    send(alice, "a", type="comment")
    send(alice, "b", type="general")


@pytest.mark.usefixtures("of_two_types")
async def test_counts_by_type_and_category(
    ask: Ask, alice: User, configure: Callable[..., None]
) -> None:
    configure(TYPES={"comment": {"category": "social"}})
    numbers = "total unread unseen isExact"
    query = f"{{ notificationCounts {{ types {{ type {numbers} }} categories {{ category {numbers} }} }} }}"
    counted = {"total": 1, "unread": 1, "unseen": 1, "isExact": True}
    assert await ask(query, alice) == {
        "data": {
            "notificationCounts": {
                "types": [{"type": "comment", **counted}, {"type": "general", **counted}],
                "categories": [{"category": None, **counted}, {"category": "social", **counted}],
            }
        }
    }


async def test_notification(ask: Ask, alice: User, bob: User, full: Notification) -> None:
    query = f'{{ notification(id: "{full.pk}") {{ {EVERYTHING} }} }}'
    assert await ask(query, alice) == {
        "data": {
            "notification": {
                "id": str(full.pk),
                "type": "approval",
                "title": "Approved",
                "message": "Your form is in.",
                "link": "/forms/7",
                "data": {"form": 7, "tags": ["a", None, 1.5]},
                "read": True,
                "readAt": "2026-01-31T12:01:00.123456Z",
                "createdAt": "2026-01-31T12:00:00.123456Z",
                "sender": {"id": f"user:{bob.pk}", "username": "bob", "name": ""},
            }
        }
    }


@pytest.fixture
def bare(alice: User) -> Notification:
    """A notification with nothing that is not required."""
    return send(alice, now=MOMENT)


async def test_a_notification_with_nothing_to_spare(
    ask: Ask, alice: User, bare: Notification
) -> None:
    query = f'{{ notification(id: "{bare.pk}") {{ {EVERYTHING} }} }}'
    assert await ask.data(query, alice) == {
        "id": str(bare.pk),
        "type": "general",
        "title": "Hello",
        "message": "",
        "link": None,
        "data": {},
        "read": False,
        "readAt": None,
        "createdAt": "2026-01-31T12:00:00.123456Z",
        "sender": None,
    }


async def test_a_notification_of_another_user_is_not_found(
    ask: Ask, bob: User, bare: Notification
) -> None:
    query = "query($id: ID!) { notification(id: $id) { id } }"
    strange = await ask(query, bob, {"id": bare.pk})
    missing = await ask(query, bob, {"id": "999999999"})
    garbage = await ask(query, bob, {"id": "'; --"})
    assert strange == missing == garbage
    assert strange == {
        "data": {"notification": None},
        "errors": [
            {
                "message": "You have no such notification.",
                "locations": [{"line": 1, "column": 19}],
                "path": ["notification"],
                "extensions": {"code": "NOT_FOUND"},
            }
        ],
    }


@pytest.fixture
def inbox(alice: User) -> list[Notification]:
    """Three notifications, oldest first; the second is read."""
    rows = [send(alice, title, type="approval") for title in ("first", "second")]
    services.mark_read(user_id=alice.pk, notification_id=rows[1].pk)
    return [*rows, send(alice, "third")]


@pytest.fixture
def position(alice: User, inbox: list[Notification]) -> str:
    """Where that inbox stands."""
    return str(selectors.inbox_state(user_id=alice.pk).position)


@pytest.fixture
def muted(alice: User) -> None:
    """Preferences, one of them about a type that is required."""
    for type, enabled in {"news": True, "approval": False, "billing": False}.items():
        services.set_preference(user_id=alice.pk, type=type, enabled=enabled)


async def test_notifications(
    ask: Ask, alice: User, inbox: list[Notification], position: str
) -> None:
    newest = inbox[-1]
    query = """{ notifications(first: 1) {
      edges { cursor node { id } } nodes { id title }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      totalCount unreadCount position
    } }"""
    page = await ask.data(query, alice)
    cursor = page["edges"][0]["cursor"]
    assert page == {
        "edges": [{"cursor": cursor, "node": {"id": str(newest.pk)}}],
        "nodes": [{"id": str(newest.pk), "title": "third"}],
        "pageInfo": {
            "hasNextPage": True,
            "hasPreviousPage": False,
            "startCursor": cursor,
            "endCursor": cursor,
        },
        "totalCount": 3,
        "unreadCount": 2,
        "position": position,
    }


async def test_an_inbox_to_which_nothing_ever_happened(ask: Ask, alice: User) -> None:
    query = "{ notifications { nodes { id } edges { cursor } pageInfo { startCursor endCursor } "
    query += "totalCount unreadCount position } }"
    assert await ask.data(query, alice) == {
        "nodes": [],
        "edges": [],
        "pageInfo": {"startCursor": None, "endCursor": None},
        "totalCount": 0,
        "unreadCount": 0,
        "position": "0",
    }


@pytest.mark.parametrize(
    ("filter", "titles"),
    [
        ({}, ["third", "second", "first"]),
        ({"types": None, "read": None}, ["third", "second", "first"]),
        ({"read": True}, ["second"]),
        ({"read": False}, ["third", "first"]),
        ({"types": ["approval"]}, ["second", "first"]),
        ({"types": ["approval", "general"]}, ["third", "second", "first"]),
        ({"types": ["approval"], "read": False}, ["first"]),
        ({"types": []}, []),
        ({"types": ["nothing"]}, []),
    ],
)
async def test_filters(
    ask: Ask, alice: User, inbox: list[Notification], filter: dict[str, Any], titles: list[str]
) -> None:
    query = "query($filter: NotificationFilter) { notifications(filter: $filter) "
    query += "{ nodes { title } totalCount unreadCount } }"
    assert await ask.data(query, alice, {"filter": filter}) == {
        "nodes": [{"title": title} for title in titles],
        "totalCount": 3,
        "unreadCount": 2,
    }


@pytest.mark.parametrize(
    ("arguments", "message", "field"),
    [
        ("first: 0", "A page has 1 to 100 notifications.", "first"),
        ("first: 101", "A page has 1 to 100 notifications.", "first"),
        ("last: -1", "A page has 1 to 100 notifications.", "last"),
        ("first: 1, last: 1", "Ask for `first` or for `last`, not for both.", "last"),
        ('after: "x"', "This is not a cursor of the list of notifications.", "after"),
        ('before: ""', "This is not a cursor of the list of notifications.", "before"),
        (
            'filter: {types: ["a b"]}',
            "A type consists of letters, digits, '-', '_' and '.', and begins with a letter or digit.",
            "filter.types",
        ),
        (
            f"filter: {{types: {['a'] * 21}}}".replace("'", '"'),
            "A filter names 20 types at most.",
            "filter.types",
        ),
    ],
)
async def test_arguments_that_make_no_sense(
    ask: Ask, alice: User, arguments: str, message: str, field: str
) -> None:
    assert await ask.error(f"{{ notifications({arguments}) {{ totalCount }} }}", alice) == {
        "message": message,
        "path": ["notifications"],
        "extensions": {"code": "BAD_USER_INPUT", "field": field},
    }


async def test_a_value_of_the_wrong_type_names_the_variable(ask: Ask, alice: User) -> None:
    query = "query($first: Int) { notifications(first: $first) { totalCount } }"
    body = await ask(query, alice, {"first": "many"})
    # Where the message begins is a matter of graphql-core's release.
    message = body["errors"][0].pop("message")
    assert message.endswith("Int cannot represent non-integer value: 'many'")
    assert body == {
        "errors": [
            {
                "locations": [{"line": 1, "column": 7}],
                "extensions": {"code": "BAD_USER_INPUT", "field": "first"},
            }
        ]
    }


async def test_a_null_where_none_may_be_is_the_clients_fault(ask: Ask, alice: User) -> None:
    query = 'query($id: ID = "1") { notification(id: $id) { id } }'
    assert (await ask.error(query, alice, {"id": None}))["extensions"] == {
        "code": "BAD_USER_INPUT",
        "field": "id",
    }


def entry(type: str, enabled: bool, **others: Any) -> dict[str, Any]:
    """A preference as GraphQL returns it."""
    texts = {"label": type, "description": ""}
    return {"type": type, "enabled": enabled, "required": False} | texts | others


async def test_preferences(
    ask: Ask, alice: User, muted: None, configure: Callable[..., None]
) -> None:
    configure(
        TYPES={"security": {"required": True, "label": "Security"}, "billing": {"required": True}}
    )
    query = "{ notificationPreferences { type enabled required label description } }"
    assert await ask.data(query, alice) == [
        entry("approval", False),
        entry("billing", True, required=True),
        entry("news", True),
        entry("security", True, required=True, label="Security"),
    ]


def language_of(user: User) -> str:
    """The language of a user of these tests."""
    return "de" if user.username == "alice" else ""


async def test_types(ask: Ask, alice: User, muted: None, configure: Callable[..., None]) -> None:
    declared = {
        "security": {"label": gettext_lazy("Yes"), "required": True, "category": "account"},
        "news": {"default": False, "icon": "https://example.com/news.png"},
        "tips": {"default": False, "description": gettext_lazy("No")},
        "approval": {},
    }
    configure(TYPES=declared, RECIPIENT_LANGUAGE="tests.graphql.test_queries.language_of")
    fields = "type enabled required label description category icon"
    none = {"category": None, "icon": None}
    expected = [
        entry("security", True, required=True, label="Ja") | none | {"category": "account"},
        entry("news", True) | none | {"icon": "https://example.com/news.png"},
        entry("tips", False, description="Nein") | none,
        entry("approval", False) | none,
    ]
    assert await ask.data(f"{{ notificationTypes {{ {fields} }} }}", alice) == expected
    expected.append(entry("billing", False) | none)
    listed = await ask.data(f"{{ notificationPreferences {{ {fields} }} }}", alice)
    assert listed == sorted(expected, key=lambda each: each["type"])
    set_ = """mutation { setNotificationPreference(input: {type: "tips", enabled: true})
      { enabled description } }"""
    assert await ask.data(set_, alice) == {"enabled": True, "description": "Nein"}


CHANNELS = {"email": {"label": gettext_lazy("Email address")}, "push": {}}


def channel(channel: str, label: str, enabled: bool, *, required: bool = False) -> dict[str, Any]:
    """What a caller wants by a channel, as GraphQL returns it."""
    return {"channel": channel, "label": label, "enabled": enabled, "required": required}


async def test_channels(ask: Ask, alice: User, configure: Callable[..., None]) -> None:
    configure(
        CHANNELS=CHANNELS,
        TYPES={"bill": {"required": ["email"]}},
        RECIPIENT_LANGUAGE="tests.graphql.test_queries.language_of",
    )
    await in_database_thread(
        services.set_preference, user_id=alice.pk, type="own", channel="push", enabled=True
    )
    mail = "E-Mail-Adresse"
    assert await ask.data("{ notificationChannels { channel label } }", alice) == [
        {"channel": "in_app", "label": "in_app"},
        {"channel": "email", "label": mail},
        {"channel": "push", "label": "push"},
    ]
    bill = {
        "type": "bill",
        "channels": [
            channel("in_app", "in_app", True),
            channel("email", mail, True, required=True),
            channel("push", "push", False),
        ],
    }
    own = {
        "type": "own",
        "channels": [
            channel("in_app", "in_app", True),
            channel("email", mail, False),
            channel("push", "push", True),
        ],
    }
    fields = "type channels { channel label enabled required }"
    assert await ask.data(f"{{ notificationTypes {{ {fields} }} }}", alice) == [bill]
    assert await ask.data(f"{{ notificationPreferences {{ {fields} }} }}", alice) == [bill, own]


async def test_without_declared_channels_there_is_the_inbox(
    ask: Ask, alice: User, muted: None
) -> None:
    only = {"channel": "in_app", "label": "in_app"}
    assert await ask.data("{ notificationChannels { channel label } }", alice) == [only]
    query = "{ notificationPreferences { channels { channel label enabled required } } }"
    listed = await ask.data(query, alice)
    assert [each["channels"] for each in listed] == [
        [only | {"enabled": enabled, "required": False}] for enabled in (False, False, True)
    ]


async def test_no_types(ask: Ask, alice: User, muted: None) -> None:
    assert await ask.data("{ notificationTypes { type } }", alice) == []


async def test_no_preferences(ask: Ask, alice: User) -> None:
    assert await ask.data("{ notificationPreferences { type } }", alice) == []


@pytest.mark.parametrize(
    ("query", "statements"),
    [
        ("{ viewer { id } }", 1),
        ("{ notifications { nodes { id sender { id } } totalCount position } }", 1),
        ('{ notification(id: "1") { id sender { id } } }', 1),
        ("{ notificationPreferences { type channels { enabled } } }", 1),
    ],
)
def test_a_query_costs_one_statement(
    alice: User, inbox: list[Notification], query: str, statements: int
) -> None:
    """Counted in the threads that the resolvers cross to."""
    counted = asyncio.run(statements_of(query, alice))
    assert len(counted) == statements, counted


def test_types_cost_one_statement(alice: User) -> None:
    with changed_settings(TYPES={"news": {}, "tips": {}}):
        counted = asyncio.run(statements_of("{ notificationTypes { type label } }", alice))
    assert len(counted) == 1, counted


async def statements_of(query: str, user: User) -> list[str]:
    """Run a query and return the SQL that it took."""
    seen: list[str] = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, parameters, many, context)

    def counting(function: Any, /, *args: Any, **kwargs: Any) -> Any:
        with connection.execute_wrapper(note):
            return function(*args, **kwargs)

    async def crossing(use: Use, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return await in_database_thread(counting, function, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("live_inbox_graphql.fields.in_request_thread", crossing)
        await schema.execute(query, context_value=Context(Caller(user)))
    return seen
