"""`make test` runs every stack, shows all of it, and fails if one fails."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.stacks.test_file_times import TITLE
from tests.stacks.test_plugin import REPOSITORY, SAMPLES, environment

pytestmark = pytest.mark.stack("embedded")


def test_a_failure_on_one_stack_fails_the_run_and_both_are_shown() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.stacks.run", "-n0", str(SAMPLES / "embedded_only.py")],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 passed in" in done.stdout
    assert "1 failed in" in done.stdout
    assert done.stdout.index("stack: embedded") < done.stdout.index("stack: production")
    assert done.stdout.count(TITLE) == 2
    assert done.stdout.endswith("embedded: passed\nproduction: failed (pytest ended with 1)\n")
