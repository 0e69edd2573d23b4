"""At the end of a run the files are listed that have cost the most, whichever process has spent it."""

from __future__ import annotations

import subprocess

import pytest

from tests.stacks.samples.costly import SECONDS
from tests.stacks.test_plugin import REPOSITORY, SAMPLES, environment, pytest_command

pytestmark = pytest.mark.stack("embedded")

TITLE = "costliest test files, in seconds"


def test_the_costliest_file_is_listed() -> None:
    done = subprocess.run(
        [
            *pytest_command("costly.py", "-n2", "--costly-files=1"),
            str(SAMPLES / "embedded_only.py"),
        ],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    heading, line, *rest = done.stdout[done.stdout.index(TITLE) :].splitlines()[1:]
    processor, clock, file = line.split()
    assert heading.split() == ["processor", "by", "the", "clock"]
    assert file == "tests/stacks/samples/costly.py"
    assert float(processor) >= 2 * SECONDS
    assert float(clock) > 0
    assert not any("embedded_only" in other for other in rest)
