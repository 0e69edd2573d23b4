"""Reconnect storms: everybody of a server that dies comes back to the others, after the clients' own backoff.

Two models of the same thing. `each_client` has every client as a process of its own, and every server as a core. In
`cohorts`, clients that lost their connection in the same tick are one number: their returns are spread over the ticks
of their backoff as its distribution says, and the servers that take them, which are alike, are one queue with as many
cores. What a client does:

    wait (backoff), connect: a server's core; the account: a batch of the server; acknowledged: a client that has
    waited for `connect_seconds` until here has given up, and is in its next backoff; the log: another batch; the
    events that it has missed: the server's core

The batches are those of `live_inbox.batching`: one at a time, of all that wait, and a pause after it.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

import simpy

from benchmarks.scaling.cores import URGENT, Cores, Fluid, Steps
from benchmarks.scaling.costs import Costs
from benchmarks.scaling.pacing import CLIENT_BACKOFF, QUERY_SECONDS, pause_after

TICK_SECONDS = 0.01
ABANDONED_SHARE = 0.25
"""Of `connect`: what a server does for a client that has given up. Assumed; nothing is measured."""
GONE = 0
"""Stands for the failures of clients that have given up."""
LONGEST_SECONDS = 3600.0
"""When a storm that does not end is given up."""
LAST_CLIENTS = 0.5
"""Of the cohorts' fractions of clients: fewer than this one have not returned, so all have."""


@dataclass(frozen=True)
class Storm:
    """So many clients come back to so many servers, each with some events missed."""

    clients: int
    servers: int
    missed: int
    database_cores: int = 1


@dataclass
class Return:
    """How a storm went. Times are seconds after the loss; `peak` are shares of all servers' cores in one second."""

    half_seconds: float = 0.0
    most_seconds: float = 0.0
    """When 99 % were back."""
    whole_seconds: float = 0.0
    attempts: float = 0.0
    abandoned: float = 0.0
    server_seconds: float = 0.0
    database_seconds: float = 0.0
    redis_seconds: float = 0.0
    peak_servers: float = 0.0
    peak_database: float = 0.0


