"""The faults: what each does to the world when it begins, and how it ends."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import redis

from tests.chaos.history import Place
from tests.chaos.schedule import EVERYTHING
from tests.chaos.world import LIVE_EVENTS, LONELY, World
from tests.stacks.uvicorn_server import ServerProcess

BAD_DOORBELLS = {"lost": 0.3, "doubled": 0.3, "late": 0.4, "seconds": 1.5}
HOUR = 3600
FLOOD_PER_SECOND = 100
GONE_SECONDS = 90.0
MEGABYTE = 1 << 20
KEPT_EVENTS = 5

Struck = Generator[None]
Strike = Callable[[World, random.Random], Struck]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: what it strikes, what it needs, and what happens. The generator ends the fault when it goes on.

    `least_seconds` is how long it has to last in order to be one; an instant one is over when it has begun. One that
    is for `only_alone` takes too long to be mixed with others.
    """

    strikes: str
    needs: str
    strike: Strike
    least_seconds: float = 0.0
    is_instant: bool = False
    only_alone: bool = False

    def is_possible(self, world: World) -> bool:
        """Whether the world has what this breaks."""
        return not self.needs or getattr(world, self.needs) is not None


FAULTS: dict[str, Fault] = {}


def _fault(
    name: str,
    *,
    strikes: str,
    needs: str = "",
    least_seconds: float = 0.0,
    is_instant: bool = False,
    only_alone: bool = False,
) -> Callable[[Strike], Strike]:
    def register(strike: Strike) -> Strike:
        FAULTS[name] = Fault(strikes, needs, strike, least_seconds, is_instant, only_alone)
        return strike

    return register


def possible(world: World) -> dict[str, str]:
    """Return the faults that the world can have, and what each strikes."""
    return {name: fault.strikes for name, fault in FAULTS.items() if fault.is_possible(world)}


# -- Redis -----------------------------------------------------------------------------------------------


@_fault("redis-stop", strikes="redis", needs="redis")
def _redis_stop(world: World, dice: random.Random) -> Struck:
    assert world.redis is not None
    world.redis.stop()
    yield
    world.redis.start()


@_fault("redis-restart", strikes="redis", needs="redis", is_instant=True)
def _redis_restart(world: World, dice: random.Random) -> Struck:
    assert world.redis is not None
    world.redis.restart()
    yield


@_fault("redis-freeze", strikes="redis", needs="redis")
def _redis_freeze(world: World, dice: random.Random) -> Struck:
    assert world.redis is not None
    world.redis.freeze()
    yield
    world.redis.thaw()


@_fault("redis-flush", strikes="redis", needs="redis", is_instant=True)
def _redis_flush(world: World, dice: random.Random) -> Struck:
    assert world.redis is not None
    with redis.Redis.from_url(world.redis.url) as client:
        client.flushall()
    yield


@_fault("redis-cut", strikes="redis", needs="redis", is_instant=True)
def _redis_cut(world: World, dice: random.Random) -> Struck:
    assert world.redis is not None
    with redis.Redis.from_url(world.redis.url) as client:
        for kind in ("pubsub", "normal"):
            client.client_kill_filter(_type=kind, skipme=True)
    yield


# -- PostgreSQL ------------------------------------------------------------------------------------------


@_fault("postgres-restart", strikes="postgres", needs="postgres")
def _postgres_restart(world: World, dice: random.Random) -> Struck:
    assert world.postgres is not None
    world.postgres.stop()
    yield
    world.postgres.start()


@_fault("postgres-kill", strikes="postgres", needs="postgres")
def _postgres_kill(world: World, dice: random.Random) -> Struck:
    assert world.postgres is not None
    world.postgres.kill()
    yield
    world.postgres.start()


@_fault("postgres-freeze", strikes="postgres", needs="postgres")
def _postgres_freeze(world: World, dice: random.Random) -> Struck:
    assert world.postgres is not None
    world.postgres.freeze()
    yield
    world.postgres.thaw()


@_fault("database-cut", strikes="postgres", is_instant=True)
def _database_cut(world: World, dice: random.Random) -> Struck:
    world.database.cut()
    yield


# -- servers ---------------------------------------------------------------------------------------------


def _one(world: World, dice: random.Random) -> ServerProcess:
    """Choose a server. Clients choose anew with each connection, so one that was away has none at first."""
    return world.servers[dice.randrange(len(world.servers))]


@_fault("server-kill", strikes="server")
def _server_kill(world: World, dice: random.Random) -> Struck:
    server = _one(world, dice)
    server.kill()
    yield
    server.start()


@_fault("server-stop", strikes="server")
def _server_stop(world: World, dice: random.Random) -> Struck:
    server = _one(world, dice)
    server.stop()
    yield
    server.start()


@_fault("server-freeze", strikes="server")
def _server_freeze(world: World, dice: random.Random) -> Struck:
    server = _one(world, dice)
    server.freeze()
    yield
    server.thaw()


# -- doorbells and clocks --------------------------------------------------------------------------------


@_fault("doorbells", strikes="doorbells")
def _doorbells(world: World, dice: random.Random) -> Struck:
    orders = world.directory / "doorbells"
    _put(world, "doorbells", json.dumps(BAD_DOORBELLS | {"seed": dice.randrange(1000)}))
    yield
    orders.unlink()


