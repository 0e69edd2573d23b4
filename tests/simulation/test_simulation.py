"""Simulations keep the promises, find bugs that are planted, and run the same way each time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.plan import Plan, make_plan
from tests.simulation.planted import stream_ignores_epochs
from tests.simulation.profiles import PROFILES
from tests.simulation.run import simulate
from tests.simulation.search import report, search, with_steps
from tests.simulation.shrinking import shrink
from tests.stacks.uvicorn_server import REPOSITORY

pytestmark = pytest.mark.stack("embedded")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command. In a process of its own: the order of sets belongs to what a seed decides."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_promise_is_broken() -> None:
    done = run("--seeds", "60")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_planted_bug_is_found() -> None:
    done = run("--planted", "--seeds", "400")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_plan_runs_the_same_way_each_time() -> None:
    first, second = (simulate(make_plan(7, PROFILES["restored"])) for _ in range(2))
    assert first == second
    assert first.commits > 50
    assert first.applied > 20
    assert first.resets > 0


def test_things_happen_in_a_simulation() -> None:
    result = search(PROFILES["lagging"], range(10))
    assert result.failed is None
    assert result.seeds == 10
    assert result.commits > 500
    assert result.applied > 300
    assert result.resets > 30


def test_a_plan_is_shrunk_to_the_steps_that_it_fails_with() -> None:
    plan = make_plan(3, PROFILES["ordinary"])
    wanted = {plan.steps[2], plan.steps[9]}

    def fails(shorter: Plan) -> bool:
        return wanted <= set(shorter.steps)

    assert set(shrink(plan, fails).steps) == wanted
    assert with_steps(plan, "2,9").steps == (plan.steps[2], plan.steps[9])
    assert with_steps(plan, "none").steps == ()


def test_a_report_has_the_steps_and_how_to_replay_them() -> None:
    with stream_ignores_epochs():
        failed = search(PROFILES["restored"], range(20)).failed
        assert failed is not None
        lines = report(failed).splitlines()
    assert "was never committed" in lines[0]
    assert len(lines) < 80
    assert lines[-1].startswith(
        f"Replay: python -m tests.simulation --profile 'restored' --seed {failed.seed} --steps "
    )
