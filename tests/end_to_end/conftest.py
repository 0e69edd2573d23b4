"""A user, and devices of theirs that come back. `start_server` is in tests/conftest.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model

from live_inbox.identity.issuing import issue_token
from tests.both_apis.devices import GraphQLDevice, JsonDevice
from tests.end_to_end.doorbells import TwoServers
from tests.end_to_end.serve_command import ServeStarter
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import ServerProcess

StartTwo = Callable[..., TwoServers]


@pytest.fixture
def alice(transactional_db: None) -> int:
    """The primary key of a user."""
    return get_user_model().objects.create_user(username="alice").pk


@pytest.fixture
def token(alice: int) -> str:
    """A token of that user."""
    return issue_token(get_user_model().objects.get(pk=alice), ttl_seconds=3600)


@pytest.fixture
def start_serve(
    process_registry: ProcessRegistry, stack: Stack, tmp_path: Path, transactional_db: None
) -> Iterator[ServeStarter]:
    """Starts `manage.py serve` with options."""
    starter = ServeStarter(process_registry, stack, tmp_path)
    yield starter
    starter.close()


@pytest.fixture
def devices(token: str) -> Iterator[Devices]:
    """Opens devices of that user; closed after the test."""
    opened = Devices(token)
    yield opened
    opened.close()


@pytest.fixture
def start_two(start_server: Callable[..., ServerProcess], devices: Devices, alice: int) -> StartTwo:
    """Start two servers with these settings, which reconcile twice a second, and open a device at each."""

    def start(**settings: str) -> TwoServers:
        servers = [start_server(**{"RECONCILE_SECONDS": "0.5", **settings}) for _ in range(2)]
        return TwoServers(servers, [devices.graphql(server) for server in servers], alice)

    return start


class Devices:
    """The devices of one user, at any server."""

    def __init__(self, token: str) -> None:
        self.token = token
        self._opened = ExitStack()

    def graphql(self, server: ServerProcess, *, after: str | None = None) -> GraphQLDevice:
        """Open a GraphQL device, resuming after a position."""
        device = GraphQLDevice(server.ws, self.token, after=after)
        return self._opened.enter_context(device)

    def original(self, server: ServerProcess) -> JsonDevice:
        """Open a device of the original protocol."""
        return self._opened.enter_context(JsonDevice(server.ws, self.token))

    def close(self) -> None:
        """Close them all."""
        self._opened.close()
