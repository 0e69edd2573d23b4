"""Reads the processor time that a measurement uses, apart for server, client, publishers and databases."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from benchmarks.peers.peer import Peer
from benchmarks.processes import cpu_seconds, idle_seconds


@dataclass(frozen=True)
class Meter:
    """Processor time used so far by server, client, publishers and databases."""

    moment: float
    server: float
    client: float
    publishers: float
    apart: dict[str, float]
    idle: float
    """Of the processors that the client shares with the publishers, Redis and PostgreSQL."""
    processors: int
    """How many these are."""

    @classmethod
    def read(cls, peer: Peer, publishers: Iterable[int] = ()) -> Self:
        """Read the processor time used so far; publishers are named by their process ids."""
        rest = peer.testbed.processors.rest
        return cls(
            time.perf_counter(),
            cpu_seconds(peer.pids),
            time.process_time(),
            cpu_seconds(publishers),
            peer.apart(),
            idle_seconds(rest),
            len(rest) or os.cpu_count() or 1,
        )

    def figures(self, before: Self, done: int) -> dict[str, float]:
        """Return what each of the things that were done since then has cost, in microseconds, and their rate."""
        wall = self.moment - before.moment
        each = 1e6 / max(done, 1)
        figures = {
            "cpu_us": (self.server - before.server) * each,
            "per_second": done / wall,
            "server_share": (self.server - before.server) / wall,
            "client_share": (self.client - before.client) / wall,
            "rest_share": 1 - (self.idle - before.idle) / wall / self.processors,
            "publisher_us": (self.publishers - before.publishers) * each,
        }
        for name, used in self.apart.items():
            figures[f"{name}_us"] = (used - before.apart[name]) * each
        return figures
