"""Requests over HTTP, each with a token: what they cost the server, and how long they take."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import repeat

from benchmarks import operations
from benchmarks.figures import late
from benchmarks.inboxes import LARGE, SMALL, UNREAD, Inboxes, username
from benchmarks.operations import Operation
from benchmarks.peers.http_peer import Check, HTTPPeer, MakeHTTP
from benchmarks.request_loop import Exchange, closed_loop

WARM_UP_SECONDS = 1.5
"""Enough for Node to compile what it runs often."""
PAGE, LONG_PAGE = 20, 100
FIGURES = ("cpu_us", "postgres_us", "redis_us", "per_second", "server_share", "client_share")
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
    inboxes = Inboxes((*(SMALL,) * connections, LARGE))
    small = [(user, SMALL) for user in range(connections)]
    large = [(connections, LARGE)] * connections
    figures: dict[str, float] = {}
    async with serving(make(len(inboxes.sizes)), inboxes) as peer:
        for name, first, users in (
            ("20_of_100", PAGE, small),
            ("20_of_1000000", PAGE, large),
            ("100_of_1000000", LONG_PAGE, large),
        ):
            sources = [
                repeated(peer, user, operations.newest(first, total=size, unread=UNREAD))
                for user, size in users
            ]
            found = await measured(peer, sources, seconds)
            figures |= {f"{name}_{figure}": value for figure, value in found.items()}
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
    return repeat((peer.request(user, operation), Check(peer, operation)))


async def measured(
    peer: HTTPPeer, sources: Sequence[Iterator[Exchange]], seconds: float
) -> dict[str, float]:
    """Ask over all connections, then over one: cost and rate are those of the first, latency that of the second."""
    await closed_loop(peer, sources, seconds=WARM_UP_SECONDS)
    several = await closed_loop(peer, sources, seconds=seconds)
    single = await closed_loop(peer, sources[:1], seconds=seconds / 2)
    kept = {name: several.figures[name] for name in FIGURES if name in several.figures}
    answers = len(several.latencies) + len(single.latencies)
    return (
        kept
        | {"rest_share": several.figures["rest_share"]}
        | late(single.latencies)
        | {
            "one_connection_us": single.figures["cpu_us"],
            "answers": answers,
        }
    )
