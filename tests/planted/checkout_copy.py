"""A copy of the checkout in which bugs are planted and tests run, apart from the files of the developer."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.planted.planted_bug import PlantedBug
from tests.stacks.stack import StackName

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = (
    *("backend", "graphql_schema", "tests", "docs"),
    *("manage.py", "pyproject.toml", "schema.graphql"),
)
"""What of the repository the product and its tests need."""
SOURCES = ("", "backend", "graphql_schema")
"""Where Python finds the product and the tests."""
GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PytestRun:
    """How a run of pytest has ended: its exit status, None if it took too long; its output; the seconds it took."""

    status: int | None
    output: str
    seconds: float


class CheckoutCopy:
    """A copy in a directory of its own, run by this interpreter and its packages."""

    def __init__(self, directory: Path, repository: Path = REPOSITORY) -> None:
        self.directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        for part in PARTS:
            source, target = repository / part, directory / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=ignored)
            else:
                shutil.copy2(source, target)
        self._environment = {
            **os.environ,
            # Before the packages of the interpreter, which has the repository itself installed.
            "PYTHONPATH": os.pathsep.join(str(directory / source) for source in SOURCES),
            # Compiled files are compared by size and by seconds: those of a bug could outlive it.
            "PYTHONDONTWRITEBYTECODE": "1",
            # Hypothesis tries the same examples each time, as on a build server.
            "CI": "1",
        }

    @contextmanager
    def planted(self, bug: PlantedBug) -> Iterator[None]:
        """Have the bug in the copy while in the block. Raises Stale."""
        before = bug.plant(self.directory)
        try:
            yield
        finally:
            (self.directory / bug.file).write_text(before)

    def run(self, stack: StackName, tests: Sequence[str], *, limit_seconds: float) -> PytestRun:
        """Run tests in the copy until the first failure; end them after so many seconds."""
        command = [sys.executable, "-m", "pytest", "-q", "-x", "--color=no", f"--stack={stack}"]
        command += ["-p", "no:cacheprovider", "-p", "no:xdist", *tests]
        began = time.monotonic()
        output = self.directory / "output"
        with output.open("w") as file:
            process = self._process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status: int | None = process.wait(limit_seconds)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                _end(process)
        return PytestRun(status, output.read_text(errors="replace"), time.monotonic() - began)

    def stop(self) -> None:
        """End the run that is under way, if there is one."""
        if self._process is not None:
            _end(self._process)

    def imports_itself(self) -> bool:
        """Whether the product that runs in the copy is the copy's, and not the one that is installed."""
        look = "import live_inbox, live_inbox_graphql as g; print(live_inbox.__file__); print(g.__file__)"
        done = subprocess.run(
            [sys.executable, "-c", look],
            cwd=self.directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return all(line.startswith(str(self.directory)) for line in done.stdout.splitlines())


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a run: pytest first, so that it ends its servers."""
    for final_signal in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, final_signal)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
