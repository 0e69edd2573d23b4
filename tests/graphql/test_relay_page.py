"""docs/clients/relay.md: its documents fit the schema, as Relay's compiler checks, and its refetch query works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from graphql import FragmentDefinitionNode, build_schema, parse, print_ast, validate
from graphql.validation import NoUndefinedVariablesRule, specified_rules

from live_inbox import services
from live_inbox_graphql.schema import sdl
from tests.graphql.http_client import Ask

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "clients" / "relay.md").read_text()
DOCUMENT = parse("\n".join(re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)))
RELAYS_OWN = """
  directive @argumentDefinitions(first: Argument, after: Argument) on FRAGMENT_DEFINITION
  directive @refetchable(queryName: String!) on FRAGMENT_DEFINITION
  directive @connection(key: String!) on FIELD
  directive @deleteRecord on FIELD
  input Argument { type: String!, defaultValue: Int }
"""


def test_the_documents_fit_the_schema() -> None:
    # The variables of a fragment are its own arguments.
    rules = [rule for rule in specified_rules if rule is not NoUndefinedVariablesRule]
    assert validate(build_schema(sdl() + RELAYS_OWN), DOCUMENT, rules) == []


@pytest.fixture
def sent(alice: User) -> str:
    """The id of a notification."""
    notification = services.send(recipient_id=alice.pk, title="Hello").notification
    assert notification is not None
    return str(notification.pk)


@pytest.mark.usefixtures("way")
async def test_what_can_be_refetched_is_found_by_its_id(ask: Ask, alice: User, sent: str) -> None:
    """With the query that the compiler makes of the fragment."""
    (row,) = (
        node
        for node in DOCUMENT.definitions
        if isinstance(node, FragmentDefinitionNode) and node.name.value == "Row_notification"
    )
    fragment = re.sub(r"@\w+\(.*?\)", "", print_ast(row))
    query = "query RowQuery($id: ID!) { node(id: $id) { __typename ...Row_notification id } }"
    found = await ask.data(f"{query} {fragment}", alice, {"id": sent})
    assert found["__typename"] == "Notification"
    assert (found["id"], found["title"], found["read"]) == (sent, "Hello", False)
