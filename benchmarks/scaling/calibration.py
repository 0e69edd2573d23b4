"""What the parts of the product cost on this machine: measured with a small crowd, in less than a minute.

The figures are written to `calibration.json`; `costs.py` takes what the simulation needs from there, and from
`benchmarks/results` what is not measured here.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import operations
from benchmarks.client_pool import ClientPool
from benchmarks.inboxes import SMALL, UNREAD, Inboxes
from benchmarks.machine import describe
from benchmarks.peers.product import Product
from benchmarks.processes import pss_bytes
from benchmarks.scaling.crowd import SETTLE_SECONDS, crowd, kill_server, missed, opened, product
from benchmarks.scaling.crowd import returned as brought_back
from benchmarks.testbed import Testbed
from benchmarks.workloads.delivering import round_trip, unicast
from benchmarks.workloads.requesting import PAGE, measured, repeated, serving
from live_inbox.delivery.hub import Hub
from live_inbox.delivery.log import Entry, Head, LogRange
from live_inbox.delivery.position import Position

FILE = Path(__file__).with_name("calibration.json")
SOCKETS = 2500
CONNECTIONS = 8
SECONDS = 1.5
PINGS = 10
"""Of each socket, in the measurement of what they cost."""
PING_SECONDS = 0.5
RARELY, OFTEN = "60", "0.25"
"""Values of RECONCILE_SECONDS: so that reconciliation costs nothing, and so that it can be measured."""
RECONCILING_SECONDS = 6.0


async def calibrate(testbed: Testbed, command: str) -> dict[str, Any]:
    """Measure, and return the figures with the machine."""
    figures: dict[str, float] = {}
    async with crowd(testbed, SOCKETS, {"RECONCILE_SECONDS": RARELY}) as pool:
        figures |= await _connecting(pool)
        figures |= await _resuming(pool)
        figures |= await _reconciling(pool)
    figures |= await _looping()
    make = partial(Product, testbed)
    figures |= _named("unicast", await unicast(make, SOCKETS, SECONDS))
    figures |= _named("roundtrip", await round_trip(make, 1, SECONDS))
    figures |= _named("list", await _lists(make))
    return {**describe(command), "sockets": SOCKETS, "figures": figures}


def save(found: dict[str, Any], path: Path = FILE) -> None:
    """Write the figures."""
    path.write_text(json.dumps(found, indent=1) + "\n")


def _named(name: str, figures: dict[str, float]) -> dict[str, float]:
    costs = ("cpu_us", "redis_us", "postgres_us", "publisher_us")
    kept = (*costs, "per_second", "p50_ms", "p99_ms")
    return {f"{name}_{key}": figures[key] for key in kept if key in figures}


async def _connecting(pool: ClientPool) -> dict[str, float]:
    peer = product(pool)
    peer.serve()
    await asyncio.sleep(SETTLE_SECONDS)
    memory = pss_bytes(peer.pids)
    before, after = await opened(pool)
    each = 1e6 / len(pool.streams)
    return {
        "connect_us": (after.server - before.server) * each,
        "connect_postgres_us": (after.apart["postgres"] - before.apart["postgres"]) * each,
        "connect_redis_us": (after.apart["redis"] - before.apart["redis"]) * each,
        "socket_kb": (pss_bytes(peer.pids) - memory) / len(pool.streams) / 1000,
        "ping_us": await _pinging(pool) * each / PINGS,
    }


async def _pinging(pool: ClientPool) -> float:
    """Have each socket send a few pings, at a pace as with many more sockets; return the server's seconds."""
    before = pool.meter()
    for _ in range(PINGS):
        for number, socket in enumerate(pool.sockets):
            socket.send(b'{"type":"ping"}')
            if number % 50 == 49:
                await asyncio.sleep(PING_SECONDS * 50 / len(pool.sockets))
    await asyncio.sleep(PING_SECONDS)
    return pool.meter().server - before.server


async def _resuming(pool: ClientPool) -> dict[str, float]:
    kill_server(pool)
    positions = await missed(pool)
    product(pool).serve()
    await asyncio.sleep(SETTLE_SECONDS)
    found = await brought_back(pool, positions)
    each = 1e6 / len(pool.streams)
    return {
        "resume_us": found["server_seconds"] * each,
        "resume_postgres_us": found["postgres_seconds"] * each,
        "resume_redis_us": found["redis_seconds"] * each,
    }


async def _reconciling(pool: ClientPool) -> dict[str, float]:
    kill_server(pool)
    peer = product(pool)
    peer.environment = peer.environment | {"RECONCILE_SECONDS": OFTEN}
    peer.serve()
    await asyncio.sleep(SETTLE_SECONDS)
    await opened(pool)
    before = pool.meter()
    await asyncio.sleep(RECONCILING_SECONDS)
    after = pool.meter()
    # A round takes its time itself, so there are somewhat fewer than the interval says: the cost is a lower bound.
    rounds = (after.moment - before.moment) / float(OFTEN)
    each = 1e6 / len(pool.streams) / rounds
    return {
        "reconcile_us": (after.server - before.server) * each,
        "reconcile_postgres_us": (after.apart["postgres"] - before.apart["postgres"]) * each,
    }


class _UnchangedLog:
    """A log in which nothing happens, for what the event loop does at a reconciliation."""

    def __init__(self, heads: dict[str, Head]) -> None:
        self._heads = heads

    async def deployment(self) -> str:
        return "calibration"

    async def heads(self, inboxes: Collection[str]) -> dict[str, Head]:
        return self._heads

    async def read(self, ranges: Sequence[LogRange], *, limit: int) -> list[list[Entry]]:
        return [[] for _ in ranges]


async def _looping() -> dict[str, float]:
    """Time how long one reconciliation occupies the event loop, for each open inbox: nothing else runs meanwhile."""
    names = [str(number) for number in range(50_000)]
    heads = {name: Head(Position("e" * 12, 7, 5), first_sequence=1) for name in names}
    hub: Hub[Entry] = Hub(_UnchangedLog(heads), layer=None, decode=lambda data: None)  # type: ignore[arg-type,return-value]
    reader = hub._reader

    async def once() -> float:
        began = time.process_time()
        await reader._serve(set(), set(names), [])
        return time.process_time() - began

    async def all_rounds() -> float:
        for name in names:
            hub._open(name, None)
        await reader._serve(set(names), set(), [])
        return min([await once() for _ in range(5)])

    return {"reconcile_loop_us": await all_rounds() * 1e6 / len(names)}


async def _lists(make: Any) -> dict[str, float]:
    async with serving(make(CONNECTIONS), Inboxes((SMALL,) * CONNECTIONS)) as peer:
        sources = [
            repeated(peer, user, operations.newest(PAGE, total=SMALL, unread=UNREAD))
            for user in range(CONNECTIONS)
        ]
        return await measured(peer, sources, SECONDS)
