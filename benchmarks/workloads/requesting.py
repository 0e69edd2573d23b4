"""Requests over HTTP, each with a token: what they cost the server, and how long they take."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import repeat

from benchmarks import operations
from benchmarks.answer_check import Check
from benchmarks.figures import late
from benchmarks.inboxes import LARGE, SMALL, UNREAD, Inboxes, username
from benchmarks.operations import Operation
from benchmarks.peers.http_peer import HTTPPeer, MakeHTTP
from benchmarks.request_loop import Connection, Exchange, Open, closed_loop

PAGE, LONG_PAGE = 20, 100
MARKS_PER_SECOND = 1_500
"""Notifications that each connection is given to mark; one that is alone comes to the most."""
LONGEST_WARM_UP_SECONDS = 6.0
FIGURES = (
    *("cpu_us", "postgres_us", "redis_us", "per_second"),
    *("server_share", "client_share", "rest_share"),
)
"""Of the loop with several connections, those that are kept."""


async def typename(make: MakeHTTP, connections: int, seconds: float) -> dict[str, float]:
    """Ask for nothing but the name of a type."""
    async with serving(make(connections), Inboxes((SMALL,) * connections)) as peer:
        sources = [repeated(peer, user, operations.typename()) for user in range(connections)]
        return await measured(peer, sources, seconds)


async def viewer(make: MakeHTTP, connections: int, seconds: float) -> dict[str, float]:
    """Ask who the caller is."""
    async with serving(make(connections), Inboxes((SMALL,) * connections)) as peer:
        sources = [
            repeated(peer, user, operations.viewer(username(user))) for user in range(connections)
        ]
        return await measured(peer, sources, seconds)


async def lists(make: MakeHTTP, connections: int, seconds: float) -> dict[str, float]:
    """Ask for the newest of an inbox of 100, each connection for another user's, and of one of 1,000,000."""
    figures: dict[str, float] = {}
    inboxes, kinds = kinds_of_lists(connections)
    async with serving(make(len(inboxes.sizes)), inboxes) as peer:
        for name, asked in kinds.items():
            sources = [
                repeated(peer, user, operations.newest(first, total=size, unread=UNREAD))
                for user, size, first in asked
            ]
            found = await measured(peer, sources, seconds)
            figures |= {f"{name}_{figure}": value for figure, value in found.items()}
    return figures


def kinds_of_lists(connections: int) -> tuple[Inboxes, dict[str, list[tuple[int, int, int]]]]:
    """Return the inboxes, and for each kind of list what each connection asks for: user, total, and how many."""
    small = [(user, SMALL, PAGE) for user in range(connections)]
    large = [(connections, LARGE)] * connections
    return Inboxes((*(SMALL,) * connections, LARGE)), {
        "20_of_100": small,
        "20_of_1000000": [(*of, PAGE) for of in large],
        "100_of_1000000": [(*of, LONG_PAGE) for of in large],
    }


async def mark(make: MakeHTTP, connections: int, seconds: float) -> dict[str, float]:
    """Mark notifications as read, each once, the oldest first; each connection in another user's inbox."""
    size = int(MARKS_PER_SECOND * (LONGEST_WARM_UP_SECONDS + seconds))
    inboxes = Inboxes((size,) * connections, unread=size, is_written=True)
    async with serving(make(connections), inboxes) as peer:
        sources = [Marks(peer, user, size) for user in range(connections)]
        figures = await measured(peer, sources, seconds)
        if any(source.done == size for source in sources):
            raise RuntimeError(f"{peer.name} has marked all: MARKS_PER_SECOND is too low.")
        checks = [operations.counts(total=size, unread=size - source.done) for source in sources]
        await ask_each(peer, checks)
    return figures


async def send(make: MakeHTTP, connections: int, seconds: float) -> dict[str, float]:
    """Send notifications to oneself; each connection is another user."""
    inboxes = Inboxes((SMALL,) * connections, is_written=True)
    async with serving(make(connections), inboxes) as peer:
        sources = [Sends(peer, user) for user in range(connections)]
        figures = await measured(peer, sources, seconds)
        checks = [
            operations.counts(total=SMALL + source.done, unread=UNREAD + source.done)
            for source in sources
        ]
        await ask_each(peer, checks)
    return figures


