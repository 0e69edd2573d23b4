"""Real use: sockets that are open, while their users ask for lists, mark notifications and are sent some."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from functools import partial
from itertools import cycle

from benchmarks import operations
from benchmarks.answer_check import Check
from benchmarks.client_pool import ClientPool
from benchmarks.client_protocols import GraphQLClientProtocol
from benchmarks.content import title
from benchmarks.delivery_counter import Receiver
from benchmarks.figures import late
from benchmarks.inboxes import SMALL, Inboxes
from benchmarks.meter import Meter
from benchmarks.open_loop import Job, OpenLoop
from benchmarks.operations import Operation
from benchmarks.pages import list_position
from benchmarks.peers.http_peer import MakeHTTP
from benchmarks.peers.product import Product
from benchmarks.request_loop import Connection, Exchange, closed_loop
from benchmarks.sockets import OPENING_AT_A_TIME, open_sockets
from benchmarks.workloads.requesting import PAGE, ask_each, serving

PROPORTIONS = {"list": 70, "mark": 20, "send": 10}
"""Of a hundred requests: users look more often than they mark, and mark more than one of what they are sent."""
SHARES = {"at_50": 0.5, "at_80": 0.8}
"""Of the rate at which one core is busy: the rates at which lateness is measured."""
BUSY_CONNECTIONS = 8
OPEN_CONNECTIONS = 64
SEED = 7
SILENCE_SECONDS = 10.0
TICK_SECONDS = 0.01


async def mixed(make: MakeHTTP, sockets: int, seconds: float) -> dict[str, float]:
    """Find the rate that one core can do, then ask at half and at four fifths of it; count every delivery."""
    inboxes = Inboxes((SMALL,) * sockets, unread=SMALL, is_written=True)
    async with serving(make(sockets), inboxes) as peer:
        assert isinstance(peer, Product)
        users = Users(peer)
        try:
            await users.open()
            figures = await _busy(peer, users, seconds)
            for name, share in SHARES.items():
                rate = share * figures["per_second"]
                found = await _steady(peer, users, rate, seconds)
                figures |= {f"{name}_{figure}": value for figure, value in found.items()}
            await ask_each(peer, users.final_counts())
            return figures | users.counts()
        finally:
            await users.pool.close()


async def _busy(peer: Product, users: Users, seconds: float) -> dict[str, float]:
    made = [partial(Connection, users.exchanges()) for _ in range(BUSY_CONNECTIONS)]
    await closed_loop(peer, made, seconds=peer.warm_up_seconds)
    figures = (await closed_loop(peer, made, seconds=seconds)).figures
    await users.drained()
    names = ("cpu_us", "postgres_us", "redis_us", "per_second", "server_share", "rest_share")
    return {name: figures[name] for name in names if name in figures}


async def _steady(peer: Product, users: Users, rate: float, seconds: float) -> dict[str, float]:
    deliveries: list[float] = []
    users.pool.delivery_counter.latencies = deliveries
    # Opened now: the server closes connections on which nothing is asked for some seconds.
    requests = OpenLoop(peer, OPEN_CONNECTIONS)
    try:
        await requests.open()
        before = Meter.read(peer)
        await requests.run(users.job, rate=rate, seconds=seconds)
    finally:
        requests.close()
    answered = sum(map(len, requests.latencies.values()))
    figures = Meter.read(peer).figures(before, answered)
    await users.drained()
    users.pool.delivery_counter.latencies = None
    found = {name: figures[name] for name in ("cpu_us", "server_share")}
    latencies = {**requests.latencies, "event": deliveries}
    for kind in (*PROPORTIONS, "event"):
        found |= {f"{kind}_{name}": value for name, value in late(latencies.get(kind, [])).items()}
    return {**found, "answers": answered}


class Users:
    """Users with a socket each, and what they have asked for so far."""

    def __init__(self, peer: Product) -> None:
        self._peer = peer
        self._chance = random.Random(SEED)
        self.pool = ClientPool(peer)
        self._protocols: list[WatchingProtocol] = []
        self._marks = [0] * peer.streams
        # Nobody is sent two notifications at a time, which could overtake each other.
        self._markers, self._recipients = self._in_turn(), self._in_turn()
        self._list = operations.entries(PAGE, at_least=SMALL)

    async def open(self) -> None:
        """Open the sockets, each subscribed after the position of its user's list.

        From now on, what is marked before the server has begun the subscription would be no part of it.
        """
        async with asyncio.TaskGroup() as group:
            slots = asyncio.Semaphore(OPENING_AT_A_TIME)
            tasks = [
                group.create_task(self._position(user, slots)) for user in range(self._peer.streams)
            ]
        self._protocols = [
            WatchingProtocol(token, task.result())
            for token, task in zip(self._peer.tokens, tasks, strict=True)
        ]
        receivers = [Receiver(self.pool.delivery_counter, stream) for stream in self.pool.streams]
        pairs = list(zip(self._protocols, receivers, strict=True))
        self.pool.sockets = await open_sockets(self._peer.address, pairs)

    async def _position(self, user: int, slots: asyncio.Semaphore) -> str:
        async with slots:
            return await list_position(self._peer, user, self._list)

    def job(self, moment: float) -> Job:
        """Return the next request, which is due at that moment."""
        (kind,) = self._chance.choices(list(PROPORTIONS), list(PROPORTIONS.values()))
        if kind == "list":
            return self._ask(kind, self._chance.randrange(self._peer.streams), self._list)
        if kind == "mark":
            user = next(self._markers)
            if self._marks[user] == SMALL:
                raise RuntimeError("All notifications are marked: more sockets are needed.")
            marked = self._peer.filled.first_ids[user] + self._marks[user]
            self._marks[user] += 1
            return self._ask(kind, user, operations.mark_read(marked))
        user = next(self._recipients)
        sequence = self.pool.streams[user].publish(moment)
        return self._ask(
            kind, user, operations.send(self._peer.filled.users[user], title(sequence))
        )

    def exchanges(self) -> Iterator[Exchange]:
        """Yield requests that are due now."""
        while True:
            job = self.job(time.perf_counter())
            yield job.request, job.check

    async def drained(self) -> None:
        """Return when all events have come, or none has for a while."""
        await self.pool.drained()
        deadline = time.perf_counter() + SILENCE_SECONDS
        # Asked now and then: an event would cost something at every delivery.
        while self._updates() < sum(self._marks) and time.perf_counter() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(TICK_SECONDS)

    def final_counts(self) -> list[Operation]:
        """Return what asks each user for the counts that the answers amount to."""
        sends = [stream.published for stream in self.pool.streams]
        return [
            operations.counts(total=SMALL + sent, unread=SMALL + sent - marked)
            for sent, marked in zip(sends, self._marks, strict=True)
        ]

    def counts(self) -> dict[str, float]:
        """Return what became of the deliveries: of notifications, and of marks."""
        return {
            **self.pool.counts(),
            "marks_delivered": self._updates(),
            "marks_lost": sum(self._marks) - self._updates(),
        }

    def _updates(self) -> int:
        return sum(protocol.updates for protocol in self._protocols)

    def _ask(self, kind: str, user: int, operation: Operation) -> Job:
        peer = self._peer
        return Job(kind, peer.request(user, operation), Check(peer.data, operation))

    def _in_turn(self) -> Iterator[int]:
        order = list(range(self._peer.streams))
        self._chance.shuffle(order)
        return cycle(order)


class WatchingProtocol(GraphQLClientProtocol):
    """A subscribed socket that counts the marks that it hears of."""

    def __init__(self, token: str, after: str) -> None:
        super().__init__("/graphql/", {"Authorization": f"Bearer {token}"}, after)
        self.updates = 0

    def on_message(self, text: bytes) -> list[bytes]:
        """Count an event of a mark; any other message is one of subscribing."""
        if b'"NotificationUpdated"' in text:
            self.updates += 1
            return []
        return super().on_message(text)
