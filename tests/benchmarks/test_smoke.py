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


def small_run(
    workloads: tuple[str, ...], peers: tuple[str, ...], output: Path
) -> subprocess.CompletedProcess[str]:
    """Measure a little, with twenty sockets or connections."""
    options = ["--sockets=20", "--rounds=1", "--seconds=0.1", f"--output={output}"]
    chosen = [f"--workloads={','.join(workloads)}", f"--peers={','.join(peers)}"]
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *chosen, *options],
        cwd=REPOSITORY,
        env=os.environ,
        capture_output=True,
        text=True,
    )


@pytest.mark.stack("production")
def test_a_small_run_delivers_everything_and_writes_it_down(tmp_path: Path) -> None:
    done = small_run(WORKLOADS, PEERS, tmp_path)
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


@pytest.mark.stack("production")
def test_requests_and_pages_are_answered_and_miss_no_event(tmp_path: Path) -> None:
    done = small_run(("http-viewer", "page", "storm-pages", "mixed"), ("product",), tmp_path)
    assert done.returncode == 0, done.stderr
    figures = {name: results.rows[0].figures for name, results in load(tmp_path).items()}
    assert figures["http-viewer"]["answers"] > 20
    assert figures["page"]["answers"] == 20
    assert figures["storm-pages"]["delivered"] == 20 * 20
    assert figures["storm-pages"]["queries"] > figures["storm-pages"]["user_queries"] > 0
    assert figures["mixed"]["delivered"] > 0
    assert figures["mixed"]["marks_delivered"] > 0
    for name in ("storm-pages", "mixed"):
        faults = {fault: figures[name][fault] for fault in ("lost", "doubled", "disordered")}
        assert faults == {"lost": 0, "doubled": 0, "disordered": 0}, name
    assert figures["mixed"]["marks_lost"] == 0
    assert "| server | CPU µs per page |" in done.stdout


def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--peers=apache"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("There is no apache; there are product, product-json, ")
