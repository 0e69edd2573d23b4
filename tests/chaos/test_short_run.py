"""A short run under mixed faults, in which no event may be lost, doubled, out of order or missing. See `make chaos`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from tests.chaos.database import Database, PostgresDatabase, SqliteDatabase
from tests.chaos.run import RECOVERED_SHARE, Run
from tests.chaos.schedule import Planned, one_after_the_other
from tests.chaos.system import Size, SystemUnderTest
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.redis_server import RedisServer
from tests.stacks.stack import Stack
from tests.waiting import wait_until

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


ONE_AFTER_THE_OTHER = ["repaired", "renewed"]
ALSO_IN_PRODUCTION = ["bulk-kill", "doorbells-replayed", "doorbells-forged", "second-deployment"]
SIZE = Size(seed=7, clients=48, devices=5, servers=2, rate=20, reconcile_seconds=0.5)


@pytest.fixture
def size() -> Size:
    """How large the system is; some tests have another size."""
    return SIZE


@pytest.fixture
def small_system(
    stack: Stack,
    process_registry: ProcessRegistry,
    django_db_setup: None,
    request: pytest.FixtureRequest,
    size: Size,
) -> Iterator[SystemUnderTest]:
    """A few dozen clients and two servers, on a database and a Redis of their own."""
    url = stack.fresh_database()
    redis: RedisServer | None = None
    database: Database = SqliteDatabase(url)
    if stack.cluster is not None:
        redis = request.getfixturevalue("private_redis")
        database = PostgresDatabase(stack.cluster, url)
    system = SystemUnderTest(
        process_registry, size, database, environment=stack.environment(), redis=redis
    )
    with closing(system):
        system.start()
        yield system


def new_run(system: SystemUnderTest) -> Run:
    """Return a run whose delays are not held against the clock: other tests share the machine."""
    return Run(system, "short", lambda line: None, is_timed=False)


def test_every_event_reaches_every_device_once_and_in_order(small_system: SystemUnderTest) -> None:
    run = new_run(small_system)
    run.begin()
    run.mixed(EVERYWHERE + (IN_PRODUCTION if small_system.redis is not None else []))
    outcome = run.prove()
    assert outcome.failures == []
    assert outcome.violations == []
    # It has proved something: there was something to lose, and every client was cut off at least once.
    assert outcome.events > 100
    assert outcome.connections > 2 * small_system.size.clients


def test_every_device_gets_a_reset_after_a_restore(small_system: SystemUnderTest) -> None:
    run = new_run(small_system)
    run.begin()
    run.mixed([Planned(1.0, "pruned", 1.0, 0), Planned(3.0, "restored", 0.1, 1)])
    outcome = run.prove()
    assert outcome.failures == []
    assert outcome.violations == []
    followers = [spec.name for spec in small_system.specs if spec.protocol != "original"]
    assert sorted(small_system.expected_resets) == sorted(followers)


def test_faults_one_after_the_other(small_system: SystemUnderTest) -> None:
    run = new_run(small_system)
    run.begin()
    names = ONE_AFTER_THE_OTHER + (ALSO_IN_PRODUCTION if small_system.redis is not None else [])
    run.each(one_after_the_other(7, names, seconds=0.5, pause=0))
    outcome = run.prove()
    assert outcome.failures == []
    assert outcome.violations == []
    assert sorted(small_system.effects) == sorted(names)


class TestDoorbells:
    """With a reconciliation that hardly ever comes, only a doorbell brings an event in time."""

    @pytest.fixture
    def size(self) -> Size:
        return replace(SIZE, clients=24, reconcile_seconds=20)

    @pytest.mark.stack("production")
    def test_events_come_by_doorbell_while_nothing_is_broken(
        self, small_system: SystemUnderTest
    ) -> None:
        run = new_run(small_system)
        run.begin(writers=False)
        # Only servers ring here: one whose own hub does not hear it leaves half of the events to the log.
        for path in ("http", "socket"):
            small_system.write(path, path, per_second=15)
        run.quiet(3.0)
        assert run.outcome.recovered_share < RECOVERED_SHARE
        small_system.stop_writers()


class TestJitter:
    """Clients that are cut off again and again, while each inbox gets messages at a steady pace."""

    @pytest.fixture
    def size(self) -> Size:
        return replace(SIZE, clients=40, devices=10)

    def test_nobody_misses_anything(self, small_system: SystemUnderTest) -> None:
        run = new_run(small_system)
        run.begin(writers=False)
        small_system.write("steady", "steady", per_second=4)
        small_system.client_pool.request("drop_often", every=1.5, away=0.3)
        heads = small_system.database.heads
        enough = max(head.sequence for head in heads().values()) + 20
        wait_until(lambda: min(head.sequence for head in heads().values()) >= enough)
        small_system.client_pool.request("drop_often", every=0, away=0)
        outcome = run.prove()
        assert outcome.failures == []
        assert outcome.violations == []
        assert outcome.replays is not None
        assert outcome.replays.percent == 100.0
        assert outcome.replays.reconnects > small_system.size.clients
