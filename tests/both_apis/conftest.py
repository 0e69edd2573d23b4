"""A server, its users and their devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from live_inbox.identity.issuing import issue_token
from tests.both_apis.devices import Device, GraphQLDevice, JsonDevice
from tests.both_apis.server_thread import ServerThread, serving

DEVICES: dict[str, Any] = {"graphql": GraphQLDevice, "json": JsonDevice}


@pytest.fixture(scope="session", params=[True, False], ids=["fast_path", "no_fast_path"])
def server(request: pytest.FixtureRequest, django_db_setup: None) -> Iterator[ServerThread]:
    """The product on the test database, with the setting FAST_PATH each way."""
    with serving(has_fast_path=request.param) as running:
        yield running


def _user(name: str) -> int:
    return get_user_model().objects.create_user(username=name).pk


@pytest.fixture
def alice(transactional_db: None) -> int:
    """The primary key of a user."""
    return _user("alice")


@pytest.fixture
def bob(transactional_db: None) -> int:
    """The primary key of another user."""
    return _user("bob")


@pytest.fixture(params=[("graphql", "graphql"), ("json", "json"), ("graphql", "json")])
def apis(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The APIs of the two devices of a test."""
    pair: tuple[str, str] = request.param
    return pair


@pytest.fixture
def open_device(server: ServerThread, transactional_db: None) -> Iterator[Callable[..., Any]]:
    """Open a device of a user with an API; closed after the test."""
    with ExitStack() as opened:

        def open_(api: str, username: str, **options: Any) -> Any:
            user = get_user_model().objects.get(username=username)
            token = issue_token(user, ttl_seconds=600)
            return opened.enter_context(DEVICES[api](server.ws, token, **options))

        yield open_


@pytest.fixture
def open_first(open_device: Callable[..., Any], apis: tuple[str, str]) -> Callable[[str], Device]:
    """Open a device at the first API."""
    return lambda username: open_device(apis[0], username)


@pytest.fixture
def open_second(open_device: Callable[..., Any], apis: tuple[str, str]) -> Callable[[str], Device]:
    """Open a device at the second API."""
    return lambda username: open_device(apis[1], username)


@pytest.fixture
def phone(open_first: Callable[[str], Device], alice: int) -> Device:
    """A device of alice."""
    return open_first("alice")


@pytest.fixture
def laptop(open_second: Callable[[str], Device], alice: int) -> Device:
    """Another device of alice, at the same or at the other API."""
    return open_second("alice")
