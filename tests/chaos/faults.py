"""The faults: what each does to the system when it begins, and how it ends."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import redis

from tests.chaos.history import Place
from tests.chaos.schedule import EVERYTHING
from tests.chaos.system import LIVE_EVENTS, SINGLE_CLIENT_INBOXES, SystemUnderTest
from tests.stacks.uvicorn_server import ServerProcess

BAD_DOORBELLS = {"lost": 0.3, "doubled": 0.3, "late": 0.4, "seconds": 1.5}
HOUR = 3600
FLOOD_PER_SECOND = 100
GONE_SECONDS = 90.0
MEGABYTE = 1 << 20
KEPT_EVENTS = 5

ActiveFault = Generator[None]
Injection = Callable[[SystemUnderTest, random.Random], ActiveFault]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its target, what it needs, and the injection: a generator that begins the fault, yields, and ends it.

    `least_seconds` is how long it has to last in order to be one; an instant one ends as soon as it has begun. One that
    is for `only_alone` takes too long to be mixed with others.
    """

    target: str
    needs: str
    inject: Injection
    least_seconds: float = 0.0
    is_instant: bool = False
    only_alone: bool = False

    def is_possible(self, system: SystemUnderTest) -> bool:
        """Whether the system has the part that this breaks."""
        return not self.needs or getattr(system, self.needs) is not None


FAULTS: dict[str, Fault] = {}


def _fault(
    name: str,
    *,
    target: str,
    needs: str = "",
    least_seconds: float = 0.0,
    is_instant: bool = False,
    only_alone: bool = False,
) -> Callable[[Injection], Injection]:
    def register(inject: Injection) -> Injection:
        FAULTS[name] = Fault(target, needs, inject, least_seconds, is_instant, only_alone)
        return inject

    return register


def possible(system: SystemUnderTest) -> dict[str, str]:
    """Return the faults that the system can have, with their targets."""
    return {name: fault.target for name, fault in FAULTS.items() if fault.is_possible(system)}


# -- Redis -----------------------------------------------------------------------------------------------


