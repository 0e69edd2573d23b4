"""Connections that die without a word: they stay open and carry nothing any more, while new ones work."""

from __future__ import annotations

import json
import random

from tests.chaos.fault import SLOW_DATABASE_ENDINGS, ActiveFault, fault, put_file, readiness
from tests.chaos.system import SystemUnderTest
from tests.waiting import comes_true

LOST = {"lost": 0.5}
"""Without lost doorbells, nobody would notice that nothing reads the log any more."""
READY_SECONDS = 15.0


def _forget(system: SystemUnderTest, route: str, name: str) -> ActiveFault:
    assert system.relay is not None
    before = system.relay.request(route, "count")["dropped"]
    system.effect(name, "connections forgotten", system.relay.request(route, "forget"))
    yield
    dropped = system.relay.request(route, "count")["dropped"] - before
    system.effect(name, "bytes dropped", dropped)


@fault(
    "database-forgotten",
    target="postgres",
    needs="relay",
    least_seconds=12.0,
    endings=SLOW_DATABASE_ENDINGS,
    rounds=2,
)
def _database_forgotten(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Every connection of the servers to the database is forgotten; half of the doorbells are lost as well."""
    assert system.relay is not None
    put_file(system, "doorbells", json.dumps(LOST | {"seed": rng.randrange(1000)}))
    yield from _forget(system, "database", "database-forgotten")
    # Another fault may have stopped some.
    for server in [each for each in system.servers if each.child.running]:
        is_ready = comes_true(lambda server=server: readiness(server) == 200, seconds=READY_SECONDS)  # type: ignore[misc]
        system.expect(is_ready, "database-forgotten: a server did not get ready by itself")
    # The fault `doorbells` may have ended meanwhile.
    (system.directory / "doorbells").unlink(missing_ok=True)
    # The database's side learns of it last.
    system.relay.request("database", "close_forgotten")


@fault("redis-forgotten", target="redis", needs="redis", least_seconds=8.0)
def _redis_forgotten(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Every connection of the servers to Redis is forgotten."""
    assert system.relay is not None
    yield from _forget(system, "redis", "redis-forgotten")
    system.relay.request("redis", "close_forgotten")
