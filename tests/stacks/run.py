"""Runs the tests on every stack, side by side: `python -m tests.stacks.run [arguments of pytest]`.

With `--stack=NAME` on that one only, in this terminal, as pytest would by itself.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn, get_args

from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import StackName

POLL_SECONDS = 0.1
COSTLY_FILES = 10
"""So many test files are listed at the end of a run, of each stack."""


class Suite:
    """One run of pytest, whose output waits in a file until it is printed."""

    def __init__(self, process_registry: ProcessRegistry, stack: str, arguments: list[str]) -> None:
        self.stack = stack
        self._output = process_registry.directory / f"{stack}.output"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                _command(stack, arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        process_registry.watch(self._process.pid, signal.SIGINT)

    def show(self) -> int:
        """Print the run's output until it ends; return its exit code."""
        with self._output.open("rb") as output:
            ended = False
            while not ended:
                ended = self._process.poll() is not None
                sys.stdout.buffer.write(output.read())
                sys.stdout.flush()
                if not ended:
                    time.sleep(POLL_SECONDS)
        return self._process.returncode


def run_all(arguments: list[str]) -> int:
    """Run every stack's tests at the same time and print them one after the other; return 0 if all passed."""
    # Many tests wait for something, so two workers for each stack are not too many for two processors. Files are
    # not divided between them: some share something that takes long to make.
    workers = min(max(os.cpu_count() or 1, 2), 4)
    color = "yes" if sys.stdout.isatty() else "no"
    options = [f"-n{workers}", "--dist=loadfile", f"--color={color}"]
    arguments = [*options, f"--costly-files={COSTLY_FILES}", *arguments]
    with ProcessRegistry() as process_registry:
        suites = [Suite(process_registry, stack, arguments) for stack in get_args(StackName)]
        codes = {suite.stack: suite.show() for suite in suites}
    for stack, code in codes.items():
        print(f"{stack}: {'passed' if code == 0 else f'failed (pytest ended with {code})'}")
    return max(codes.values(), key=abs)


def run_one(stack: str, arguments: list[str]) -> NoReturn:
    """Become pytest on one stack."""
    command = _command(stack, arguments)
    os.execv(command[0], command)


def _command(stack: str, arguments: list[str]) -> list[str]:
    cache = Path(".pytest_cache") / stack
    options = [f"--stack={stack}", "-o", f"cache_dir={cache}"]
    return [sys.executable, "-m", "pytest", *options, *arguments]


def _keep_bytecode() -> None:
    """Have Python keep what it compiles. Images for containers often forbid that, and every process compiles it all."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def main() -> int:
    """Run the stacks that the command line names."""
    _keep_bytecode()
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--stack", choices=get_args(StackName))
    known, arguments = parser.parse_known_args()
    if known.stack:
        run_one(known.stack, arguments)
    try:
        return run_all(arguments)
    except KeyboardInterrupt:
        # The runs got the same signal; the process registry has ended those that ignored it.
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
