"""What is refused before it is parsed, over HTTP and on sockets alike, and the siblings of what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from live_inbox_graphql.request_limits import VALUES_BESIDE_RECIPIENTS
from tests.graphql.graphql_server import Client
from tests.graphql.http_client import Ask, bearer, post
from tests.graphql.project_schema import project_schema

LONG = "{ __typename } #" + "x" * 16_384
MOST_VALUES = 10_000 + VALUES_BESIDE_RECIPIENTS

REFUSED: list[tuple[str, Any, str, str]] = [
    (LONG, None, "GRAPHQL_PARSE_FAILED", "The document has more than 16384 characters."),
    (
        '{ a(b: "' + "x" * 16_384 + '") }',
        None,
        "GRAPHQL_PARSE_FAILED",
        "The document has more than 16384 characters.",
    ),
    (
        "{ __typename }",
        {"a": [0] * MOST_VALUES},
        "BAD_USER_INPUT",
        f"The variables hold more than {MOST_VALUES} values.",
    ),
    (
        "{ __typename }",
        {"a": {"b": [{}, *[[0] * 10] * 1000]}},
        "BAD_USER_INPUT",
        f"The variables hold more than {MOST_VALUES} values.",
    ),
]


@pytest.mark.parametrize(("query", "variables", "code", "message"), REFUSED)
async def test_over_http(ask: Ask, query: str, variables: Any, code: str, message: str) -> None:
    body = await ask(query, None, variables)
    assert "data" not in body
    (error,) = body["errors"]
    assert (error["message"], error["extensions"]["code"]) == (message, code)


@pytest.mark.parametrize("fast_path", [True], ids=["fast_path"])
@pytest.mark.parametrize(("query", "variables", "code", "message"), REFUSED)
async def test_on_a_socket(
    client: Client, query: str, variables: Any, code: str, message: str
) -> None:
    await client.start("sibling", "subscription { notificationEvents { position } }")
    await client.start("1", query, variables)
    answer = await client.receive()
    assert (answer["id"], answer["type"]) == ("1", "error")
    payload = answer["payload"]
    error = payload[0] if isinstance(payload, list) else payload
    assert (error["message"], error["extensions"]["code"]) == (message, code)
    # The socket, and the other operation on it, go on.
    assert await client.ask("{ __typename }") == {"data": {"__typename": "Query"}}


async def test_what_is_within_the_limits_is_served(
    ask: Ask, configure: Callable[..., None]
) -> None:
    fitting = LONG[:16_384]
    assert await ask.data(fitting, None, {"a": [0] * (MOST_VALUES - 2)}) == "Query"
    configure(MAX_QUERY_CHARACTERS="20000", MAX_RECIPIENTS="20000")
    assert await ask.data(LONG, None, {"a": [0] * MOST_VALUES}) == "Query"


async def test_a_body_has_a_limit(alice: User, configure: Callable[..., None]) -> None:
    configure(MAX_REQUEST_BYTES="2048")
    body = {"query": "{ __typename }", "variables": {"a": ""}}
    body["variables"] = {"a": "x" * (2048 - len(json.dumps(body)))}
    assert (await post(body, Authorization=bearer(alice))).status_code == 200
    body["variables"] = {"a": "x" * 2048}
    answer = await post(body, Authorization=bearer(alice))
    assert answer.status_code == 413
    assert json.loads(answer.content)["errors"][0]["message"] == "The body is too large."


async def test_errors_of_validation_are_few(ask: Ask) -> None:
    body = await ask("{" + " ".join(f"unknown{n}" for n in range(500)) + "}", None)
    assert len(body["errors"]) == 11


def test_validation_has_the_rules_of_strawberry() -> None:
    from strawberry.schema import schema

    names = set(schema.validate_document.__code__.co_names)
    assert {name for name in names if name.endswith("Rule")} == {
        "MaybeNullValidationRule",
        "OneOfInputValidationRule",
    }


async def test_a_cache_of_strawberry_does_not_lift_limits(
    ask: Ask, configure: Callable[..., None]
) -> None:
    configure(GRAPHQL_SCHEMA="tests.graphql.test_request_limits.schema_with_caches")
    nested = "{" + "a{" * 13 + "b" + "}" * 14
    for _ in range(2):
        body = await ask(nested, None)
        assert body["errors"][0]["message"] == "The document is nested more than 12 levels deep."


def _with_caches() -> Any:
    from strawberry.extensions import ParserCache, ValidationCache

    return project_schema(extensions=[ParserCache, ValidationCache])


schema_with_caches = _with_caches()
