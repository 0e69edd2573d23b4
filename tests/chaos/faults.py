"""The faults of Redis, PostgreSQL, servers, doorbells, clocks, clients and data. Other modules have more of them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence

import psycopg
import redis

from tests.chaos import connection_faults, database_faults, server_faults, stranger_faults
from tests.chaos.database import HEADS
from tests.chaos.fault import (
    DATABASE_ENDINGS,
    FAULTS,
    SERVER_ENDINGS,
    SLOW_DATABASE_ENDINGS,
    ActiveFault,
    Fault,
    counted_in,
    fault,
    one_server,
    possible,
    put_file,
)
from tests.chaos.history import COMMITTED, ROLLED_BACK, Place
from tests.chaos.schedule import EVERYTHING
from tests.chaos.system import LIVE_EVENTS, SINGLE_CLIENT_INBOXES, SystemUnderTest
from tests.waiting import comes_true, wait_until

__all__ = [
    "FAULTS",
    "ActiveFault",
    "Fault",
    "connection_faults",
    "database_faults",
    "possible",
    "server_faults",
    "stranger_faults",
]

BAD_DOORBELLS = {"lost": 0.3, "doubled": 0.3, "late": 0.4, "seconds": 1.5}
HOUR = 3600
FLOOD_PER_SECOND = 100
GONE_SECONDS = 90.0
WRITER_SECONDS = 30.0
"""How long the end of a fault waits for a writer that has only just started."""
MEGABYTE = 1 << 20
KEPT_EVENTS = 5


# -- Redis -----------------------------------------------------------------------------------------------


@fault("redis-stop", target="redis", needs="redis")
def _redis_stop(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.redis is not None
    system.redis.stop()
    system.effect("redis-stop", "attempts refused", not system.redis.answers())
    yield
    system.redis.start()


@fault("redis-restart", target="redis", needs="redis", is_instant=True)
def _redis_restart(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.redis is not None
    before = system.redis.child.pid
    system.redis.restart()
    system.effect("redis-restart", "new processes", system.redis.child.pid != before)
    yield


@fault("redis-freeze", target="redis", needs="redis")
def _redis_freeze(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.redis is not None
    system.redis.freeze()
    system.effect("redis-freeze", "attempts unanswered", not system.redis.answers())
    yield
    system.redis.thaw()


@fault("redis-flush", target="redis", needs="redis", is_instant=True)
def _redis_flush(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.redis is not None
    with redis.Redis.from_url(system.redis.url) as client:
        system.effect("redis-flush", "commands", bool(client.flushall()))
    yield


@fault("redis-cut", target="redis", needs="redis", is_instant=True)
def _redis_cut(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.redis is not None
    with redis.Redis.from_url(system.redis.url) as client:
        for kind in ("pubsub", "normal"):
            killed = client.client_kill_filter(_type=kind, skipme=True)
            system.effect("redis-cut", "connections cut", killed)
    yield


def _answers(system: SystemUnderTest) -> bool:
    assert system.postgres is not None
    try:
        with psycopg.connect(system.postgres.url(), connect_timeout=1) as connection:
            return connection.execute("SELECT 1").fetchone() is not None
    except psycopg.OperationalError:
        return False


# -- PostgreSQL ------------------------------------------------------------------------------------------


@fault(
    "postgres-restart",
    target="postgres",
    needs="postgres",
    endings=DATABASE_ENDINGS,
    holds=True,
)
def _postgres_restart(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.postgres is not None
    system.postgres.stop()
    system.effect("postgres-restart", "attempts refused", not _answers(system))
    yield
    system.postgres.start()


@fault(
    "postgres-kill",
    target="postgres",
    needs="postgres",
    endings=DATABASE_ENDINGS,
    holds=True,
)
def _postgres_kill(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.postgres is not None
    system.postgres.kill()
    system.effect("postgres-kill", "attempts refused", not _answers(system))
    yield
    system.postgres.start()


@fault(
    "postgres-freeze",
    target="postgres",
    needs="postgres",
    endings=SLOW_DATABASE_ENDINGS,
    holds=True,
)
def _postgres_freeze(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.postgres is not None
    system.postgres.freeze()
    system.effect("postgres-freeze", "attempts refused", not _answers(system))
    yield
    system.postgres.thaw()


@fault(
    "database-cut",
    target="postgres",
    needs="relay",
    is_instant=True,
    endings=DATABASE_ENDINGS,
)
def _database_cut(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    system.effect("database-cut", "connections cut", system.database.cut())
    yield


# -- servers ---------------------------------------------------------------------------------------------


@fault("server-kill", target="server", endings=SERVER_ENDINGS, holds=True)
def _server_kill(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    server = one_server(system, rng)
    system.effect("server-kill", "sockets", system.metric("inbox_sockets{", [server]))
    server.kill()
    yield
    server.start()


@fault("server-stop", target="server", endings=SERVER_ENDINGS, holds=True)
def _server_stop(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    server = one_server(system, rng)
    system.effect("server-stop", "sockets", system.metric("inbox_sockets{", [server]))
    server.stop()
    yield
    server.start()


@fault("server-freeze", target="server", endings=SERVER_ENDINGS, holds=True)
def _server_freeze(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    server = one_server(system, rng)
    system.effect("server-freeze", "sockets", system.metric("inbox_sockets{", [server]))
    server.freeze()
    yield
    server.thaw()


# -- doorbells and clocks --------------------------------------------------------------------------------


@fault("doorbells", target="doorbells")
def _doorbells(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    orders = system.directory / "doorbells"
    put_file(system, "doorbells", json.dumps(BAD_DOORBELLS | {"seed": rng.randrange(1000)}))
    before = {what: counted_in(system, f"doorbells.{what}") for what in ("lost", "doubled", "late")}

    def done() -> dict[str, int]:
        return {
            what: counted_in(system, f"doorbells.{what}") - count for what, count in before.items()
        }

    yield
    # Other faults may have held back nearly all writers, and chance has spared the few doorbells there were.
    comes_true(lambda: all(done().values()), seconds=30)
    orders.unlink(missing_ok=True)
    for what, times in done().items():
        system.effect("doorbells", f"doorbells {what}", times)


@fault("clock-ahead", target="clock")
def _clock_ahead(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    for clock in system.clocks:
        put_file(system, clock, str(HOUR))
    yield
    for clock in system.clocks:
        (system.directory / clock).unlink()
        system.effect("clock-ahead", "readings", counted_in(system, f"{clock}.read"))


@fault("clock-behind", target="clock")
def _clock_behind(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    for clock in system.clocks:
        put_file(system, clock, str(-HOUR))
    yield
    for clock in system.clocks:
        (system.directory / clock).unlink()
        system.effect("clock-behind", "readings", counted_in(system, f"{clock}.read"))


# -- clients ---------------------------------------------------------------------------------------------


@fault("clock-of-one", target="clock", least_seconds=4.0)
def _clock_of_one(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """One server's clock is an hour ahead. What expires in half an hour must stay."""
    clock = system.clocks[1 + rng.randrange(len(system.servers))]
    put_file(system, clock, str(HOUR))
    yield
    (system.directory / clock).unlink()
    system.effect("clock-of-one", "readings", counted_in(system, f"{clock}.read"))
    later = sum(
        claim.content is not None and claim.content["expires_at"] != "" for claim in system.claims()
    )
    system.effect("clock-of-one", "notifications that expire", later)


