"""Introspection and suggestions are off, unless the setting or GraphiQL turns them on; the commands go on working."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import AsyncClient
from graphql import get_introspection_query

from live_inbox.conf import InboxSettings
from tests.graphql.graphql_server import Client
from tests.graphql.http_client import Ask

OFF = {
    "errors": [
        {
            "message": "Introspection is off on this server.",
            "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"},
        }
    ]
}
SUGGESTING: list[tuple[str, Any]] = [
    ("{ viewr { id } }", None),
    ("{ viewer { usernam } }", None),
    ("{ notifications(frst: 1) { position } }", None),
    ("{ ... on Qery { viewer { id } } }", None),
    ("query($f: NotificationFiltr) { notifications(filter: $f) { position } }", None),
    ("{ notifications(filter: {rea: true}) { position } }", None),
    (
        "query($f: NotificationFilter) { notifications(filter: $f) { position } }",
        {"f": {"rea": True}},
    ),
]
ASKING = [
    get_introspection_query(),
    '{ __type(name: "Query") { name } }',
    "{ ...F } fragment F on Query { ... { s: __schema { types { name } } } }",
    "query A { __typename } query B { __schema { types { name } } }",
]
SCHEMAS = [f"tests.graphql.project_schema.{name}" for name in ("schema", "schema_with_extension")]


@pytest.mark.parametrize("path", ["", *SCHEMAS])
@pytest.mark.parametrize("query", ASKING)
async def test_introspection_is_refused(
    ask: Ask, configure: Callable[..., None], query: str, path: str
) -> None:
    configure(GRAPHQL_SCHEMA=path, INTROSPECTION=True)
    named = query.replace("query A { __typename } ", "")
    for _ in range(2):
        assert "errors" not in await ask(named, None)
    configure(GRAPHQL_SCHEMA=path, INTROSPECTION=False)
    for _ in range(2):
        assert await ask(named, None) == OFF
    assert await ask("{ __typename }", None) == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("fast_path", [True], ids=["fast_path"])
async def test_introspection_is_refused_on_a_socket(client: Client) -> None:
    await client.start("1", "subscription { __schema { types { name } } }")
    answer = await client.receive()
    assert (answer["id"], answer["type"]) == ("1", "error")
    assert "Introspection is off" in str(answer["payload"])


@pytest.mark.parametrize("path", ["", *SCHEMAS])
@pytest.mark.parametrize(("query", "variables"), SUGGESTING)
async def test_names_are_not_suggested(
    ask: Ask, configure: Callable[..., None], query: str, variables: Any, path: str
) -> None:
    configure(GRAPHQL_SCHEMA=path, INTROSPECTION=True)
    assert "Did you mean" in str(await ask(query, None, variables))
    configure(GRAPHQL_SCHEMA=path, INTROSPECTION=False)
    body = await ask(query, None, variables)
    assert body["errors"]
    assert "Did you mean" not in str(body)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, False),
        ({"graphiql": True}, True),
        ({"graphiql": True, "introspection": False}, False),
        ({"introspection": True}, True),
    ],
)
def test_it_follows_graphiql(given: dict[str, bool], expected: bool) -> None:
    assert InboxSettings(**given).introspects is expected


async def test_graphiql_can_read_the_schema(ask: Ask, configure: Callable[..., None]) -> None:
    configure(GRAPHIQL=True)
    page = await AsyncClient().get("/graphql/", headers={"Accept": "text/html"})
    assert page["Content-Type"].startswith("text/html")
    assert (await ask(get_introspection_query(), None))["data"]["__schema"]["types"]


def test_the_commands_need_no_introspection() -> None:
    call_command("print_schema", check=True, stdout=StringIO())
    call_command("print_client_types", check=True, stdout=StringIO())
