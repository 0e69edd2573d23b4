"""`node(id:)`, by which the stores of clients such as Relay's read one object anew."""

from __future__ import annotations

import asyncio

import pytest
import strawberry
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from strawberry import relay
from strawberry.schema.config import StrawberryConfig

import live_inbox_graphql
from live_inbox import services
from live_inbox.models import Notification
from tests.graphql import project_schema
from tests.graphql.http_client import Ask
from tests.graphql.test_queries import NOBODY, statements_of

pytestmark = pytest.mark.usefixtures("way")

NODE = "query ($id: ID!) { node(id: $id) { __typename id ... on Notification { title } } }"


def send(recipient: User, title: str) -> Notification:
    sent = services.send(recipient_id=recipient.pk, title=title)
    assert sent.notification is not None
    return sent.notification


@pytest.fixture
def sent(alice: User) -> Notification:
    return send(alice, "Hello")


async def test_the_id_that_lists_have_finds_the_notification(
    ask: Ask, alice: User, sent: Notification
) -> None:
    (listed,) = (await ask.data("{ notifications { nodes { id } } }", alice))["nodes"]
    assert await ask.data(NODE, alice, listed) == {
        "__typename": "Notification",
        "id": str(sent.pk),
        "title": "Hello",
    }


async def test_another_users_notification_is_as_one_that_is_not_there(
    ask: Ask, bob: User, sent: Notification
) -> None:
    assert await ask.data(NODE, bob, {"id": str(sent.pk)}) is None
    await sync_to_async(services.delete)(user_id=sent.recipient_id, notification_id=sent.pk)
    assert await ask.data(NODE, bob, {"id": str(sent.pk)}) is None


@pytest.mark.parametrize("text", ["", "0", "07", "Tm90aWZpY2F0aW9uOjE=", "user:1", "9" * 30])
async def test_what_is_no_id_of_a_notification_finds_nothing(
    ask: Ask, alice: User, sent: Notification, text: str
) -> None:
    assert await ask.data(NODE, alice, {"id": text}) is None


async def test_an_anonymous_caller_gets_an_error(ask: Ask, sent: Notification) -> None:
    assert await ask.error(NODE, None, {"id": str(sent.pk)}) == NOBODY | {"path": ["node"]}


def test_it_costs_one_statement(alice: User, sent: Notification) -> None:
    query = f'{{ node(id: "{sent.pk}") {{ id ... on Notification {{ title sender {{ id }} }} }} }}'
    counted = asyncio.run(statements_of(query, alice))
    assert len(counted) == 1, counted


class TestOfAProject:
    """In a schema that has objects of its own with Strawberry's ids."""

    def test_there_is_one_interface(self) -> None:
        schema = project_schema.schema.as_str()
        assert schema.count("interface Node {") == 1
        assert "type Article implements Node {" in schema
        assert "type Notification implements Node {" in schema

    def test_with_a_prefix_the_type_has_the_name_of_the_schema(
        self, alice: User, sent: Notification
    ) -> None:
        config = StrawberryConfig(name_converter=live_inbox_graphql.name_converter(prefix="Inbox"))
        schema = project_schema.project_schema(config=config)
        query = f'{{ node(id: "{sent.pk}") {{ __typename id }} }}'
        found = schema.execute_sync(query, context_value={"user": alice})
        assert found.errors is None
        assert found.data == {"node": {"__typename": "InboxNotification", "id": str(sent.pk)}}

    def test_a_field_of_the_project_may_find_its_own_objects(self) -> None:
        @strawberry.type
        class Query(live_inbox_graphql.Query):
            node: relay.Node = relay.node()

        schema = strawberry.Schema(query=Query, types=[project_schema.Article])
        assert "node(\n" in schema.as_str()
