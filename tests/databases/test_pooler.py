"""A pooler: PgBouncer, which gives each transaction another session in transaction mode."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connections
from pytest_django import Settings

import live_inbox
from live_inbox import database
from live_inbox.database_log import DatabaseLog
from live_inbox.delivery.log import LogRange
from live_inbox.maintenance.repair import check_inboxes
from tests.databases.conftest import AddDatabase, Router
from tests.databases.everything import call_everything
from tests.domain.concurrency import at_once
from tests.domain.doorbells import RememberingDoorbell
from tests.stacks.installed_programs import find_program, how_to_get
from tests.stacks.pgbouncer_server import PgBouncerServer
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack

pytestmark = pytest.mark.stack("production")

CLIENTS = 12
NEEDS_A_SESSION = re.compile(
    r"^(SET (?!LOCAL|TRANSACTION|CONSTRAINTS)|LISTEN|PREPARE|DECLARE|DISCARD)"
    r"|pg_(try_)?advisory_lock|set_config|CREATE TEMP|WITH HOLD",
    re.IGNORECASE,
)


@pytest.fixture(
    params=[("transaction", 2), ("session", 2 * CLIENTS)], ids=["transaction", "session"]
)
def pooled(
    request: pytest.FixtureRequest,
    process_registry: ProcessRegistry,
    stack: Stack,
    add_database: AddDatabase,
    settings: Settings,
    bell: RememberingDoorbell,
) -> Iterator[str]:
    """The alias of the inbox, behind a real PgBouncer: with two sessions or, in session mode, one for each thread."""
    if find_program("pgbouncer") is None:
        pytest.skip(how_to_get("pgbouncer", "pgbouncer"))
    mode, pool = request.param
    assert stack.cluster is not None
    name = urlsplit(stack.fresh_database()).path[1:]
    with PgBouncerServer(
        process_registry, stack.cluster.directory, mode=mode, pool=pool
    ) as pgbouncer:
        alias = add_database(url=pgbouncer.url(name))
        settings.DATABASE_ROUTERS = [Router(write=alias, read=alias)]
        yield alias
        connections[alias].close()


@pytest.fixture
def statements(
    add_database: AddDatabase, settings: Settings, bell: RememberingDoorbell
) -> Iterator[list[str]]:
    """Every statement that is executed in the test, on a database without a pooler."""
    alias = add_database()
    settings.DATABASE_ROUTERS = [Router(write=alias, read=alias)]
    found: list[str] = []

    def collect(execute: Any, sql: str, *others: Any) -> Any:
        found.append(sql)
        return execute(sql, *others)

    with connections[alias].execute_wrapper(collect):
        yield found


def test_everything_works_through_pgbouncer(pooled: str) -> None:
    users = [User.objects.db_manager(pooled).create_user(f"user{n}") for n in range(3)]
    results = at_once(*[partial(call_everything, users)] * CLIENTS)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert list(check_inboxes()) == []


def test_our_threads_read_through_pgbouncer(pooled: str) -> None:
    user = User.objects.db_manager(pooled).create_user("alice")
    live_inbox.send_many(recipients=[user], title="x")
    key = str(user.pk)

    async def scenario() -> list[Any]:
        log = DatabaseLog()
        reads: list[Any] = []
        for _ in range(10):
            reads += [log.heads([key]), log.read([LogRange(key, 0)], limit=5)]
        return list(await asyncio.gather(*reads))

    heads, events = asyncio.run(scenario())[:2]
    assert heads[key].position.sequence == events[0][0].sequence == 1


def test_no_statement_depends_on_the_session(statements: list[str]) -> None:
    alias = database.alias()
    users = [User.objects.db_manager(alias).create_user(f"user{n}") for n in range(2)]
    call_everything(users)
    assert len(statements) > 40
    assert [sql for sql in statements if NEEDS_A_SESSION.search(sql)] == []
