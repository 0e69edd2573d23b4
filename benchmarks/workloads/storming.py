"""Thousands of clients that come back at once, each with a position and with events that it has missed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import psycopg

from benchmarks import operations
from benchmarks.client_pool import ClientPool
from benchmarks.content import WARM_UP
from benchmarks.delivery_counter import Receiver
from benchmarks.pages import open_page
from benchmarks.peers.peer import Make, SocketPeer
from benchmarks.peers.product import FEW_USERS, Product
from benchmarks.processes import quiet
from benchmarks.sockets import Socket, open_sockets
from benchmarks.workloads.requesting import PAGE

MISSED = 20
AT_A_TIME = 500
STATEMENTS = (b"LOG:  execute ", b"LOG:  statement: ")
USERS = b'FROM "auth_user"'
"""Queries for authentication: part of opening a socket, not of resuming."""
HOUSEKEEPING = (b"BEGIN", b"COMMIT", b"ROLLBACK", b"SET ", b"SELECT 1")


async def storm(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Have all clients resume; return what it cost the server until each had everything."""
    return await _come_back(make(sockets), _open_sockets)


async def storm_pages(make: Make, pages: int, seconds: float) -> dict[str, float]:
    """Have all clients ask for their list over HTTP as well, each before it resumes; return the same."""
    return await _come_back(make(pages, settings=FEW_USERS), _open_pages)


Resume = Callable[[Product, Sequence[str], Sequence[Receiver]], Awaitable[list[Socket]]]
"""Opens what clients open that come back, each after its position."""


async def _come_back(peer: SocketPeer, resume: Resume) -> dict[str, float]:
    assert isinstance(peer, Product)
    pool = ClientPool(peer)
    try:
        await peer.prepare()
        assert peer.writer is not None
        await peer.writer.request("send_all", sequence=WARM_UP)
        positions: list[str] = await peer.writer.request("positions")
        for _ in range(MISSED):
            sequence = max(stream.publish(0.0) for stream in pool.streams)
            await peer.writer.request("send_all", sequence=sequence)
        log = _log_statements(peer)
        peer.serve()
        await quiet(peer.pids)
        return await _measure(pool, peer, log, partial(resume, peer, positions))
    finally:
        await pool.close()
        await peer.stop()


async def _measure(
    pool: ClientPool,
    peer: Product,
    log: Path,
    resume: Callable[[Sequence[Receiver]], Awaitable[list[Socket]]],
) -> dict[str, float]:
    receivers = [Receiver(pool.delivery_counter, stream) for stream in pool.streams]
    for receiver in receivers:
        receiver.expected = 1
    counted, counted_by_users = count_statements(log), count_statements(log, USERS)
    before = pool.meter()
    pool.sockets = await resume(receivers)
    await pool.drained()
    after = pool.meter()
    queries = count_statements(log) - counted
    by_users = count_statements(log, USERS) - counted_by_users
    return {
        "cpu_seconds": after.server - before.server,
        "wall_seconds": after.moment - before.moment,
        "postgres_seconds": after.apart["postgres"] - before.apart["postgres"],
        "client_share": (after.client - before.client) / (after.moment - before.moment),
        "queries": queries,
        "user_queries": by_users,
        **pool.counts(),
    }


async def _open_sockets(
    peer: Product, positions: Sequence[str], receivers: Sequence[Receiver]
) -> list[Socket]:
    client_protocols = [
        peer.client_protocol(number, after=after) for number, after in enumerate(positions)
    ]
    pairs = list(zip(client_protocols, receivers, strict=True))
    return await open_sockets(peer.address, pairs, at_a_time=AT_A_TIME)


async def _open_pages(
    peer: Product, positions: Sequence[str], receivers: Sequence[Receiver]
) -> list[Socket]:
    total = MISSED + len(("welcome", "warm-up"))
    operation = operations.entries(PAGE, at_least=total)
    slots = asyncio.Semaphore(AT_A_TIME)

    async def open_one(user: int) -> Socket:
        async with slots:
            after = positions[user]
            return await open_page(peer, user, operation, receivers[user], after=after)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(open_one(user)) for user in range(len(positions))]
    return [task.result() for task in tasks]


def _log_statements(peer: Product) -> Path:
    """Have PostgreSQL write down every statement of the sessions that begin from now on; return where."""
    address = peer.settings["DATABASE_URL"]
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ALTER ROLE CURRENT_USER SET log_statement = 'all'")
    assert peer.stack.cluster is not None
    return peer.stack.cluster.directory / "log"


def count_statements(log: Path, about: bytes = b"") -> int:
    """Return how many statements a log has that mention something, those around transactions not counted."""
    with log.open("rb") as file:
        return sum(about in line and _is_query(line) for line in file)


def _is_query(line: bytes) -> bool:
    for mark in STATEMENTS:
        before, found, text = line.partition(mark)
        if found and b"LOG:" not in before:
            query = text.partition(b": ")[2] if mark == STATEMENTS[0] else text
            return not query.startswith(HOUSEKEEPING)
    return False
