"""Users, questions over HTTP, and a real server with sockets whose clock and hub belong to the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from tests.changed_settings import changed_settings
from tests.graphql.graphql_server import (
    GRAPHQL_TRANSPORT_WS,
    GRAPHQL_WS,
    OUR_CLASS,
    Client,
    GraphQLServer,
    running_graphql_server,
)
from tests.graphql.http_client import Ask, bearer, door


@pytest.fixture
def alice(transactional_db: None) -> User:
    """Somebody with an inbox."""
    return User.objects.create_user("alice", first_name="Alice", last_name="Adams")


@pytest.fixture
def bob(transactional_db: None) -> User:
    """Somebody else."""
    return User.objects.create_user("bob")


@pytest.fixture
def staff(transactional_db: None) -> User:
    """Somebody who may send to everybody."""
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="send_notification"))
    return user


@pytest.fixture
def ask(transactional_db: None) -> Ask:
    """Ask over HTTP, with a token of that user or as nobody, and return the body."""
    return Ask()


@pytest.fixture(params=["django", "bypass"])
def through(request: pytest.FixtureRequest) -> Iterator[str]:
    """Send requests through all of Django, and past its middleware."""
    with door(request.param):
        yield request.param


@pytest.fixture(params=["executed", "compiled"])
def way(request: pytest.FixtureRequest, ask: Ask) -> Iterator[str]:
    """Have queries executed by graphql-core, and compiled where that is possible."""
    with changed_settings(FAST_PATH=request.param == "compiled"):
        yield request.param


@pytest.fixture(params=[True, False], ids=["fast_path", "no_fast_path"])
def fast_path(request: pytest.FixtureRequest) -> bool:
    """The setting FAST_PATH, each way."""
    value: bool = request.param
    return value


@pytest.fixture
def socket_class() -> str:
    """The server's protocol class for sockets, as `--ws` names it."""
    return OUR_CLASS


@pytest.fixture
async def graphql_server(
    transactional_db: None, socket_class: str, fast_path: bool
) -> AsyncIterator[GraphQLServer]:
    """A server with sockets."""
    with changed_settings(FAST_PATH=fast_path):
        async with running_graphql_server(socket_class) as graphql_server:
            yield graphql_server


@pytest.fixture
def configure() -> Iterator[Callable[..., None]]:
    """Change settings for one test: `configure(MAX_PAGE_SIZE=5)`."""
    with ExitStack() as changed:

        def configure(**settings: Any) -> None:
            changed.enter_context(changed_settings(**settings))

        yield configure


@pytest.fixture(params=[GRAPHQL_TRANSPORT_WS, GRAPHQL_WS])
def subprotocol(request: pytest.FixtureRequest) -> str:
    """Each of the two subprotocols."""
    name: str = request.param
    return name


@pytest.fixture
async def client(graphql_server: GraphQLServer, alice: User, subprotocol: str) -> Client:
    """A socket of alice, acknowledged, of each subprotocol."""
    client = await graphql_server.open(subprotocol)
    await client.init({"Authorization": bearer(alice)})
    return client
