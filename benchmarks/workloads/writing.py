"""What writing costs, apart from sockets: one notification, ten thousand, and marks in a large inbox."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from benchmarks.client_pool import ClientPool
from benchmarks.content import WARM_UP
from benchmarks.peers.peer import Make
from benchmarks.peers.product import Product
from benchmarks.processes import pin
from tests.stacks.stack import StackName

TIMING = Path(__file__).parents[1] / "peers" / "product_timing.py"
RECIPIENTS = 10_000
TIMES = 3
STACKS: tuple[StackName, ...] = ("embedded", "production")


async def send(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Compare `send` with a bare transaction of the ORM that writes the same rows, on both databases."""
    return await _timed(make, "send")


async def lists(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Compare an inbox of a hundred notifications with one of a million, on both databases."""
    return await _timed(make, "lists")


async def _timed(make: Make, verb: str) -> dict[str, float]:
    figures: dict[str, float] = {}
    for stack_name, database in zip(STACKS, ("sqlite", "postgresql"), strict=True):
        peer = make(1)
        assert isinstance(peer, Product)
        peer.stack_name = stack_name
        try:
            environment = peer.fresh_environment()
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(TIMING),
                verb,
                cwd=peer.checkout.directory,
                env=environment,
                stdout=asyncio.subprocess.PIPE,
            )
            pin(process.pid, peer.testbed.processors.server)
            out, _ = await process.communicate()
        finally:
            await peer.stop()
        if process.returncode:
            raise RuntimeError(f"{TIMING.name} {verb} ended with {process.returncode}.")
        found: dict[str, float] = json.loads(out)
        figures |= {f"{database}_{name}": value for name, value in found.items()}
    return figures


async def send_many(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Send to ten thousand users at once, some of whom are looking."""
    peer = make(RECIPIENTS)
    assert isinstance(peer, Product)
    pool = ClientPool(peer)
    try:
        await peer.start()
        assert peer.writer is not None
        await peer.writer.request("send_all", sequence=WARM_UP)
        await pool.open(sockets, prerecord=0)
        before, began = pool.meter(), time.perf_counter()
        database = peer.apart()["postgres"]
        writing = 0.0
        for _ in range(TIMES):
            started = time.perf_counter()
            for stream in pool.streams:
                sequence = stream.publish(started)
            started = time.perf_counter()
            await peer.writer.request("send_all", sequence=sequence)
            writing += time.perf_counter() - started
        await pool.drained()
        wall = time.perf_counter() - began
        after = pool.meter()
        each = 1e6 / (RECIPIENTS * TIMES)
        delivered = max(pool.delivery_counter.delivered, 1)
        return {
            "recipients_per_second": RECIPIENTS * TIMES / writing,
            "writer_us": (after.publishers - before.publishers) * each,
            "postgres_us": (after.apart["postgres"] - database) * each,
            "redis_us": (after.apart["redis"] - before.apart["redis"]) * each,
            "cpu_us": 1e6 * (after.server - before.server) / delivered,
            "drain_ms": 1000 * (wall - writing),
            **pool.counts(),
        }
    finally:
        await pool.close()
        await peer.stop()
