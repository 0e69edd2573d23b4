"""Sockets that do nothing: what it costs to open one, and to keep it."""

from __future__ import annotations

import time

from benchmarks.delivery_counter import DeliveryCounter, Receiver, Stream
from benchmarks.peers.peer import Make, SocketPeer
from benchmarks.processes import cpu_seconds, pss_bytes, quiet
from benchmarks.sockets import Socket, open_sockets

FIRST = 50
"""Sockets that are opened before the measurement: what they cause to be loaded is not the price of a socket."""


async def idle(make: Make, sockets: int, seconds: float) -> dict[str, float]:
    """Open sockets of as many users; return memory and processor time for each."""
    peer = make(sockets + FIRST)
    try:
        await peer.start()
        first = await _open(peer, range(FIRST))
        await quiet(peer.pids)
        memory, used, began = pss_bytes(peer.pids), cpu_seconds(peer.pids), time.perf_counter()
        opened = await _open(peer, range(FIRST, peer.streams))
        wall = time.perf_counter() - began
        await quiet(peer.pids)
        used = cpu_seconds(peer.pids) - used
        memory = pss_bytes(peer.pids) - memory
        figures = {
            "kilobytes": memory / len(opened) / 1000,
            "connect_ms": 1000 * used / len(opened),
            "connects_per_second": len(opened) / wall,
        }
        for socket in first + opened:
            socket.close()
        return figures
    finally:
        await peer.stop()


async def _open(peer: SocketPeer, streams: range) -> list[Socket]:
    delivery_counter = DeliveryCounter()
    pairs = [
        (peer.client_protocol(stream), Receiver(delivery_counter, Stream())) for stream in streams
    ]
    return await open_sockets(peer.address, pairs)