async def two_processes(make: MakeHTTP, connections: int, seconds: float) -> dict[str, float]:
    """Ask one server process and two, which may run wherever there is room, for the caller and for a list."""
    figures: dict[str, float] = {}
    inboxes = Inboxes((SMALL,) * connections)
    for workers, name in ((1, "one"), (2, "two")):
        async with serving(make(connections, workers=workers), inboxes) as peer:
            for kind, asked in {
                "viewer": [operations.viewer(username(user)) for user in range(connections)],
                "list": [operations.newest(PAGE, total=SMALL, unread=UNREAD)] * connections,
            }.items():
                made = [
                    partial(Connection, repeated(peer, user, operation))
                    for user, operation in enumerate(asked)
                ]
                await closed_loop(peer, made, seconds=peer.warm_up_seconds)
                found = (await closed_loop(peer, made, seconds=seconds)).figures
                figures |= {f"{kind}_{name}_{key}": found[key] for key in ("cpu_us", "per_second")}
    for kind in ("viewer", "list"):
        # As in `delivering.two_processes`: twice the processors, divided by how much more a request costs.
        ratio = figures[f"{kind}_one_cpu_us"] / figures[f"{kind}_two_cpu_us"]
        figures[f"{kind}_speedup"] = 2 * ratio
    return figures


@asynccontextmanager
async def serving(peer: HTTPPeer, inboxes: Inboxes) -> AsyncIterator[HTTPPeer]:
    """Run a peer with inboxes."""
    try:
        await peer.start_with(inboxes)
        yield peer
    finally:
        await peer.stop()


def repeated(peer: HTTPPeer, user: int, operation: Operation) -> Iterator[Exchange]:
    """Yield the same request for ever."""
    return repeat((peer.request(user, operation), Check(peer.data, operation)))


class Marks(Iterator[Exchange]):
    """Marks the notifications of one inbox, as long as there are any."""

    def __init__(self, peer: HTTPPeer, user: int, size: int) -> None:
        self._peer = peer
        self._user = user
        self._size = size
        self.done = 0

    def __next__(self) -> Exchange:
        """Return the request for the next one."""
        if self.done == self._size:
            raise StopIteration
        operation = operations.mark_read(self._peer.filled.first_ids[self._user] + self.done)
        self.done += 1
        return self._peer.request(self._user, operation), Check(self._peer.data, operation)


class Sends(Iterator[Exchange]):
    """Sends to one inbox."""

    def __init__(self, peer: HTTPPeer, user: int) -> None:
        operation = operations.send(peer.filled.users[user])
        self._peer = peer
        self._operation = operation
        self._request = peer.request(user, operation)
        self.done = 0

    def __next__(self) -> Exchange:
        """Return the next request."""
        self.done += 1
        return self._request, Check(self._peer.data, self._operation)


async def ask_each(peer: HTTPPeer, asked: Sequence[Operation]) -> None:
    """Have each user ask once. Raise Wrong if an answer is not right."""
    sources = [
        iter([(peer.request(user, operation), Check(peer.data, operation))])
        for user, operation in enumerate(asked)
    ]
    await closed_loop(peer, [partial(Connection, source) for source in sources], seconds=1.0)


async def measured(
    peer: HTTPPeer, sources: Sequence[Iterator[Exchange]], seconds: float
) -> dict[str, float]:
    """Ask over as many connections of HTTP as there are sources, and return the figures."""
    return await measured_on(peer, [partial(Connection, source) for source in sources], seconds)


async def measured_on(peer: HTTPPeer, made: Sequence[Open], seconds: float) -> dict[str, float]:
    """Ask over all connections, then over one: cost and rate are those of the first, latency that of the second."""
    await closed_loop(peer, made, seconds=peer.warm_up_seconds)
    several = await closed_loop(peer, made, seconds=seconds)
    single = await closed_loop(peer, made[:1], seconds=seconds / 2)
    kept = {name: several.figures[name] for name in FIGURES if name in several.figures}
    return {
        **kept,
        **late(single.latencies),
        "one_connection_us": single.figures["cpu_us"],
        "answers": len(several.latencies) + len(single.latencies),
    }
