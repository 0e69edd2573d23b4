"""A server that takes no writes, as a failover may leave it for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connections
from django.test import Client
from pytest_django import Settings

import live_inbox
from live_inbox import selectors
from live_inbox.database_threads import in_database_thread
from live_inbox.identity.issuing import issue_token
from tests.databases.conftest import AddDatabase, Router
from tests.domain.doorbells import RememberingDoorbell

pytestmark = pytest.mark.stack("production")


@pytest.fixture
def alias(add_database: AddDatabase, settings: Settings, bell: RememberingDoorbell) -> str:
    """The alias of the inbox."""
    alias = add_database()
    settings.DATABASE_ROUTERS = [Router(write=alias, read=alias)]
    return alias


@pytest.fixture
def alice(alias: str) -> User:
    """The owner of an inbox."""
    return User.objects.db_manager(alias).create_user("alice")


@pytest.fixture
def _read_only(alias: str, alice: User) -> Iterator[None]:
    """From now on, new connections cannot write."""
    name = connections[alias].settings_dict["NAME"]
    with connections[alias].cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    # Django's test client is served in this thread.
    connections[alias].close()
    yield
    connections[alias].close()


@pytest.mark.usefixtures("_read_only")
def test_changes_are_unavailable_and_reads_work(alice: User) -> None:
    headers = {"Authorization": f"Bearer {issue_token(alice, ttl_seconds=600)}"}
    client = Client(headers=headers)

    def ask(query: str) -> Any:
        return client.post("/graphql/", {"query": query}, "application/json").json()

    (error,) = ask("mutation { markAllRead { unreadCount } }")["errors"]
    assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
    assert ask("{ viewer { username } }") == {"data": {"viewer": {"username": "alice"}}}


@pytest.mark.usefixtures("_read_only")
def test_the_server_is_not_ready(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["causes"]) == (503, ["writes"])
    assert answer.json()["database"] == "InternalError"
    assert answer.json()["checks"]["writes"]["reason"] == "database_unavailable"
    assert answer.json()["checks"]["database"]["status"] == "ok"


@pytest.mark.usefixtures("thread")
def test_the_connection_to_a_server_that_became_read_only_is_left(alias: str, alice: User) -> None:
    def become_read_only() -> None:
        with connections[alias].cursor() as cursor:
            cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")

    def send() -> None:
        live_inbox.send(recipient=alice, title="x")

    async def scenario() -> None:
        await in_database_thread(become_read_only)
        with pytest.raises(OperationalError, match="read-only"):
            await in_database_thread(send)
        await in_database_thread(send)

    asyncio.run(scenario())
    assert selectors.inbox_state(user_id=alice.pk).total_count == 1
