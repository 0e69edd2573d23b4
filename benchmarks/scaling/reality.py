"""Scenarios with the real product, and what the simulation predicts for them with the costs of this machine."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from benchmarks.scaling.calibration import FILE as CALIBRATION
from benchmarks.scaling.costs import Costs
from benchmarks.scaling.crowd import (
    MISSED,
    SETTLE_SECONDS,
    crowd,
    kill_server,
    missed,
    opened,
    product,
    returned,
)
from benchmarks.scaling.deliveries import Load, Site, sampled
from benchmarks.scaling.reconnecting import Storm, cohorts
from benchmarks.testbed import Testbed
from benchmarks.workloads.delivering import SHARE

FILE = Path(__file__).with_name("reality.json")
SENDS_PER_SECOND = 100.0
SENDING_SECONDS = 20.0
NO_RECONCILIATION = 60.0
HALF_LOAD_SECONDS = 10.0
SEED = 1


@dataclass(frozen=True)
class Comparison:
    """One figure, predicted and measured."""

    figure: str
    predicted: float
    measured: float

    @property
    def ratio(self) -> float:
        """How many times the measured figure is the predicted one."""
        return self.measured / self.predicted if self.predicted else float("nan")


async def measure(testbed: Testbed, sockets: int, command: str) -> dict[str, Any]:
    """Run the scenarios; return their figures with the machine."""
    figures: dict[str, float] = {}
    async with crowd(testbed, sockets, {}) as pool:
        peer = product(pool)
        peer.serve()
        await asyncio.sleep(SETTLE_SECONDS)
        await opened(pool)
        kill_server(pool)
        positions = await missed(pool)
        peer.serve()
        await asyncio.sleep(SETTLE_SECONDS)
        figures |= {
            f"storm_{name}": value for name, value in (await returned(pool, positions)).items()
        }
        print(figures, flush=True)
        await asyncio.sleep(SETTLE_SECONDS)
        before = pool.meter()
        late = await pool.open_loop(seconds=SENDING_SECONDS, rate=SENDS_PER_SECOND)
        after = pool.meter()
        figures |= {f"sends_{name}": value for name, value in late.items()}
        print(late, flush=True)
        seconds = after.moment - before.moment
        figures["sends_server_share"] = (after.server - before.server) / seconds
        figures["sends_postgres_share"] = (
            after.apart["postgres"] - before.apart["postgres"]
        ) / seconds
    return {**describe(command), "sockets": sockets, "figures": figures}


def save(found: dict[str, Any], path: Path = FILE) -> None:
    """Write what was measured."""
    path.write_text(json.dumps(found, indent=1) + "\n")


def read(path: Path = FILE) -> dict[str, Any]:
    """Read it again."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def compare(found: dict[str, Any], costs: Costs) -> list[Comparison]:
    """Predict each figure, and return both."""
    sockets, figures = found["sockets"], found["figures"]
    storm = cohorts(Storm(sockets, 1, MISSED), costs)
    pairs = [
        ("storm: server, seconds of a core", storm.server_seconds, "storm_server_seconds"),
        ("storm: PostgreSQL, seconds of a core", storm.database_seconds, "storm_postgres_seconds"),
        ("storm: half of all back, seconds", storm.half_seconds, "storm_half_seconds"),
        ("storm: all have everything, seconds", storm.whole_seconds, "storm_whole_seconds"),
        ("storm: attempts to connect", storm.attempts, "storm_attempts"),
        (
            "storm: server, share in the busiest second",
            storm.peak_servers,
            "storm_server_peak_share",
        ),
    ]
    calibrated = json.loads(CALIBRATION.read_text())
    figures = {**calibrated["figures"], **figures}
    rate = SHARE * figures["unicast_per_second"]
    half = sampled(
        Site(calibrated["sockets"], 1, 1, reconcile_seconds=NO_RECONCILIATION),
        Load(rate / calibrated["sockets"], pings=0.0),
        costs,
        seconds=HALF_LOAD_SECONDS,
        seed=SEED,
    )
    pairs += [
        ("half load (calibration): p50, ms", half.milliseconds(0.5), "unicast_p50_ms"),
        ("half load (calibration): p99, ms", half.milliseconds(0.99), "unicast_p99_ms"),
    ]
    quiet = sampled(
        Site(sockets, 1, 1),
        Load(SENDS_PER_SECOND / sockets, pings=0.0),
        costs,
        seconds=5 * SENDING_SECONDS,
        seed=SEED,
    )
    send = 1000 * (costs.send + costs.send_database)
    database = sockets / Site(1, 1, 1).reconcile_seconds * costs.reconcile_database
    database += SENDS_PER_SECOND * costs.send_database
    pairs += [
        ("sends: p50 with the send, ms", send + quiet.milliseconds(0.5), "sends_p50_ms"),
        ("sends: p99 with the send, ms", send + quiet.milliseconds(0.99), "sends_p99_ms"),
        ("sends: server, share of a core", quiet.server, "sends_server_share"),
        ("sends: PostgreSQL, share of a core", database, "sends_postgres_share"),
    ]
    return [Comparison(name, value, figures[key]) for name, value, key in pairs]
