"""A short run under mixed faults, in which no event may be lost, doubled, out of order or missing. See `make chaos`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.chaos.database import Database, PostgresDatabase, SqliteDatabase
from tests.chaos.run import Run
from tests.chaos.schedule import Planned
from tests.chaos.system import Size, SystemUnderTest
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.redis_server import RedisServer
from tests.stacks.stack import Stack

pytestmark = [pytest.mark.timeout(400), pytest.mark.django_db(transaction=True)]

EVERYWHERE = [
    Planned(0.5, "doorbells", 4.0, 1),
    Planned(1.0, "clients-drop", 4.0, 2),
    Planned(1.5, "quarrel", 2.0, 3),
    Planned(2.0, "server-kill", 0.2, 0),
    Planned(6.0, "clock-behind", 1.0, 4),
    Planned(6.5, "server-freeze", 1.5, 1),
    Planned(7.0, "clients-storm", 0.1, 5),
]
IN_PRODUCTION = [
    Planned(1.0, "redis-freeze", 3.0, 6),
    Planned(3.5, "database-cut", 0.1, 7),
    Planned(6.2, "redis-cut", 0.1, 8),
    Planned(7.5, "database-cut", 0.1, 9),
]


@pytest.fixture
def small_system(
    stack: Stack,
    process_registry: ProcessRegistry,
    django_db_setup: None,
    request: pytest.FixtureRequest,
) -> Iterator[SystemUnderTest]:
    """A few dozen clients and two servers, on a database and a Redis of their own."""
    url = stack.fresh_database()
    redis: RedisServer | None = None
    database: Database = SqliteDatabase(url)
    if stack.cluster is not None:
        redis = request.getfixturevalue("private_redis")
        database = PostgresDatabase(stack.cluster, url)
    size = Size(seed=7, clients=48, devices=5, servers=2, rate=20, reconcile_seconds=0.5)
    system = SystemUnderTest(
        process_registry, size, database, environment=stack.environment(), redis=redis
    )
    with closing(system):
        system.start()
        yield system


def test_every_event_reaches_every_device_once_and_in_order(small_system: SystemUnderTest) -> None:
    progress: list[str] = []
    run = Run(small_system, "short", progress.append)
    run.begin()
    run.mixed(EVERYWHERE + (IN_PRODUCTION if small_system.redis is not None else []))
    outcome = run.prove()
    assert outcome.failures == []
    assert outcome.violations == []
    # It has proved something: there was something to lose, and every client was cut off at least once.
    assert outcome.events > 100
    assert outcome.connections > 2 * small_system.size.clients


def test_every_device_gets_a_reset_after_a_restore(small_system: SystemUnderTest) -> None:
    progress: list[str] = []
    run = Run(small_system, "short", progress.append)
    run.begin()
    run.mixed([Planned(1.0, "pruned", 1.0, 0), Planned(3.0, "restored", 0.1, 1)])
    outcome = run.prove()
    assert outcome.failures == []
    assert outcome.violations == []
    followers = [spec.name for spec in small_system.specs if spec.protocol != "original"]
    assert sorted(small_system.expected_resets) == sorted(followers)
