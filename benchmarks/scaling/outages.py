"""Redis is away: what reconciliation costs, how late it delivers, and the return of the subscriptions.

Reconciliation is the same when Redis is there, so this model also says what it costs the database each second. Every
server has its rounds: it reads the heads of its open inboxes, CHUNK at a time, one query after the other, then the
events that it finds. The servers have their rounds at different moments.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from math import ceil

import simpy

from benchmarks.figures import percentile
from benchmarks.scaling.cores import Cores, Steps
from benchmarks.scaling.costs import Costs
from benchmarks.scaling.deliveries import Load, Site

CHUNK = 1000
"""As `_CHUNK` in `live_inbox/selectors/log.py`: inboxes that one query names."""
POINTS = 10
"""Events of one round that stand for all that came since the round before, evenly."""


@dataclass
class Outage:
    """How late events were that only reconciliation has delivered, and what that took."""

    latencies: list[float] = field(default_factory=list)
    rounds: int = 0
    database_cores: float = 0.0
    """Cores of the database that were busy on average."""
    server: float = 0.0
    """The share of a server's core."""
    subscribe_seconds: float = 0.0
    """Redis's work until all groups are joined again, of each host."""

    def seconds(self, share: float) -> float:
        """Return how late the event was that this share of them was not later than."""
        self.latencies.sort()
        return percentile(self.latencies, share)


def without_redis(site: Site, load: Load, costs: Costs, *, seconds: float, seed: int) -> Outage:
    """Simulate all servers for so long, with no doorbell at all."""
    env = simpy.Environment()
    chance = random.Random(seed)
    database = Cores(env, site.database_cores)
    servers = [Cores(env) for _ in range(site.servers)]
    outage = Outage()
    inboxes = site.sockets_each

    def reconcile(server: Cores) -> Steps:
        yield env.timeout(chance.uniform(0, site.reconcile_seconds))
        since = env.now - site.reconcile_seconds
        while True:
            began = env.now
            left = inboxes
            while left > 0:
                part = min(CHUNK, left)
                yield from database.work(part * costs.reconcile_database)
                yield from server.work(part * (costs.reconcile - costs.reconcile_loop))
                left -= CHUNK
            yield from server.work(inboxes * costs.reconcile_loop)
            found = inboxes * load.events * (began - since)
            for number in range(ceil(found / CHUNK)):
                part = min(CHUNK, found - number * CHUNK)
                yield from database.work(part * costs.replay_database)
            yield from server.work(found * costs.replay)
            for point in range(POINTS):
                age = (began - since) * (point + chance.random()) / POINTS
                outage.latencies.append(env.now - began + age)
            outage.rounds += 1
            since = began
            yield env.timeout(max(0.0, began + site.reconcile_seconds - env.now))

    for server in servers:
        env.process(reconcile(server))
    env.run(until=seconds)
    outage.database_cores = database.busy / seconds
    outage.server = sum(server.utilisation(seconds) for server in servers) / site.servers
    outage.subscribe_seconds = site.sockets * costs.connect_redis / site.redis_hosts
    return outage