@_fault("redis-stop", target="redis", needs="redis")
def _redis_stop(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.redis is not None
    system.redis.stop()
    yield
    system.redis.start()


@_fault("redis-restart", target="redis", needs="redis", is_instant=True)
def _redis_restart(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.redis is not None
    system.redis.restart()
    yield


@_fault("redis-freeze", target="redis", needs="redis")
def _redis_freeze(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.redis is not None
    system.redis.freeze()
    yield
    system.redis.thaw()


@_fault("redis-flush", target="redis", needs="redis", is_instant=True)
def _redis_flush(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.redis is not None
    with redis.Redis.from_url(system.redis.url) as client:
        client.flushall()
    yield


@_fault("redis-cut", target="redis", needs="redis", is_instant=True)
def _redis_cut(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.redis is not None
    with redis.Redis.from_url(system.redis.url) as client:
        for kind in ("pubsub", "normal"):
            client.client_kill_filter(_type=kind, skipme=True)
    yield


# -- PostgreSQL ------------------------------------------------------------------------------------------


@_fault("postgres-restart", target="postgres", needs="postgres")
def _postgres_restart(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.postgres is not None
    system.postgres.stop()
    yield
    system.postgres.start()


@_fault("postgres-kill", target="postgres", needs="postgres")
def _postgres_kill(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.postgres is not None
    system.postgres.kill()
    yield
    system.postgres.start()


@_fault("postgres-freeze", target="postgres", needs="postgres")
def _postgres_freeze(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    assert system.postgres is not None
    system.postgres.freeze()
    yield
    system.postgres.thaw()


@_fault("database-cut", target="postgres", is_instant=True)
def _database_cut(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    system.database.cut()
    yield


# -- servers ---------------------------------------------------------------------------------------------


def _one(system: SystemUnderTest, rng: random.Random) -> ServerProcess:
    """Choose a server. Clients choose a server for each connection, so one that was down has none at first."""
    return system.servers[rng.randrange(len(system.servers))]


@_fault("server-kill", target="server")
def _server_kill(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    server = _one(system, rng)
    server.kill()
    yield
    server.start()


@_fault("server-stop", target="server")
def _server_stop(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    server = _one(system, rng)
    server.stop()
    yield
    server.start()


@_fault("server-freeze", target="server")
def _server_freeze(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    server = _one(system, rng)
    server.freeze()
    yield
    server.thaw()


# -- doorbells and clocks --------------------------------------------------------------------------------


@_fault("doorbells", target="doorbells")
def _doorbells(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    orders = system.directory / "doorbells"
    _put(system, "doorbells", json.dumps(BAD_DOORBELLS | {"seed": rng.randrange(1000)}))
    yield
    orders.unlink()


@_fault("clock-ahead", target="clock")
def _clock_ahead(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    _put(system, "clock", str(HOUR))
    yield
    (system.directory / "clock").unlink()


@_fault("clock-behind", target="clock")
def _clock_behind(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    _put(system, "clock", str(-HOUR))
    yield
    (system.directory / "clock").unlink()


def _put(system: SystemUnderTest, name: str, text: str) -> None:
    """Write a file that others read at any moment."""
    unfinished = system.directory / f"{name}.unfinished"
    unfinished.write_text(text)
    unfinished.replace(system.directory / name)


# -- clients ---------------------------------------------------------------------------------------------


def _some(system: SystemUnderTest, rng: random.Random, share: float) -> list[int]:
    numbers = range(len(system.specs) - SINGLE_CLIENT_INBOXES)
    return sorted(rng.sample(numbers, max(1, int(len(numbers) * share))))


@_fault("clients-storm", target="clients", is_instant=True)
def _clients_storm(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Every client is cut off at once, and all come back together."""
    system.client_pool.request("drop", away=1.0)
    yield


@_fault("clients-drop", target="clients")
def _clients_drop(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    some = _some(system, rng, 0.5)
    system.client_pool.request("drop_often", clients=some, every=2.0, away=0.5)
    yield
    system.client_pool.request("drop_often", clients=some, every=0, away=0)


@_fault("clients-deaf", target="clients")
def _clients_deaf(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Half of the devices of one inbox stop reading while a flood of long messages goes there."""
    inbox = system.users[rng.randrange(len(system.users) - SINGLE_CLIENT_INBOXES)][0]
    devices = [number for number, spec in enumerate(system.specs) if spec.inbox == inbox]
    paused = devices[: max(1, len(devices) // 2)]
    before = system.memory()
    system.client_pool.request("stop_reading", clients=paused)
    system.write("flood", "flood", per_second=FLOOD_PER_SECOND, inboxes=[inbox])
    yield
    system.kill_writers("flood")
    # Of those that were there before: another fault may have ended one.
    grown = sum(now - before[pid] for pid, now in system.memory().items() if pid in before)
    system.notes.append(
        f"clients-deaf: the servers took {grown / MEGABYTE:.1f} MB more for {len(paused)} clients"
    )
    system.client_pool.request("resume_reading", clients=paused)


@_fault("clients-half-open", target="clients")
def _clients_half_open(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    some = _some(system, rng, 0.2)
    system.client_pool.request("abandon", clients=some)
    yield
    system.client_pool.request("close_abandoned", clients=some)


@_fault("clients-gone", target="clients", only_alone=True)
def _clients_gone(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Half-open connections, until the servers have closed every one of them."""
    some = _some(system, rng, 0.2)
    system.client_pool.request("abandon", clients=some)
    began = time.monotonic()
    yield
    _until(lambda: system.sockets() <= len(system.specs), seconds=GONE_SECONDS)
    seconds = time.monotonic() - began
    system.notes.append(f"clients-gone: {len(some)} were noticed within {seconds:.0f} s")
    system.client_pool.request("close_abandoned", clients=some)


# -- the data --------------------------------------------------------------------------------------------


@_fault("pruned", target="postgres")
def _pruned(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """A client is away while more is written to its inbox than the log keeps, and than is kept in memory."""
    number = len(system.specs) - 1 - rng.randrange(SINGLE_CLIENT_INBOXES)
    spec = system.specs[number]
    _, before = system.client_pool.request("status")[number]
    system.client_pool.request("stay_away", clients=[number])
    system.write("pruned", "steady", per_second=60, inboxes=[spec.inbox])
    yield
    enough = Place.parse(before).sequence + 3 * LIVE_EVENTS
    _until(lambda: system.database.heads()[spec.inbox].sequence > enough)
    system.kill_writers("pruned")
    system.python("manage.py", "prune_events", "--events", str(KEPT_EVENTS))
    system.expected_resets[spec.name] = "EXPIRED"
    system.client_pool.request("come_back", clients=[number])


@_fault("restored", target=EVERYTHING)
def _restored(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """The database is lost, and restored from a copy that was made before the beginning."""
    system.stop_writers()
    for server in system.servers:
        server.stop()
    system.archive.capture()
    system.database.put_back()
    system.python("manage.py", "check_inboxes", "--restored")
    system.expected_resets |= {
        spec.name: "EPOCH" for spec in system.specs if spec.protocol != "original"
    }
    yield
    for server in system.servers:
        server.start()
    system.start_writers()


@_fault("quarrel", target="quarrel")
def _quarrel(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Writers whose transactions overlap, deadlock and are rolled back."""
    inboxes: Sequence[int] = [user for user, _ in system.users[: 2 * SINGLE_CLIENT_INBOXES]]
    for number in range(2):
        system.write(f"quarrel-{number}", "quarrel", per_second=20, inboxes=inboxes)
    yield
    for number in range(2):
        system.kill_writers(f"quarrel-{number}")


def _until(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("What the fault waits for did not happen.")
        time.sleep(0.1)
