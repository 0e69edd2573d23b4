"""The costs that the simulation takes, in seconds of one core, each with the measurement that it is from."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import median
from typing import Any, Self

from benchmarks.results import DIRECTORY, load
from benchmarks.scaling.calibration import FILE
from benchmarks.scaling.crowd import MISSED

MICROSECOND = 1e-6

SOURCES = {
    "connect": "calibration: handshake, `connection_init`, token, `subscribe`; server",
    "connect_database": "calibration: account and head of the log; PostgreSQL",
    "connect_redis": "calibration: joining the group; Redis",
    "resume": f"calibration: the same with {MISSED} events missed; server",
    "resume_database": f"calibration: the same with {MISSED} events missed; PostgreSQL",
    "ping": "calibration: a client's ping and its pong; server",
    "event": "calibration: `unicast`; server",
    "extra_socket": "docs/benchmarks.md: `fanout`; server, for each further socket of the same user",
    "doorbell": "calibration: `unicast`; Redis, a publish and its delivery to one process",
    "send": "calibration: `roundtrip`; the process that sends",
    "send_database": "calibration: `roundtrip`; PostgreSQL",
    "send_many": "docs/benchmarks.md: `sendmany`, for each recipient; the process that sends",
    "send_many_database": "docs/benchmarks.md: `sendmany`, for each recipient; PostgreSQL",
    "list": "calibration: a list of 20 over HTTP; server",
    "list_database": "calibration: a list of 20 over HTTP; PostgreSQL",
    "reconcile": "calibration: for each open inbox and reconciliation; server",
    "reconcile_loop": "calibration: of that, what holds up the event loop in one piece",
    "reconcile_database": "calibration: for each open inbox and reconciliation; PostgreSQL",
    "socket_bytes": "calibration: of the server's memory (PSS)",
    "hop": "assumed: a message from one machine to another in the same data centre",
}


@dataclass(frozen=True)
class Costs:
    """Seconds of one core for each thing; `SOURCES` names the measurement of each."""

    connect: float
    connect_database: float
    connect_redis: float
    resume: float
    resume_database: float
    ping: float
    event: float
    extra_socket: float
    doorbell: float
    send: float
    send_database: float
    send_many: float
    send_many_database: float
    list: float
    list_database: float
    reconcile: float
    reconcile_loop: float
    reconcile_database: float
    hop: float = 250 * MICROSECOND
    socket_bytes: float = 20_000.0

    @property
    def replay(self) -> float:
        """What the server does for one event that a client has missed."""
        return max(0.0, self.resume - self.connect) / MISSED

    @property
    def replay_database(self) -> float:
        """What PostgreSQL does for it."""
        return max(0.0, self.resume_database - self.connect_database) / MISSED

    @classmethod
    def calibrated(cls, calibration: Path = FILE, results: Path = DIRECTORY) -> Self:
        """Return what was measured on the machine of the calibration, as far as it was."""
        found: dict[str, Any] = json.loads(calibration.read_text())["figures"]
        names = {
            "event": "unicast_cpu_us",
            "doorbell": "unicast_redis_us",
            "send": "roundtrip_publisher_us",
            "send_database": "roundtrip_postgres_us",
            "list": "list_cpu_us",
            "connect_database": "connect_postgres_us",
            "resume_database": "resume_postgres_us",
            "reconcile_database": "reconcile_postgres_us",
            "list_database": "list_postgres_us",
        }
        kept = load(results)

        def published(workload: str, figure: str) -> float:
            rows = [row for row in kept[workload].rows if row.peer == "product"]
            return median(row.figures[figure] for row in rows) * MICROSECOND

        values = {
            each.name: found[figure] * MICROSECOND
            for each in fields(cls)
            if (figure := names.get(each.name, f"{each.name}_us")) in found
        }
        return cls(
            **values,
            extra_socket=published("fanout", "cpu_us"),
            send_many=published("sendmany", "writer_us"),
            send_many_database=published("sendmany", "postgres_us"),
            socket_bytes=found["socket_kb"] * 1000,
        )

    @classmethod
    def published(cls, calibration: Path = FILE, results: Path = DIRECTORY) -> Self:
        """Return the figures of docs/benchmarks.md and docs/performance.md, and of the calibration what these lack."""
        kept = load(results)

        def middle(workload: str, figure: str, unit: float = MICROSECOND) -> float:
            rows = [row for row in kept[workload].rows if row.peer == "product"]
            return median(row.figures[figure] for row in rows) * unit

        storm = kept["storm"].rows[0].size
        return replace(
            cls.calibrated(calibration, results),
            connect=middle("idle", "connect_ms", 1e-3),
            resume=middle("storm", "cpu_seconds", 1 / storm),
            resume_database=middle("storm", "postgres_seconds", 1 / storm),
            event=middle("unicast", "cpu_us"),
            doorbell=middle("unicast", "redis_us"),
            send=middle("roundtrip", "publisher_us"),
            send_database=middle("roundtrip", "postgres_us"),
            list=331 * MICROSECOND,
            socket_bytes=middle("idle", "kilobytes", 1e3),
        )
