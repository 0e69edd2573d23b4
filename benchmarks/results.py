"""The raw results: one file for each workload, so that it can be measured anew without the others.

What is compared with each other was measured in one run, on one machine, the peers taking turns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figures import Row

DIRECTORY = Path(__file__).with_name("results")


@dataclass
class Results:
    """What one run has measured of one workload."""

    workload: str
    head: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def save(self, directory: Path) -> None:
        """Write the file."""
        directory.mkdir(parents=True, exist_ok=True)
        rows = [row.to_json() for row in self.rows]
        value = {"workload": self.workload, **self.head, "failures": self.failures, "rows": rows}
        (directory / f"{self.workload}.json").write_text(json.dumps(value, indent=1) + "\n")


def load(directory: Path) -> dict[str, Results]:
    """Return all results that are kept in a directory, by workload."""
    found = {}
    for path in sorted(directory.glob("*.json")):
        value = json.loads(path.read_text())
        rows = [Row.from_json(row) for row in value.pop("rows")]
        workload, failures = value.pop("workload"), value.pop("failures")
        found[workload] = Results(workload, value, rows, failures)
    return found
