"""A crowd of real sockets at a real server: opened, left alone, served, cut off, and brought back."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from benchmarks.client_pool import ClientPool
from benchmarks.content import WARM_UP
from benchmarks.delivery_counter import DeliveryCounter, Receiver
from benchmarks.meter import Meter
from benchmarks.peers.product import UNLIMITED, Product
from benchmarks.processes import cpu_seconds
from benchmarks.scaling.pacing import CLIENT_BACKOFF
from benchmarks.sockets import Socket
from benchmarks.testbed import Testbed

SETTINGS = {"MAX_SOCKETS_PER_ADDRESS": "10000000", "HANDSHAKE_RATE": UNLIMITED}
SEED = 11
AT_A_TIME = 500
SETTLE_SECONDS = 3.0
"""For what a server still does after the last socket is open."""
MISSED = 20
"""Events that each client has missed when it resumes, as in the workload `storm`."""


@asynccontextmanager
async def crowd(
    testbed: Testbed, sockets: int, settings: dict[str, str]
) -> AsyncIterator[ClientPool]:
    """Prepare users and inboxes with one event each, without a server."""
    peer = Product(testbed, sockets, settings={**SETTINGS, **settings})
    pool = ClientPool(peer)
    try:
        await peer.prepare()
        assert peer.writer is not None
        await peer.writer.request("send_all", sequence=WARM_UP)
        yield pool
    finally:
        await pool.close()
        await peer.stop()


async def opened(pool: ClientPool) -> tuple[Meter, Meter]:
    """Open one socket for each user, and return the meters before and after."""
    peer = product(pool)
    receivers = [Receiver(pool.delivery_counter, stream) for stream in pool.streams]
    before = pool.meter()
    slots = asyncio.Semaphore(AT_A_TIME)

    async def open_one(stream: int) -> Socket:
        async with slots:
            return await attempt(peer, stream, None, receivers[stream])

    pool.sockets = await asyncio.gather(*map(open_one, range(len(pool.streams))))
    await asyncio.sleep(SETTLE_SECONDS)
    assert peer.writer is not None
    pool.publisher = peer.writer
    return before, pool.meter()


async def missed(pool: ClientPool) -> list[str]:
    """Let every inbox get the events that its client is to miss; return the positions of before."""
    peer = product(pool)
    assert peer.writer is not None
    positions: list[str] = await peer.writer.request("positions")
    for _ in range(MISSED):
        sequence = max(stream.publish(0.0) for stream in pool.streams)
        await peer.writer.request("send_all", sequence=sequence)
    return positions


async def returned(pool: ClientPool, positions: Sequence[str]) -> dict[str, float]:
    """Bring everybody back after the product's own backoff; return what it cost and when all had everything."""
    peer = product(pool)
    # Those of the sockets that are gone do not count.
    pool.delivery_counter = DeliveryCounter()
    receivers = [Receiver(pool.delivery_counter, stream) for stream in pool.streams]
    for receiver in receivers:
        receiver.expected = 1
    chance = random.Random(SEED)
    tries = 0
    back: list[float] = []
    before = pool.meter()
    began = time.perf_counter()

    async def come_back(stream: int) -> Socket:
        nonlocal tries
        failures = 0
        while True:
            failures += 1
            await asyncio.sleep(CLIENT_BACKOFF.wait(failures, chance.random()))
            tries += 1
            try:
                async with asyncio.timeout(CLIENT_BACKOFF.connect_seconds):
                    socket = await attempt(peer, stream, positions[stream], receivers[stream])
            except (TimeoutError, OSError, RuntimeError):
                continue
            back.append(time.perf_counter() - began)
            return socket

    peaks = [0.0]
    watch = asyncio.create_task(_busiest_second(lambda: cpu_seconds(peer.pids), peaks))
    pool.sockets = await asyncio.gather(*map(come_back, range(len(pool.streams))))
    await pool.drained()
    whole = time.perf_counter() - began
    after = pool.meter()
    watch.cancel()
    back.sort()
    clients = len(pool.streams)
    return {
        "half_seconds": back[clients // 2],
        "last_seconds": back[-1],
        "whole_seconds": whole,
        "attempts": tries,
        "server_peak_share": peaks[0],
        "server_seconds": after.server - before.server,
        "postgres_seconds": after.apart["postgres"] - before.apart["postgres"],
        "redis_seconds": after.apart["redis"] - before.apart["redis"],
        "client_share": (after.client - before.client) / (after.moment - before.moment),
        "rest_share": 1
        - (after.idle - before.idle) / (after.moment - before.moment) / after.processors,
        **pool.counts(),
    }


async def _busiest_second(used: Callable[[], float], peaks: list[float]) -> None:
    """Keep the largest share of a processor that was used in any second, until cancelled."""
    before, moment = used(), time.perf_counter()
    while True:
        await asyncio.sleep(1.0)
        now, clock = used(), time.perf_counter()
        peaks[0] = max(peaks[0], (now - before) / (clock - moment))
        before, moment = now, clock


async def attempt(peer: Product, stream: int, after: str | None, receiver: Receiver) -> Socket:
    """Open one socket and subscribe. Raises OSError or Refused."""
    protocol = peer.client_protocol(stream, after=after)
    socket = Socket("{}:{}".format(*peer.address), protocol, receiver)
    await asyncio.get_running_loop().create_connection(lambda: socket, *peer.address)
    try:
        await socket.ready
    except BaseException:
        socket.close()
        raise
    return socket


def kill_server(pool: ClientPool) -> None:
    """End the server as a machine's loss does: at once, without a word to its clients."""
    peer = product(pool)
    for child in peer.children:
        child.kill()
    peer.children.clear()
    for socket in pool.sockets:
        socket.close()
    pool.sockets = []


def product(pool: ClientPool) -> Product:
    """Return the product that the pool is for."""
    assert isinstance(pool.peer, Product)
    return pool.peer
