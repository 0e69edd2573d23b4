"""What pytest does with `--stack`, seen from outside: pytest runs pytest."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.stacks.process_registry import wait_gone

pytestmark = pytest.mark.stack("embedded")

SAMPLES = Path(__file__).with_name("samples")
REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 30.0


def pytest_command(sample: str, *options: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-s"]
    return [*command, *options, str(SAMPLES / sample)]


def environment(**variables: str) -> dict[str, str]:
    """This process's, without the variables of pytest and xdist."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return own | variables


def facts(directory: Path, *options: str, **variables: str) -> list[dict[str, Any]]:
    """Run the sample that writes down what it sees; return what each of its runs has found."""
    done = subprocess.run(
        pytest_command("facts.py", *options),
        cwd=REPOSITORY,
        env=environment(FACTS=str(directory), **variables),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(written.read_text()) for written in sorted(directory.glob("*.json"))]


def test_what_was_collected_is_no_work_for_the_garbage_collector(
    request: pytest.FixtureRequest,
) -> None:
    gc.collect()
    items = request.session.items
    assert not any(found is items for found in gc.get_objects())


def test_settings_of_the_product_in_the_environment_are_ignored(tmp_path: Path) -> None:
    (seen,) = facts(
        tmp_path,
        DATABASE_URL="postgres://production.example/inbox",
        REDIS_URL="redis://production.example",
        LOG_LEVEL="ERROR",
    )
    assert seen["vendor"] == "sqlite"
    assert Path(seen["database"]).parent == Path(seen["directory"])
    assert (seen["redis"], seen["log_level"]) == ("", "INFO")
    assert not Path(seen["directory"]).exists()


def test_workers_share_the_postgres_and_nothing_else(tmp_path: Path) -> None:
    first, second = facts(tmp_path, "--stack=production", "-n2", "--dist=each")
    assert [first["worker"], second["worker"]] == ["gw0", "gw1"]
    assert [first["vendor"], second["vendor"]] == ["postgresql", "postgresql"]
    assert [first["database"], second["database"]] == ["test_inbox_gw0", "test_inbox_gw1"]
    assert first["redis"] != second["redis"]
    assert not Path(first["directory"]).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_nothing_behind(number: signal.Signals) -> None:
    with subprocess.Popen(
        pytest_command("waiting.py", "--stack=production"),
        cwd=REPOSITORY,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        directory = next(line for line in run.stdout if line.startswith("/")).strip()
        family = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(number)

    assert len(family) > 2, "the servers ran"
    assert wait_gone(family, seconds=SECONDS) == []
    assert not Path(directory).exists()


def test_an_unknown_stack_in_a_marker_is_an_error() -> None:
    done = subprocess.run(
        pytest_command("misspelt.py"),
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "unknown stack: 'other'" in done.stdout + done.stderr
