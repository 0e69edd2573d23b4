"""From the commit to the socket: how late events are, by load.

Two models of the same thing. `each_event` has every client and every event as a process of its own. `sampled` is for
millions: the events of many clients that are independent of each other arrive at a server as one Poisson stream, and
servers that have equal load are alike, so a few servers and one Redis host stand for all. Both have this way:

    commit, hop, a Redis host's core, hop, the core of the server that has the socket

A server's core also answers pings and lists, and reconciles its open inboxes. Reading their heads is the work of a
thread, in slices of SLICE_SECONDS, for then the interpreter gives the event loop its turn; comparing them is one piece
of work of the event loop, and what arrives meanwhile waits.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import simpy

from benchmarks.figures import percentile
from benchmarks.scaling.cores import Cores, Steps
from benchmarks.scaling.costs import Costs
from benchmarks.scaling.pacing import RECONCILE_SECONDS
from live_inbox.delivery.log_reader import COMPARED_AT_A_TIME
from live_inbox_site.process_tuning import SWITCH_SECONDS

SLICE_SECONDS = SWITCH_SECONDS
PING_EVERY_SECONDS = 10.0
"""As `PING_EVERY_MS` in `frontend/client/reconnecting.ts`."""
TICK_SECONDS = 0.05
"""Of the sampled model: arrivals are drawn for so long at a time."""


@dataclass(frozen=True)
class Site:
    """What is deployed. A server is one process with one core."""

    sockets: int
    servers: int
    redis_hosts: int
    database_cores: int = 1
    reconcile_seconds: float = RECONCILE_SECONDS

    @property
    def sockets_each(self) -> float:
        """Sockets of one server."""
        return self.sockets / self.servers


@dataclass(frozen=True)
class Load:
    """What one socket gets and asks for, each second on average."""

    events: float
    lists: float = 0.0
    pings: float = 1 / PING_EVERY_SECONDS


@dataclass
class Lateness:
    """How late events were, and how busy the parts, as shares of their time."""

    latencies: list[float] = field(default_factory=list)
    server: float = 0.0
    redis: float = 0.0

    def milliseconds(self, share: float) -> float:
        """Return how late the event was that this share of them was not later than."""
        self.latencies.sort()
        return 1000 * percentile(self.latencies, share)


def offered(site: Site, load: Load, costs: Costs) -> dict[str, float]:
    """Return which share of its time each part is needed for: `server` and `redis`, of one core each."""
    inboxes = site.sockets_each
    each = load.events * costs.event + load.lists * costs.list + load.pings * costs.ping
    each += costs.reconcile / site.reconcile_seconds
    return {
        "server": inboxes * each,
        "redis": site.sockets * load.events * costs.doorbell / site.redis_hosts,
    }


def each_event(site: Site, load: Load, costs: Costs, *, seconds: float, seed: int) -> Lateness:
    """Simulate every client for so long."""
    env = simpy.Environment()
    chance = random.Random(seed)
    servers = [Cores(env) for _ in range(site.servers)]
    redis = [Cores(env) for _ in range(site.redis_hosts)]
    lateness = Lateness()

    def event(server: Cores, host: Cores) -> Steps:
        committed = env.now
        yield env.timeout(costs.hop)
        yield from host.work(costs.doorbell)
        yield env.timeout(costs.hop)
        yield from server.work(costs.event)
        lateness.latencies.append(env.now - committed)

    def client(server: Cores) -> Steps:
        while True:
            yield env.timeout(chance.expovariate(load.events))
            env.process(event(server, chance.choice(redis)))

    def asking(server: Cores, rate: float, cost: float) -> Steps:
        while rate:
            yield env.timeout(chance.expovariate(rate))
            env.process(server.work(cost))

    for number in range(site.sockets):
        env.process(client(servers[number % site.servers]))
    for server in servers:
        env.process(asking(server, load.lists * site.sockets_each, costs.list))
        env.process(asking(server, load.pings * site.sockets_each, costs.ping))
        env.process(_reconciling(env, server, site, costs, chance))
    env.run(until=seconds)
    lateness.server = sum(server.utilisation(seconds) for server in servers) / site.servers
    lateness.redis = sum(host.utilisation(seconds) for host in redis) / site.redis_hosts
    return lateness


def _reconciling(
    env: simpy.Environment, server: Cores, site: Site, costs: Costs, chance: random.Random
) -> Steps:
    yield env.timeout(chance.uniform(0, site.reconcile_seconds))
    while True:
        began = env.now
        for piece in _pieces(site.sockets_each, costs):
            yield from server.work(piece)
        yield env.timeout(max(0.0, began + site.reconcile_seconds - env.now))


def _pieces(inboxes: float, costs: Costs) -> Iterator[float]:
    """Yield the work of one reconciliation in the pieces in which a server does it, in seconds.

    The heads of COMPARED_AT_A_TIME inboxes are read, in slices of another thread, and then compared in one piece.
    """
    while inboxes > 0:
        part = min(COMPARED_AT_A_TIME, inboxes)
        inboxes -= part
        reading = part * max(0.0, costs.reconcile - costs.reconcile_loop)
        slices = math.ceil(reading / SLICE_SECONDS)
        yield from [reading / slices] * slices if slices else []
        yield part * costs.reconcile_loop


def sampled(
    site: Site, load: Load, costs: Costs, *, seconds: float, seed: int, servers: int = 4
) -> Lateness:
    """Simulate one Redis host and a few servers for so long; they stand for all."""
    env = simpy.Environment()
    chance = random.Random(seed)
    lateness = Lateness()
    host = _Line(chance)
    sampled_servers = [_Line(chance) for _ in range(min(servers, site.servers))]
    waits: list[float] = []

    def redis_host() -> Steps:
        rate = site.sockets * load.events / site.redis_hosts
        while True:
            for moment in host.arrivals(env.now, rate):
                waits.append(host.serve(moment, costs.doorbell))
            del waits[:-10_000]
            yield env.timeout(TICK_SECONDS)

    def server(line: _Line) -> Steps:
        # Later than the host, whose waits it takes.
        yield env.timeout(TICK_SECONDS)
        inboxes = site.sockets_each
        background = _Background(site, costs, chance.uniform(0, site.reconcile_seconds))
        while True:
            now = env.now
            jobs = [
                *(
                    (moment, costs.event, True)
                    for moment in line.arrivals(now, inboxes * load.events)
                ),
                *(
                    (moment, costs.list, False)
                    for moment in line.arrivals(now, inboxes * load.lists)
                ),
                *(
                    (moment, costs.ping, False)
                    for moment in line.arrivals(now, inboxes * load.pings)
                ),
            ]
            for moment, cost, is_event in sorted(jobs):
                background.advance(line, moment)
                late = line.serve(moment, cost)
                if is_event and waits:
                    lateness.latencies.append(2 * costs.hop + chance.choice(waits) + late)
            background.advance(line, now + TICK_SECONDS)
            yield env.timeout(TICK_SECONDS)

    env.process(redis_host())
    for line in sampled_servers:
        env.process(server(line))
    env.run(until=seconds)
    measured = seconds - TICK_SECONDS
    lateness.server = sum(line.busy for line in sampled_servers) / len(sampled_servers) / measured
    lateness.redis = host.busy / seconds
    return lateness


class _Line:
    """A core with its queue, known by when it will be free: first come, first served."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.free_at = 0.0
        self.busy = 0.0

    def arrivals(self, begin: float, rate: float) -> Iterator[float]:
        """Yield the moments of a Poisson stream within one tick, in order."""
        if not rate:
            return
        moment = begin + self._chance.expovariate(rate)
        while moment < begin + TICK_SECONDS:
            yield moment
            moment += self._chance.expovariate(rate)

    def serve(self, moment: float, cost: float) -> float:
        """Take a job that comes at a moment; return how long it is here."""
        self.free_at = max(self.free_at, moment) + cost
        self.busy += cost
        return self.free_at - moment


class _Background:
    """The reconciliations of one server: a slice enters the line when the one before it is done."""

    def __init__(self, site: Site, costs: Costs, first: float) -> None:
        self._every = site.reconcile_seconds
        self._round = list(_pieces(site.sockets_each, costs))
        self._due = [(first, 0)]
        self._began = first

    def advance(self, line: _Line, until: float) -> None:
        """Put the work into the line that is due until then."""
        while self._due[0][0] <= until:
            moment, number = self._due[0]
            if number == 0:
                self._began = moment
            done = moment + line.serve(moment, self._round[number])
            if number + 1 < len(self._round):
                following = (done, number + 1)
            else:
                following = (max(done, self._began + self._every), 0)
            heapq.heapreplace(self._due, following)
