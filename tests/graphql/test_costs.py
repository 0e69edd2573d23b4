"""What operations cost, and that those that cost too much or answer too much are refused by both transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from graphql import get_introspection_query, get_operation_ast, parse

from live_inbox import services
from live_inbox.database_threads import in_database_thread
from live_inbox_graphql.costs import Cost, cost_error, fixed_cost
from tests.changed_settings import changed_settings
from tests.graphql.graphql_server import Client, GraphQLServer
from tests.graphql.http_client import Ask, bearer
from tests.graphql.own_schema import schema
from tests.graphql.project_schema import schema as project

CORE = schema.schema._schema
EVERY = """id type title message link data read readAt createdAt expiresAt sender { id username name }"""
BOTH = f"nodes {{ {EVERY} }} edges {{ cursor node {{ {EVERY} }} }} unreadCount position"
MANY = (
    "{" + "".join(f"a{n}: notifications(first: 100) {{ nodes {{ id }} }}" for n in range(30)) + "}"
)


def cost(text: str, variables: dict[str, Any] | None = None, core: Any = CORE) -> int:
    """Return what an operation costs, as the error says under the lowest limit."""
    with changed_settings(MAX_QUERY_COST="100"):
        error = cost_error(core, parse(text), None, variables)
    assert error is not None, "less than 101"
    assert error.extensions is not None
    return int(error.extensions["cost"])


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        # A root field and 10 for it, 20 for each entry, `nodes`, and `id` for each entry.
        ("{ notifications(first: 10) { nodes { id } } }", None, 11 + 200 + 1 + 10),
        ("{ notifications(last: 10) { nodes { id } } }", None, 222),
        # 500 for a search.
        ('{ notifications(first: 10, filter: {text: "a"}) { nodes { id } } }', None, 722),
        ("{ notifications(first: 10, filter: {text: null}) { nodes { id } } }", None, 222),
        ("{ notifications(first: 10, filter: {read: true}) { nodes { id } } }", None, 222),
        (
            "query($f: NotificationFilter) { notifications(first: 10, filter: $f) { nodes { id } } }",
            {"f": {"text": "a"}},
            722,
        ),
        ("{ notifications { nodes { id } } }", None, 11 + 400 + 1 + 20),
        ("query($n: Int) { notifications(first: $n) { nodes { id } } }", {"n": 10}, 222),
        ("query($n: Int = 10) { notifications(first: $n) { nodes { id } } }", {}, 222),
        ("query($n: Int) { notifications(first: $n) { nodes { id } } }", {"n": None}, 432),
        ("query($n: Int) { notifications(first: $n) { nodes { id } } }", {"n": "x"}, 432),
        (
            "{ a: notifications(first: 10) { nodes { id } } ...F }"
            "fragment F on Query { notifications(first: 10) { ...G } }"
            "fragment G on NotificationConnection { nodes { ... on Notification { id } } }",
            None,
            444,
        ),
        (
            "{ notifications(first: 10) { nodes { id title @skip(if: true) ... @include(if: false) { data } } } }",
            None,
            222,
        ),
        (
            "query($x: Boolean!) { notifications(first: 10) { nodes { id title @skip(if: $x) } } }",
            {"x": True},
            222,
        ),
        (
            "query($x: Boolean!) { notifications(first: 10) { nodes { id title @skip(if: $x) } } }",
            {"x": False},
            232,
        ),
        # Another list is taken for ten long; each level multiplies.
        (
            "{ "
            + "".join(f"a{n}: notificationPreferences {{ type enabled }}" for n in range(5))
            + " }",
            None,
            5 * (11 + 20),
        ),
        (
            "{ notifications(first: 100) { nodes { sender { id name } } } }",
            None,
            11 + 2000 + 1 + 300,
        ),
    ],
)
def test_costs(text: str, variables: dict[str, Any] | None, expected: int) -> None:
    assert cost(text, variables) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "mutation($id: ID!) { markRead(id: $id) { notification { id read } unreadCount } }",
            11 + 1 + 2 + 1,
        ),
        ("{ notifications(first: 10) { nodes { id } } }", 222),
        ('{ notifications(first: 10, filter: {text: "a"}) { nodes { id } } }', 722),
        ("{ notifications(first: 10) { nodes { id title @skip(if: true) } } }", 222),
        ("query($n: Int) { notifications(first: $n) { nodes { id } } }", None),
        (
            "query($f: NotificationFilter) { notifications(first: 10, filter: $f) { nodes { id } } }",
            None,
        ),
        (
            "query($x: Boolean!) { notifications(first: 10) { nodes { id title @skip(if: $x) } } }",
            None,
        ),
        (
            "query($x: Boolean!) { ...F } fragment F on Query { viewer @include(if: $x) { id } }",
            None,
        ),
    ],
)
def test_costs_that_depend_on_no_variable_are_known_once(text: str, expected: int | None) -> None:
    document = parse(text)
    operation = get_operation_ast(document)
    assert operation is not None
    found = fixed_cost(CORE, document, operation)
    assert found == (None if expected is None else Cost(expected))


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 10**30, -(10**30), 1e300, 10.5, "10", [10]])
async def test_a_number_that_is_no_int_is_wrong_and_not_costly(
    ask: Ask, alice: User, value: Any
) -> None:
    query = "query($n: Int) { notifications(%s: $n) { nodes { id } } }"
    for argument in ("first", "last"):
        error = await ask.error(query % argument, alice, {"n": value})
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": "n"}


@pytest.mark.parametrize("name", ["schema", "schema_with_extension"])
@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 10**30, -(10**30), "9" * 9000])
async def test_a_literal_that_is_no_int_is_wrong_and_not_costly(
    ask: Ask, alice: User, configure: Callable[..., None], name: str, value: object
) -> None:
    configure(GRAPHQL_SCHEMA=f"tests.graphql.project_schema.{name}")
    for argument in ("first", "last"):
        query = f"{{ notifications({argument}: {value}) {{ nodes {{ id }} }} }}"
        error = await ask.error(query, alice)
        assert error["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}


def test_a_default_of_a_project_counts() -> None:
    for text in ("{ drafts { id } }", "query($n: Int!) { drafts(first: $n) { id } }"):
        assert cost(text, core=project._schema) == 11 + 300 * 20 + 300
    assert cost("{ drafts(first: 10) { id } }", core=project._schema) == 11 + 10 * 20 + 10


def test_a_float_that_is_an_int_counts_as_one() -> None:
    text = "query($n: Int) { notifications(first: $n) { nodes { id } } }"
    assert cost(text, {"n": 100.0}) == cost(text, {"n": 100})


def test_connections_of_a_project_count_alike() -> None:
    text = "{ articles(first: 10) { edges { node { id } } } }"
    assert cost(text, core=project._schema) == 11 + 200 + 1 + 20


def test_fragments_that_double_cost_no_time() -> None:
    doubling = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(150))
    text = "{ ...F0 }" + doubling + "fragment F150 on Query { viewer { id } }"
    assert cost(text) == 2**31 - 1


def test_a_fragment_in_a_circle_ends() -> None:
    assert (
        cost_error(CORE, parse("{ ...F } fragment F on Query { ...F viewer { id } }"), None, None)
        is None
    )


def test_the_fullest_page_is_within_the_limit() -> None:
    document = parse(f"{{ notifications(first: 100) {{ {BOTH} }} }}")
    assert cost_error(CORE, document, None, None) is None


@pytest.mark.parametrize("times", [1, 2])
def test_the_query_of_tools_is_within_the_limit(times: int) -> None:
    query = get_introspection_query(input_value_deprecation=True)
    extra = "".join(f" a{n}: __schema {{ ...All }}" for n in range(2 * times - 1))
    fragment = "fragment All on __Schema { types { ...FullType } }"
    document = parse(query.replace("__schema {", extra + " __schema {", 1) + fragment)
    error = cost_error(CORE, document, None, None)
    assert (error is None) is (times == 1)


async def test_it_is_refused_over_http(ask: Ask, alice: User) -> None:
    body = await ask(MANY, alice)
    assert body == {
        "errors": [
            {
                "message": "The operation costs 63360, and the limit is 10000: ask for shorter lists or fewer fields.",
                "extensions": {"code": "MAX_COST_EXCEEDED", "cost": 63360, "limit": 10000},
            }
        ]
    }


@pytest.mark.parametrize("name", ["schema", "schema_with_extension"])
async def test_it_is_refused_in_the_schema_of_a_project(
    ask: Ask, alice: User, configure: Callable[..., None], name: str
) -> None:
    configure(GRAPHQL_SCHEMA=f"tests.graphql.project_schema.{name}")
    for _ in range(2):
        (error,) = (await ask(MANY, alice))["errors"]
        assert error["extensions"] == {"code": "MAX_COST_EXCEEDED", "cost": 63360, "limit": 10000}


@pytest.mark.parametrize("fast_path", [True], ids=["fast_path"])
async def test_it_is_refused_on_a_socket(client: Client) -> None:
    await client.start("1", MANY)
    answer = await client.receive()
    assert (answer["id"], answer["type"]) == ("1", "error")
    error = answer["payload"][0] if isinstance(answer["payload"], list) else answer["payload"]
    assert error["extensions"]["cost"] == 63360
    assert await client.ask("{ __typename }") == {"data": {"__typename": "Query"}}


@pytest.fixture
async def long_list(alice: User, configure: Callable[..., None]) -> str:
    """A query whose result is longer than the limit."""
    configure(MAX_RESPONSE_BYTES="65536")
    for _ in range(20):
        await in_database_thread(
            services.send, recipient_id=alice.pk, title="t", message="x" * 4000
        )
    return "{ notifications { nodes { message } } }"


TOO_LARGE = {
    "message": "The result has more than 65536 bytes. Ask for shorter lists or fewer fields.",
    "extensions": {"code": "RESPONSE_TOO_LARGE", "limit": 65536},
}


async def test_a_result_has_a_limit_over_http(ask: Ask, alice: User, long_list: str) -> None:
    assert await ask(long_list, alice) == {"data": None, "errors": [TOO_LARGE]}


@pytest.mark.parametrize("fast_path", [True], ids=["fast_path"])
async def test_a_result_has_a_limit_on_a_socket(client: Client, long_list: str) -> None:
    await client.start("1", long_list)
    answer = await client.receive()
    assert (answer["id"], answer["type"]) == ("1", "error")
    assert answer["payload"] in ([TOO_LARGE], TOO_LARGE)
    assert await client.ask("{ __typename }") == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("fast_path", [True], ids=["fast_path"])
async def test_it_is_refused_on_a_socket_in_the_schema_of_a_project(
    configure: Callable[..., None], graphql_server: GraphQLServer, alice: User
) -> None:
    configure(GRAPHQL_SCHEMA="tests.graphql.project_schema.schema_with_extension")
    client = await graphql_server.open()
    await client.init({"Authorization": bearer(alice)})
    subscription = "subscription { notificationEvents { position " + "a: position " * 51 + "} }"
    for query, code in ((MANY, "MAX_COST_EXCEEDED"), (subscription, "GRAPHQL_VALIDATION_FAILED")):
        await client.start("1", query)
        answer = await client.receive()
        assert (answer["id"], answer["type"]) == ("1", "error")
        assert answer["payload"][0]["extensions"]["code"] == code
