"""Pages that are opened: a list over HTTP, then a socket that is subscribed after its position."""

from __future__ import annotations

import asyncio
import time

from benchmarks import operations
from benchmarks.delivery_counter import DeliveryCounter, Receiver, Stream
from benchmarks.figures import late
from benchmarks.inboxes import SMALL, UNREAD, Inboxes
from benchmarks.meter import Meter
from benchmarks.pages import open_page
from benchmarks.peers.http_peer import MakeHTTP, PagePeer
from benchmarks.processes import quiet
from benchmarks.sockets import Socket
from benchmarks.workloads.requesting import PAGE, serving

FIRST = 100
"""Users whose pages are opened before the measurement: what that causes to be loaded is not the price of a page."""
AT_A_TIME = 8


async def page(make: MakeHTTP, pages: int, seconds: float) -> dict[str, float]:
    """Open pages, each of another user, and leave them open; return the cost of each."""
    inboxes = Inboxes((SMALL,) * (FIRST + pages))
    async with serving(make(len(inboxes.sizes)), inboxes) as peer:
        assert isinstance(peer, PagePeer)
        await _warm_up(peer)
        before = Meter.read(peer)
        opened, latencies = await _open(peer, range(FIRST, FIRST + pages))
        wall = time.perf_counter() - before.moment
        await quiet(peer.pids)
        figures = Meter.read(peer).figures(before, pages)
        for socket in opened:
            socket.close()
    kept = {
        name: figures[name] for name in ("cpu_us", "postgres_us", "redis_us") if name in figures
    }
    return {**kept, "per_second": pages / wall, **late(latencies), "answers": pages}


async def _warm_up(peer: PagePeer) -> None:
    """Open pages and close them again, for some time."""
    deadline = time.perf_counter() + peer.warm_up_seconds
    while time.perf_counter() < deadline:
        opened, _ = await _open(peer, range(FIRST))
        for socket in opened:
            socket.close()
    await quiet(peer.pids)


async def _open(peer: PagePeer, users: range) -> tuple[list[Socket], list[float]]:
    """Return the sockets, and how long each page took."""
    delivery_counter = DeliveryCounter()
    operation = operations.newest(PAGE, total=SMALL, unread=UNREAD, query=operations.PAGE_LIST)
    slots = asyncio.Semaphore(AT_A_TIME)
    latencies: list[float] = []

    async def open_one(user: int) -> Socket:
        async with slots:
            began = time.perf_counter()
            receiver = Receiver(delivery_counter, Stream())
            socket = await open_page(peer, user, operation, receiver)
            latencies.append(time.perf_counter() - began)
            return socket

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(open_one(user)) for user in users]
    return [task.result() for task in tasks], latencies
