"""More open sockets than a process may have files: what several server processes need to keep them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import socket_process
from benchmarks.peers.product import Product
from benchmarks.processes import cpu_seconds, pss_bytes
from benchmarks.publishing import Writer

SOCKETS_EACH = 15_000
"""Of one process, of the server and of the clients alike. Many systems allow a process 20,000 files."""

DATABASE_THREADS = "2"
"""Of each process: all together must not be more than PostgreSQL has connections for."""

SETTLE_SECONDS = 10.0
MINUTE = 60.0


async def crowd(make: Callable[..., Product], sockets: int, seconds: float) -> dict[str, float]:
    """Open sockets of as many users; return memory and processor time for each, and for a minute of heartbeats.

    `retries` counts sockets that the server has closed with 1013, which were opened anew.
    """
    processes = -(-sockets // SOCKETS_EACH)
    peer = make(sockets, workers=processes, settings={"DATABASE_THREADS": DATABASE_THREADS})
    clients: list[Writer] = []
    try:
        await peer.start()
        await asyncio.sleep(SETTLE_SECONDS)
        memory, used, began = pss_bytes(peer.pids), cpu_seconds(peer.pids), time.perf_counter()
        clients += [await _client(peer) for _ in range(processes)]
        opened = await asyncio.gather(
            *(_open(peer, client, number, processes) for number, client in enumerate(clients))
        )
        wall = time.perf_counter() - began
        # Never quiet: there are the heartbeats.
        await asyncio.sleep(SETTLE_SECONDS)
        used = cpu_seconds(peer.pids) - used
        memory = pss_bytes(peer.pids) - memory
        still = cpu_seconds(peer.pids)
        await asyncio.sleep(MINUTE)
        still = cpu_seconds(peer.pids) - still
        connected = [await client.request("connected") for client in clients]
        if sum(connected) != sum(opened):
            raise RuntimeError(f"{sum(opened) - sum(connected)} sockets were closed meanwhile.")
        retries = [await client.request("retries") for client in clients]
        return {
            "sockets": sum(opened),
            "retries": sum(retries),
            "processes": processes,
            "kilobytes": memory / sum(opened) / 1000,
            "gigabytes": memory / 1e9,
            "connect_ms": 1000 * used / sum(opened),
            "connects_per_second": sum(opened) / wall,
            "idle_cpu_seconds_a_minute": still,
        }
    finally:
        for client in clients:
            await client.close()
        await peer.stop()


async def _client(peer: Product) -> Writer:
    script = Path(socket_process.__file__)
    return await Writer.start(script, peer.environment, peer.checkout.directory)


async def _open(peer: Product, client: Writer, number: int, processes: int) -> int:
    """Open the sockets of one process, from an address of its own: each has ports for 28,000 or so."""
    host, port = peer.address
    tokens = peer.tokens[number::processes]
    opened = await client.request(
        "open", host=host, port=port, source=f"127.0.1.{number + 1}", tokens=tokens
    )
    return int(opened)
