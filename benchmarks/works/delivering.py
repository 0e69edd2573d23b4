"""Events to sockets: everything to everybody, or each to one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.crowd import Crowd, late
from benchmarks.peers.peer import Make, Peer

IN_FLIGHT_FAN_OUT = 4
IN_FLIGHT_UNICAST = 64
UNICAST_BATCH = 16
RUSH_PER_SECOND = 30_000
"""Events that are prepared for each second of a measurement, where they have to be."""
SHARE = 0.5
"""Of a peer's own maximum: the rate at which latency is measured."""


@asynccontextmanager
async def crowd(peer: Peer, sockets: int, *, rush: int) -> AsyncIterator[Crowd]:
    """Run a peer with subscribed sockets."""
    people = Crowd(peer)
    try:
        await peer.start()
        await people.open(sockets, rush=rush)
        yield people
    finally:
        await people.close()
        await peer.stop()


async def fan_out(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Send every event to all sockets of one user."""
    async with crowd(make(1), sockets, rush=0) as people:
        return await _measure(people, seconds, in_flight=IN_FLIGHT_FAN_OUT, batch=1)


async def unicast(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Send each event to one of many users, each with one socket."""
    # The product's rows are written beforehand; its watch must not find them before their doorbells ring.
    peer = make(sockets, settings={"RECONCILE_SECONDS": "60"})
    async with crowd(peer, sockets, rush=int(seconds * RUSH_PER_SECOND)) as people:
        return await _measure(people, seconds, in_flight=IN_FLIGHT_UNICAST, batch=UNICAST_BATCH)


async def round_trip(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Send one event at a time, each when the one before has arrived at all sockets of its user."""
    async with crowd(make(1), sockets, rush=0) as people:
        latencies: list[float] = []
        people.tally.latencies = latencies
        figures = await people.closed_loop(seconds=seconds, in_flight=1)
        return figures | late(latencies) | people.counts()


async def two_processes(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Do the same with one server process and with two, which may run wherever there is room."""
    figures: dict[str, float] = {}
    for workers, name in ((1, "one"), (2, "two")):
        async with crowd(make(1, workers=workers), sockets, rush=0) as people:
            found = await people.closed_loop(seconds=seconds, in_flight=IN_FLIGHT_FAN_OUT)
            figures |= {f"{name}_{key}": found[key] for key in ("cpu_us", "per_second")}
            figures |= {
                key: figures.get(key, 0.0) + value for key, value in people.counts().items()
            }
    # Twice the processors, divided by how much more an event costs. That they are used to the full cannot be seen
    # on a machine whose other processor makes the events and counts them.
    figures["speedup"] = 2 * figures["one_cpu_us"] / figures["two_cpu_us"]
    return figures


async def _measure(
    people: Crowd, seconds: float, *, in_flight: int, batch: int
) -> dict[str, float]:
    figures = await people.closed_loop(seconds=seconds, in_flight=in_flight, batch=batch)
    rate = SHARE * figures["per_second"] / people.fan
    latency = await people.open_loop(seconds=seconds, rate=rate)
    return figures | latency | people.counts()
