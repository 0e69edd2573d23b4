"""Events to sockets: fan-out to all, or unicast to one each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.client_pool import ClientPool
from benchmarks.figures import late
from benchmarks.peers.peer import Make, SocketPeer

IN_FLIGHT_FAN_OUT = 4
IN_FLIGHT_UNICAST = 64
UNICAST_BATCH = 16
PRERECORDED_PER_SECOND = 30_000
"""Events that are prepared for each second of a measurement, where they have to be."""
GROUPS = 100
"""Users to whom each event goes in `groups`."""
IN_FLIGHT_GROUPS = 4
PRERECORDED_GROUPS_PER_SECOND = 100
SHARE = 0.5
"""Of a peer's own maximum: the rate at which latency is measured."""


@asynccontextmanager
async def client_pool(
    peer: SocketPeer, sockets: int, *, prerecord: int
) -> AsyncIterator[ClientPool]:
    """Run a peer with subscribed sockets."""
    pool = ClientPool(peer)
    try:
        await peer.start()
        await pool.open(sockets, prerecord=prerecord)
        yield pool
    finally:
        await pool.close()
        await peer.stop()


async def fan_out(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Send every event to all sockets of one user."""
    async with client_pool(make(1), sockets, prerecord=0) as pool:
        return await _measure(pool, seconds, in_flight=IN_FLIGHT_FAN_OUT, batch=1)


async def unicast(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Send each event to one of many users, each with one socket."""
    # The product's rows are written beforehand; its reconciliation must not find them before their doorbells ring.
    peer = make(sockets, settings={"RECONCILE_SECONDS": "60"})
    async with client_pool(peer, sockets, prerecord=int(seconds * PRERECORDED_PER_SECOND)) as pool:
        return await _measure(pool, seconds, in_flight=IN_FLIGHT_UNICAST, batch=UNICAST_BATCH)


async def groups(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Send each event to a hundred users at once, each with their share of the sockets."""
    peer = make(GROUPS, settings={"RECONCILE_SECONDS": "60"})
    prerecord = GROUPS * int(seconds * PRERECORDED_GROUPS_PER_SECOND)
    async with client_pool(peer, sockets, prerecord=prerecord) as pool:
        return await _measure(pool, seconds, in_flight=IN_FLIGHT_GROUPS * GROUPS, batch=GROUPS)


async def round_trip(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Send one event at a time, each when the one before has arrived at all sockets of its user."""
    async with client_pool(make(1), sockets, prerecord=0) as pool:
        latencies: list[float] = []
        pool.delivery_counter.latencies = latencies
        figures = await pool.closed_loop(seconds=seconds, in_flight=1)
        return figures | late(latencies) | pool.counts()


async def two_processes(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Do the same with one server process and with two, which may run wherever there is room."""
    figures: dict[str, float] = {}
    for workers, name in ((1, "one"), (2, "two")):
        async with client_pool(make(1, workers=workers), sockets, prerecord=0) as pool:
            found = await pool.closed_loop(seconds=seconds, in_flight=IN_FLIGHT_FAN_OUT)
            figures |= {f"{name}_{key}": found[key] for key in ("cpu_us", "per_second")}
            figures |= {key: figures.get(key, 0.0) + value for key, value in pool.counts().items()}
    # Twice the processors, divided by how much more an event costs. That they are used to the full cannot be seen
    # on a machine whose other processor makes the events and counts them.
    figures["speedup"] = 2 * figures["one_cpu_us"] / figures["two_cpu_us"]
    return figures


async def _measure(
    pool: ClientPool, seconds: float, *, in_flight: int, batch: int
) -> dict[str, float]:
    figures = await pool.closed_loop(seconds=seconds, in_flight=in_flight, batch=batch)
    rate = SHARE * figures["per_second"] / pool.fan
    latency = await pool.open_loop(seconds=seconds, rate=rate)
    return figures | latency | pool.counts()