def _some(system: SystemUnderTest, rng: random.Random, share: float) -> list[int]:
    numbers = range(len(system.specs) - SINGLE_CLIENT_INBOXES)
    return sorted(rng.sample(numbers, max(1, int(len(numbers) * share))))


@fault("clients-storm", target="clients", is_instant=True, holds=True)
def _clients_storm(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Every client is cut off at once, and all come back together."""
    system.effect("clients-storm", "clients", system.client_pool.request("drop", away=1.0))
    yield


@fault("clients-drop", target="clients", holds=True)
def _clients_drop(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    some = _some(system, rng, 0.5)
    system.effect("clients-drop", "clients", len(some))
    system.client_pool.request("drop_often", clients=some, every=2.0, away=0.5)
    yield
    system.client_pool.request("drop_often", clients=some, every=0, away=0)


@fault("clients-deaf", target="clients", holds=True)
def _clients_deaf(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Half of the devices of one inbox stop reading while a flood of long messages goes there."""
    inbox = system.users[rng.randrange(len(system.users) - SINGLE_CLIENT_INBOXES)][0]
    devices = [number for number, spec in enumerate(system.specs) if spec.inbox == inbox]
    paused = devices[: max(1, len(devices) // 2)]
    before = system.memory()
    system.client_pool.request("stop_reading", clients=paused)
    system.write("flood", "flood", per_second=FLOOD_PER_SECOND, inboxes=[inbox])
    yield
    comes_true(lambda: _claimed(system, "flood", COMMITTED) > 0, seconds=WRITER_SECONDS)
    system.kill_writers("flood")
    system.effect("clients-deaf", "long messages", _claimed(system, "flood", COMMITTED))
    # Of those that were there before: another fault may have ended one.
    grown = sum(now - before[pid] for pid, now in system.memory().items() if pid in before)
    system.notes.append(
        f"clients-deaf: the servers took {grown / MEGABYTE:.1f} MB more for {len(paused)} clients"
    )
    system.client_pool.request("resume_reading", clients=paused)


@fault("clients-half-open", target="clients", holds=True)
def _clients_half_open(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    some = _some(system, rng, 0.2)
    system.effect("clients-half-open", "clients", len(some))
    system.client_pool.request("abandon", clients=some)
    yield
    system.client_pool.request("close_abandoned", clients=some)


@fault("clients-gone", target="clients", only_alone=True, holds=True)
def _clients_gone(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Half-open connections, until the servers have closed every one of them."""
    some = _some(system, rng, 0.2)
    # Those of writers included.
    before = system.sockets()
    system.client_pool.request("abandon", clients=some)
    system.effect("clients-gone", "clients", len(some))
    began = time.monotonic()
    yield
    wait_until(lambda: system.sockets() <= before, seconds=GONE_SECONDS)
    seconds = time.monotonic() - began
    system.notes.append(f"clients-gone: {len(some)} were noticed within {seconds:.0f} s")
    system.client_pool.request("close_abandoned", clients=some)


# -- the data --------------------------------------------------------------------------------------------


@fault("pruned", target="postgres", holds=True)
def _pruned(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """A client is away while more is written to its inbox than the log keeps, and than is kept in memory."""
    number = len(system.specs) - 1 - rng.randrange(SINGLE_CLIENT_INBOXES)
    spec = system.specs[number]
    _, before = system.client_pool.request("status")[number]
    system.client_pool.request("stay_away", clients=[number])
    system.write("pruned", "steady", per_second=60, inboxes=[spec.inbox])
    yield
    enough = Place.parse(before).sequence + 3 * LIVE_EVENTS
    wait_until(lambda: system.database.heads()[spec.inbox].sequence > enough)
    system.kill_writers("pruned")
    system.python("manage.py", "prune_events", "--events", str(KEPT_EVENTS))
    system.expected_resets[spec.name] = "EXPIRED"
    # Where the log begins is known only until the next epoch.
    system.archive.capture()
    pruned = max(first for _, _, _, first in system.database.rows(HEADS)) - 1
    system.effect("pruned", "events pruned", pruned)
    system.client_pool.request("come_back", clients=[number])


@fault("restored", target=EVERYTHING, endings=SERVER_ENDINGS, holds=True, ends_epochs=True)
def _restored(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """The database is lost, and restored from a copy that was made before the beginning."""
    system.stop_writers()
    for server in system.servers:
        server.stop()
    system.archive.capture()
    before = sum(head.sequence for head in system.database.heads().values())
    system.database.put_back()
    lost = before - sum(head.sequence for head in system.database.heads().values())
    system.effect("restored", "events lost", lost)
    system.python("manage.py", "check_inboxes", "--restored")
    system.expected_resets |= {
        spec.name: "EPOCH" for spec in system.specs if spec.protocol != "original"
    }
    yield
    for server in system.servers:
        server.start()
    system.start_writers()


@fault("quarrel", target="quarrel")
def _quarrel(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Writers whose transactions overlap, deadlock and are rolled back."""
    inboxes: Sequence[int] = [user for user, _ in system.users[: 2 * SINGLE_CLIENT_INBOXES]]
    for number in range(2):
        system.write(f"quarrel-{number}", "quarrel", per_second=20, inboxes=inboxes)
    yield
    outcomes = (COMMITTED, ROLLED_BACK)
    comes_true(
        lambda: all(_claimed(system, "quarrel-", outcome) for outcome in outcomes),
        seconds=WRITER_SECONDS,
    )
    for number in range(2):
        system.kill_writers(f"quarrel-{number}")
    for outcome in outcomes:
        system.effect("quarrel", f"sends {outcome}", _claimed(system, "quarrel-", outcome))


def _claimed(system: SystemUnderTest, writer: str, outcome: str) -> int:
    """Return how many things writers whose names begin so have recorded with an outcome."""
    return sum(claim.outcome == outcome for claim in system.claims(writer))