def each_client(storm: Storm, costs: Costs, *, seed: int) -> Return:
    """Simulate every client."""
    env = simpy.Environment()
    chance = random.Random(seed)
    servers = [Cores(env) for _ in range(storm.servers)]
    database = Cores(env, storm.database_cores)
    accounts = [_Batches(env, database, costs.connect_database) for _ in servers]
    log_cost = storm.missed * costs.replay_database
    logs = [_Batches(env, database, log_cost) for _ in servers]
    found = Return()
    back: list[float] = []
    total = _Sampled(env, lambda: sum(server.busy for server in servers))
    queries = _Sampled(env, lambda: database.busy)

    def client() -> Steps:
        failures = 0
        while True:
            failures += 1
            yield env.timeout(CLIENT_BACKOFF.wait(failures, chance.random()))
            found.attempts += 1
            number = chance.randrange(storm.servers)
            server = servers[number]
            in_time = yield from server.work_within(costs.connect, CLIENT_BACKOFF.connect_seconds)
            if in_time:
                break
            found.abandoned += 1
            server.env.process(server.work(ABANDONED_SHARE * costs.connect))
        yield accounts[number].ask()
        yield logs[number].ask()
        if storm.missed:
            yield from server.work(storm.missed * costs.replay, URGENT)
        back.append(env.now)

    everybody = env.all_of([env.process(client()) for _ in range(storm.clients)])
    env.run(until=everybody)
    back.sort()
    found.half_seconds = back[len(back) // 2]
    found.most_seconds = back[min(len(back) - 1, ceil(0.99 * len(back)))]
    found.whole_seconds = back[-1]
    found.server_seconds = sum(server.busy for server in servers)
    found.database_seconds = database.busy
    found.redis_seconds = storm.clients * costs.connect_redis
    found.peak_servers = total.peak() / storm.servers
    found.peak_database = queries.peak() / storm.database_cores
    return found


class _Batches:
    """The questions of one server's clients to the database, all that wait in one batch."""

    def __init__(self, env: simpy.Environment, database: Cores, each: float) -> None:
        self._env = env
        self._database = database
        self._each = each
        self._waiting: list[simpy.Event] = []
        self._is_running = False

    def ask(self) -> simpy.Event:
        """Return what happens when the question is answered."""
        answer = self._env.event()
        self._waiting.append(answer)
        if not self._is_running:
            self._is_running = True
            self._env.process(self._run())
        return answer

    def _run(self) -> Steps:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            yield self._env.timeout(QUERY_SECONDS)
            yield from self._database.work(len(batch) * self._each)
            for answer in batch:
                answer.succeed()
            yield self._env.timeout(pause_after(len(batch)))
        self._is_running = False


class _Sampled:
    """What has been used, second by second."""

    def __init__(self, env: simpy.Environment, read: Callable[[], float]) -> None:
        self._env = env
        self._read = read
        self._used = [0.0]
        env.process(self._run())

    def _run(self) -> Steps:
        while True:
            yield self._env.timeout(1.0)
            self._used.append(self._read())

    def peak(self) -> float:
        """Return the most that was used in a second."""
        used = [*self._used, self._read()]
        return max(now - before for before, now in pairwise(used))


def cohorts(storm: Storm, costs: Costs) -> Return:
    """Simulate as many clients as there may be."""
    model = Cohorts(storm, costs)
    model.lose(storm.clients)
    return model.run()


class Cohorts:
    """The model in which those who are alike are one number. Clients are lost at any time, by `lose`."""

    def __init__(self, storm: Storm, costs: Costs) -> None:
        self.env = simpy.Environment()
        self.storm = storm
        self.costs = costs
        self.found = Return()
        self.lost = 0.0
        self.back = 0.0
        self._coming: dict[int, dict[int, float]] = {}
        """By tick and by failures in a row."""
        self._queue: deque[list[float]] = deque()
        """Moment of coming, failures or GONE, clients; the oldest first."""
        self._returns: list[tuple[float, float]] = []
        self._database = Fluid(self.env, storm.database_cores)
        self._server_use = _Sampled(self.env, lambda: self.found.server_seconds)
        self._database_use = _Sampled(self.env, lambda: self._database.busy)
        self._accounts = 0.0
        self._log = 0.0
        self._replays = 0.0
        self._more = self.env.event()

    @property
    def tick(self) -> int:
        """The number of the tick that has begun."""
        return round(self.env.now / TICK_SECONDS)

    def lose(self, clients: float, failures: int = 1) -> None:
        """Let clients lose their connection, or give up an attempt, now."""
        if failures == 1:
            self.lost += clients
        longest = CLIENT_BACKOFF.longest(failures) / TICK_SECONDS
        first, last = self.tick + round(longest / 2), self.tick + round(longest)
        share = clients / max(1, last - first)
        for tick in range(first, max(last, first + 1)):
            of_tick = self._coming.setdefault(tick, {})
            of_tick[failures] = of_tick.get(failures, 0.0) + share

    def run(self, until: float | None = None) -> Return:
        """Run until all are back, and at least until then; return how it went."""
        self.env.process(self._serve())
        self.env.process(self._batches("_accounts", "_log", self.costs.connect_database))
        log_cost = self.storm.missed * self.costs.replay_database
        self.env.process(self._batches("_log", "_replays", log_cost))
        self.env.process(self._end(until or 0.0))
        self.env.run(until=self._more)
        return self._result()

    def _end(self, until: float) -> Steps:
        while self.env.now < until or self.lost - self.back > LAST_CLIENTS:
            if self.env.now > until + LONGEST_SECONDS:
                break
            yield self.env.timeout(TICK_SECONDS)
        self._more.succeed()

    def _serve(self) -> Steps:
        """Give the servers' cores to those who have missed events, and then to those who connect."""
        while True:
            for failures, clients in self._coming.pop(self.tick, {}).items():
                self._queue.append([self.env.now, failures, clients])
                self.found.attempts += clients
            time = self.storm.servers * TICK_SECONDS
            left = time - self._replay(time)
            left -= self._connect(left)
            self.found.server_seconds += time - left
            yield self.env.timeout(TICK_SECONDS)

    def _replay(self, time: float) -> float:
        each = self.storm.missed * self.costs.replay
        clients = min(self._replays, time / each) if each else self._replays
        self._replays -= clients
        if clients:
            self.back += clients
            self._returns.append((self.env.now, clients))
        return clients * each

    def _connect(self, time: float) -> float:
        self._give_up()
        used = 0.0
        while self._queue and used < time - 1e-12:
            _, failures, clients = self._queue[0]
            each = self.costs.connect * (1.0 if failures else ABANDONED_SHARE)
            done = min(clients, (time - used) / each)
            used += done * each
            if failures:
                self._accounts += done
            if clients - done < 1e-9:
                self._queue.popleft()
            else:
                self._queue[0][2] = clients - done
        return used

    def _give_up(self) -> None:
        """Let those who have waited for too long go: the servers have to find out, when it is their turn."""
        limit = self.env.now - CLIENT_BACKOFF.connect_seconds
        late = [each for each in self._queue if each[1] and each[0] < limit - 1e-9]
        for _, failures, clients in late:
            self.found.abandoned += clients
            self.lose(clients, int(failures) + 1)
            self._queue.append([self.env.now, GONE, clients])
        if late:
            self._queue = deque(each for each in self._queue if each not in late)

    def _batches(self, source: str, target: str, each: float) -> Steps:
        servers = self.storm.servers
        while True:
            batch: float = getattr(self, source)
            if batch <= 1e-9:
                yield self.env.timeout(TICK_SECONDS)
                continue
            setattr(self, source, 0.0)
            yield self.env.timeout(QUERY_SECONDS)
            yield from self._database.work(batch / servers * each, servers)
            setattr(self, target, getattr(self, target) + batch)
            yield self.env.timeout(pause_after(int(batch / servers)))

    def _result(self) -> Return:
        found = self.found
        found.database_seconds = self._database.busy
        found.redis_seconds = self.back * self.costs.connect_redis
        found.half_seconds = _moment(self._returns, 0.5 * self.lost)
        found.most_seconds = _moment(self._returns, 0.99 * self.lost)
        found.whole_seconds = self._returns[-1][0] if self._returns else 0.0
        # A second of 101 ticks would be more than all.
        found.peak_servers = min(1.0, self._server_use.peak() / self.storm.servers)
        found.peak_database = min(1.0, self._database_use.peak() / self.storm.database_cores)
        return found


@dataclass
class Rolling:
    """How it went when all servers were restarted, one after the other."""

    whole_seconds: float
    moves: float
    """How often each client had to come back, on average."""
    fullest: float
    """Sockets of the server that was restarted last, when it was: times those of the beginning."""
    peak_servers: float
    server_seconds: float
    database_seconds: float


def rolling(storm: Storm, costs: Costs, *, every_seconds: float) -> Rolling:
    """Restart all servers in turn. A load balancer gives each connection to any of the others, with equal chance.

    `storm.clients` are all sockets of the site. A server that was restarted is there again at the next turn.
    """
    others = storm.servers - 1
    model = Cohorts(replace(storm, servers=others), costs)
    each = storm.clients / storm.servers
    last = each

    def restart() -> Steps:
        nonlocal last
        for _ in range(storm.servers):
            last = each + model.back / others
            model.lose(last)
            yield model.env.timeout(every_seconds)

    model.env.process(restart())
    found = model.run(until=storm.servers * every_seconds)
    return Rolling(
        whole_seconds=found.whole_seconds,
        moves=model.lost / storm.clients,
        fullest=last / each,
        peak_servers=found.peak_servers,
        server_seconds=found.server_seconds,
        database_seconds=found.database_seconds,
    )


def _moment(returns: list[tuple[float, float]], clients: float) -> float:
    """Return when so many were back."""
    back = 0.0
    for moment, count in returns:
        back += count
        if back >= clients:
            return moment
    return float("inf")