@_fault("clock-ahead", strikes="clock")
def _clock_ahead(world: World, dice: random.Random) -> Struck:
    _put(world, "clock", str(HOUR))
    yield
    (world.directory / "clock").unlink()


@_fault("clock-behind", strikes="clock")
def _clock_behind(world: World, dice: random.Random) -> Struck:
    _put(world, "clock", str(-HOUR))
    yield
    (world.directory / "clock").unlink()


def _put(world: World, name: str, text: str) -> None:
    """Write a file that others read at any moment."""
    unfinished = world.directory / f"{name}.unfinished"
    unfinished.write_text(text)
    unfinished.replace(world.directory / name)


# -- clients ---------------------------------------------------------------------------------------------


def _some(world: World, dice: random.Random, share: float) -> list[int]:
    numbers = range(len(world.parts) - LONELY)
    return sorted(dice.sample(numbers, max(1, int(len(numbers) * share))))


@_fault("clients-storm", strikes="clients", is_instant=True)
def _clients_storm(world: World, dice: random.Random) -> Struck:
    """Every client is cut off at once, and all come back together."""
    world.crowd.ask("drop", away=1.0)
    yield


@_fault("clients-drop", strikes="clients")
def _clients_drop(world: World, dice: random.Random) -> Struck:
    some = _some(world, dice, 0.5)
    world.crowd.ask("drop_often", clients=some, every=2.0, away=0.5)
    yield
    world.crowd.ask("drop_often", clients=some, every=0, away=0)


@_fault("clients-deaf", strikes="clients")
def _clients_deaf(world: World, dice: random.Random) -> Struck:
    """Half of the devices of one inbox stop reading while a flood of long messages goes there."""
    inbox = world.users[dice.randrange(len(world.users) - LONELY)][0]
    devices = [number for number, part in enumerate(world.parts) if part.inbox == inbox]
    deaf = devices[: max(1, len(devices) // 2)]
    before = world.memory()
    world.crowd.ask("stop_reading", clients=deaf)
    world.write("flood", "flood", per_second=FLOOD_PER_SECOND, inboxes=[inbox])
    yield
    world.kill_writers("flood")
    # Of those that were there before: another fault may have ended one.
    grown = sum(now - before[pid] for pid, now in world.memory().items() if pid in before)
    world.notes.append(
        f"clients-deaf: the servers took {grown / MEGABYTE:.1f} MB more for {len(deaf)} clients"
    )
    world.crowd.ask("read_on", clients=deaf)


@_fault("clients-half-open", strikes="clients")
def _clients_half_open(world: World, dice: random.Random) -> Struck:
    some = _some(world, dice, 0.2)
    world.crowd.ask("abandon", clients=some)
    yield
    world.crowd.ask("bury", clients=some)


@_fault("clients-gone", strikes="clients", only_alone=True)
def _clients_gone(world: World, dice: random.Random) -> Struck:
    """Connections that are open and mute, until the servers have noticed every one of them."""
    some = _some(world, dice, 0.2)
    world.crowd.ask("abandon", clients=some)
    began = time.monotonic()
    yield
    _until(lambda: world.sockets() <= len(world.parts), seconds=GONE_SECONDS)
    seconds = time.monotonic() - began
    world.notes.append(f"clients-gone: {len(some)} were noticed within {seconds:.0f} s")
    world.crowd.ask("bury", clients=some)


# -- the data --------------------------------------------------------------------------------------------


@_fault("pruned", strikes="postgres")
def _pruned(world: World, dice: random.Random) -> Struck:
    """A client is away while more is written to its inbox than the log keeps, and than is kept in memory."""
    number = len(world.parts) - 1 - dice.randrange(LONELY)
    part = world.parts[number]
    _, before = world.crowd.ask("status")[number]
    world.crowd.ask("stay_away", clients=[number])
    world.write("pruned", "steady", per_second=60, inboxes=[part.inbox])
    yield
    enough = Place.parse(before).sequence + 3 * LIVE_EVENTS
    _until(lambda: world.database.heads()[part.inbox].sequence > enough)
    world.kill_writers("pruned")
    world.python("manage.py", "prune_events", "--events", str(KEPT_EVENTS))
    world.owed[part.name] = "EXPIRED"
    world.crowd.ask("come_back", clients=[number])


@_fault("restored", strikes=EVERYTHING)
def _restored(world: World, dice: random.Random) -> Struck:
    """The database is lost, and restored from a copy that was made before the beginning."""
    world.stop_writers()
    for server in world.servers:
        server.stop()
    world.archive.capture()
    world.database.put_back()
    world.python("manage.py", "check_inboxes", "--restored")
    world.owed |= {part.name: "EPOCH" for part in world.parts if part.door != "original"}
    yield
    for server in world.servers:
        server.start()
    world.start_writers()


@_fault("quarrel", strikes="quarrel")
def _quarrel(world: World, dice: random.Random) -> Struck:
    """Writers whose transactions overlap, deadlock and are rolled back."""
    inboxes: Sequence[int] = [user for user, _ in world.users[: 2 * LONELY]]
    for number in range(2):
        world.write(f"quarrel-{number}", "quarrel", per_second=20, inboxes=inboxes)
    yield
    for number in range(2):
        world.kill_writers(f"quarrel-{number}")


def _until(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("What the fault waits for did not happen.")
        time.sleep(0.1)
