"""Selecting one value under many names, by whatever means, is refused at HTTP and on sockets."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from graphql import build_schema, parse

from live_inbox_graphql.repeated_fields import repeated_fields
from tests.graphql.graphql_server import Client
from tests.graphql.http_client import Ask
from tests.graphql.own_schema import schema

CORE = schema.schema._schema


def names(count: int, selection: str, prefix: str = "a") -> str:
    """Select something under so many names."""
    return " ".join(f"{prefix}{n}: {selection}" for n in range(count))


def errors(text: str, core: Any = CORE) -> list[str]:
    return [error.message for error in repeated_fields(core, parse(text))]


def too_many(field: str) -> list[str]:
    return [f"The document selects {field} under more than 4 names."]


def listed(selection: str) -> str:
    return f"{{ notifications {{ {selection} }} }}"


ADDED = "subscription {{ notificationEvents {{ ... on NotificationAdded {{ {} }} }} }}"


@pytest.mark.parametrize(
    "text",
    [
        listed(f"nodes {{ {names(4, 'data')} }}"),
        # The entries of both lists are two values.
        listed(f"nodes {{ {names(4, 'data')} }} edges {{ node {{ {names(4, 'data', 'b')} }} }}"),
        listed(f"{names(2, 'nodes { a: data b: data }')}"),
        # Fragments of components that select the same are merged.
        "{ notifications { nodes { ...A ...B } nodes { data ...A } } }"
        "fragment A on Notification { ...B data } fragment B on Notification { data title }",
        # With arguments, it is another value under each name, for which the cost counts.
        "{" + names(20, "notifications(first: 2) { nodes { data } }") + "}",
        "mutation {" + names(20, "markAllRead { count }") + "}",
        "subscription { notificationEvents {"
        + " ".join(
            f"... on Notification{kind} {{ {kind}: notification {{ a{kind}: data }} }}"
            for kind in ("Added", "Updated")
        )
        + "} }",
        "{ unknown { a b } notifications { unknown { a } } ...F }",
        "{ __schema { " + names(20, "queryType { name }") + "} }",
    ],
)
def test_what_honest_clients_select(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (listed(f"nodes {{ {names(5, 'data')} }}"), "Notification.data"),
        (listed(names(5, "nodes { data }")), "NotificationConnection.nodes"),
        # Names on several levels multiply.
        (listed(names(2, f"nodes {{ {names(3, 'data')} }}")), "Notification.data"),
        (
            listed(names(2, f"edges {{ {names(2, 'node { a: data b: data }')} }}")),
            "Notification.data",
        ),
        (ADDED.format(names(5, "notification { data }")), "NotificationAdded.notification"),
        (ADDED.format(names(2, f"notification {{ {names(3, 'data')} }}")), "Notification.data"),
        (
            ADDED.format(names(2, f"notification {{ sender {{ {names(3, 'name')} }} }}")),
            "InboxUser.name",
        ),
        # Fragments change nothing.
        (
            "{ notifications { nodes { a: data ...A ...B } } } fragment A on Notification { b: data ... { c: data } }"
            "fragment B on Notification { d: data ... on Notification { e: data } }",
            "Notification.data",
        ),
        (
            "{ notifications { a: nodes { ...A } b: nodes { ...A } } }"
            f"fragment A on Notification {{ {names(3, 'data')} }}",
            "Notification.data",
        ),
        # Of several operations, one is enough.
        (
            "query A { viewer { id } } query B { " + names(5, "viewer { id }") + "}",
            "Query.viewer",
        ),
    ],
)
def test_what_repeats_a_value(text: str, field: str) -> None:
    assert errors(text) == too_many(field)


def test_fragments_that_double_end() -> None:
    core = build_schema("type Query { a: Query b: Query c: Int }")
    doubling = "".join(
        f"fragment F{n} on Query {{ a {{ ...F{n + 1} }} b {{ ...F{n + 1} }} }}" for n in range(100)
    )
    text = "{ ...F0 }" + doubling + "fragment F100 on Query { c }"
    assert errors(text, core) == ["The document repeats too many fields in too many fragments."]
    circle = "{ ...F } fragment F on Query { a { ...F } ...F }"
    assert errors(circle, core) == ["The document repeats too many fields in too many fragments."]


MANY = ADDED.format(names(5, "notification { data }"))


async def test_it_is_refused_over_http(ask: Ask, alice: User) -> None:
    query = listed(names(2, f"nodes {{ {names(3, 'data')} }}"))
    (error,) = (await ask(query, alice))["errors"]
    assert [error["message"]] == too_many("Notification.data")
    assert error["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}


async def test_it_is_refused_on_a_socket(client: Client) -> None:
    await client.start("1", MANY)
    answer = await client.receive()
    assert (answer["id"], answer["type"]) == ("1", "error")
    assert too_many("NotificationAdded.notification")[0] in str(answer["payload"])
