"""Fixtures of all tests: the stack, its database, and servers of their own for tests that break them."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connections
from django.test import TransactionTestCase
from hypothesis import settings as hypothesis_settings
from hypothesis.database import DirectoryBasedExampleDatabase
from pytest_django.plugin import DjangoDbBlocker

from live_inbox import thread_connections
from tests.stacks import cleaning
from tests.stacks.plugin import STACK
from tests.stacks.postgres_server import PostgresServer
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.redis_server import RedisServer
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import ServerProcess

REPOSITORY = Path(__file__).resolve().parent.parent

# No test is decided by timing. On a build server all runs of one commit try the same examples.
hypothesis_settings.register_profile(
    "project",
    deadline=None,
    derandomize="CI" in os.environ,
    database=None
    if "CI" in os.environ
    else DirectoryBasedExampleDatabase(REPOSITORY / "var" / "hypothesis"),
    print_blob=True,
)
hypothesis_settings.load_profile("project")


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Stack:
    """What the tests run on: `stack.name` is "embedded" or "production"."""
    return pytestconfig.stash[STACK]


@pytest.fixture(scope="session", autouse=True)
def _exchange_of_rates() -> Iterator[None]:
    """End the exchange of rates with the tests: their Redis ends, too."""
    yield
    rates = sys.modules.get("live_inbox.services.rates")
    if rates is not None:
        rates._exchange.stop()


@pytest.fixture(autouse=True)
def _full_allowances() -> None:
    """Let no test find what another has used up: all anonymous requests have one address.

    The counts of earlier tests stay in Redis for a minute, where a new limiter learns them. So each test is a site of
    its own. Servers of their own are not: they read the id of the database.
    """
    rates = sys.modules.get("live_inbox.services.rates")
    if rates is not None:
        rates._exchange._site_id = uuid4().hex
        rates.limiter.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def _application() -> None:
    """Load what servers in threads of this process load when they start.

    pytest compiles it when it is imported. Python 3.11 fails when two threads do so at the same time (SystemError: AST
    constructor recursion depth mismatch).
    """
    importlib.import_module("live_inbox.application")


@pytest.fixture(scope="session")
def process_registry(stack: Stack) -> ProcessRegistry:
    """Makes directories and ends processes that must not outlive the tests."""
    return stack.process_registry


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Do not drop the test database: it goes with its server, or with its directory."""
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    stack: Stack, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """Keep SQLite's test database in a file: other threads and other processes use it as well."""
    if stack.cluster is None:
        connections.databases["default"]["TEST"]["NAME"] = str(stack.sqlite_file("test_inbox"))


@pytest.fixture(scope="session")
def django_db_setup(
    stack: Stack, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Migrate the test database, keep a copy for `stack.fresh_database`, and clean up fast after tests.

    Access stays allowed between tests as well: the product's threads outlive a test, and look after their connections.
    So a test that writes needs the mark `django_db`, or its rows stay.
    """
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        connection = connections["default"]
        connection.close()
        if connection.vendor == "postgresql":
            connection.close_pool()  # type: ignore[attr-defined]
        stack.adopt_test_database(str(connection.settings_dict["NAME"]))
        patch.setattr(TransactionTestCase, "_fixture_teardown", cleaning.empty_databases)
        yield


@pytest.fixture(scope="session", autouse=True)
def _connections_are_kept() -> Iterator[None]:
    """Let our threads keep their connections between calls, as in a server.

    In tests of other projects they keep none, so that the test database can be dropped; ours stays. A connection to
    PostgreSQL costs more than all else that most tests do.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thread_connections, "is_testing", lambda: False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _passwords_are_hashed_at_once() -> Iterator[None]:
    """Hash passwords as in production, but once in place of a million times. Servers of their own do it all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1)
        yield


@pytest.fixture
def private_postgres(process_registry: ProcessRegistry) -> Iterator[PostgresServer]:
    """A PostgreSQL of the test's own, with the settings of production, to kill, freeze and restart."""
    server = PostgresServer(process_registry, durable=True)
    yield server.start()
    server.kill()


@pytest.fixture
def private_redis(process_registry: ProcessRegistry) -> Iterator[RedisServer]:
    """A Redis of the test's own, to kill, freeze and restart."""
    server = RedisServer(process_registry)
    yield server.start()
    server.kill()


@pytest.fixture
def start_server(
    process_registry: ProcessRegistry, stack: Stack, transactional_db: None
) -> Generator[Callable[..., ServerProcess]]:
    """Start real servers of the product, which share the test's database and Redis unless `environment` differs.

    `start_server(RECONCILE_SECONDS="0.1", REDIS_URL=None)`: settings are given as environment variables; None takes one
    away. `warm=False` starts Python anew. All are stopped at the end of the test.
    """
    servers: list[ServerProcess] = []

    def start(*, warm: bool = True, **environment: str | None) -> ServerProcess:
        own = {**stack.environment(), "DATABASE_URL": stack.test_database_url()}
        server = ServerProcess(process_registry, {**own, **environment}, warm=warm).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.kill()
