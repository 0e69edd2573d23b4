"""Users, questions over HTTP, and a real server with sockets whose clock and hub belong to the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.changed_settings import changed_settings
from tests.graphql.asking import Ask, bearer
from tests.graphql.stage import LEGACY, OUR_CLASS, TRANSPORT, Client, Stage, staged


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
    return User.objects.create_user("staff", is_staff=True)


@pytest.fixture
def ask(transactional_db: None) -> Ask:
    """Ask over HTTP, with a token of that user or as nobody, and return the body."""
    return Ask()


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
async def stage(transactional_db: None, socket_class: str, fast_path: bool) -> AsyncIterator[Stage]:
    """A server with sockets."""
    with changed_settings(FAST_PATH=fast_path):
        async with staged(socket_class) as stage:
            yield stage


@pytest.fixture
def configure() -> Iterator[Callable[..., None]]:
    """Change settings for one test: `configure(MAX_PAGE_SIZE=5)`."""
    with ExitStack() as changed:

        def configure(**settings: Any) -> None:
            changed.enter_context(changed_settings(**settings))

        yield configure


@pytest.fixture(params=[TRANSPORT, LEGACY])
def subprotocol(request: pytest.FixtureRequest) -> str:
    """Each of the two subprotocols."""
    name: str = request.param
    return name


@pytest.fixture
async def client(stage: Stage, alice: User, subprotocol: str) -> Client:
    """A socket of alice's, welcomed, of each subprotocol."""
    client = await stage.open(subprotocol)
    await client.init({"Authorization": bearer(alice)})
    return client
