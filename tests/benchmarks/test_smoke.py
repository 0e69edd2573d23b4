"""The suite runs: a few sockets of the real product, everything counted, in seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.results import load
from tests.stacks.uvicorn_server import REPOSITORY

pytestmark = pytest.mark.stack("embedded")

WORKLOADS = ("fanout", "unicast", "idle")
PEERS = ("product", "product-json")


@pytest.mark.stack("production")
def test_a_small_run_delivers_everything_and_writes_it_down(tmp_path: Path) -> None:
    options = ["--sockets=20", "--rounds=1", "--seconds=0.1", f"--output={tmp_path}"]
    chosen = [f"--workloads={','.join(WORKLOADS)}", f"--peers={','.join(PEERS)}"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *chosen, *options],
        cwd=REPOSITORY,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = load(tmp_path)
    assert set(found) == set(WORKLOADS)
    for workload, results in found.items():
        assert [row.peer for row in results.rows] == list(PEERS), workload
        for row in results.rows:
            if workload == "idle":
                assert row.figures["kilobytes"] > 0
                continue
            faults = {name: row.figures[name] for name in ("lost", "doubled", "disordered")}
            assert faults == {"lost": 0, "doubled": 0, "disordered": 0}, (workload, row.peer)
            assert row.figures["delivered"] >= 20
    assert "### `fanout`" in done.stdout


def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--peers=apache"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("There is no apache; there are product, product-json, ")
