"""Servers of every make, and a user with a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from live_inbox.identity.issuing import issue_token
from tests.servers.asgi_server import SERVERS, AsgiServer
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack

StartServer = Callable[..., AsgiServer]


@pytest.fixture
def alice(transactional_db: None) -> int:
    """The primary key of a user."""
    return get_user_model().objects.create_user(username="alice").pk


@pytest.fixture
def token(alice: int) -> str:
    """A token of that user."""
    return issue_token(get_user_model().objects.get(pk=alice), ttl_seconds=3600)


@pytest.fixture
def start(
    process_registry: ProcessRegistry, stack: Stack, transactional_db: None
) -> Iterator[StartServer]:
    """Start servers on the test's database: `start("daphne", FORCE_SCRIPT_NAME="/inbox")`."""
    servers: list[AsgiServer] = []

    def start_(name: str, *options: str, **environment: Any) -> AsgiServer:
        shared = {**stack.environment(), "DATABASE_URL": stack.test_database_url()}
        own = {"RECONCILE_SECONDS": "0.1", **environment}
        server = AsgiServer(process_registry, SERVERS[name], shared | own, options=options)
        servers.append(server.start())
        return server

    yield start_
    for server in servers:
        server.kill()
