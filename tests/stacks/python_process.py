"""A Python process of the repository that runs to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from tempfile import TemporaryFile
from typing import IO

from tests.stacks.uvicorn_server import REPOSITORY
from tests.stacks.warm_python import warm_python


def completed_python(
    *arguments: str, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments in an environment, warm if it suits; return what `subprocess.run` returns."""
    if not warm_python().suits(environment):
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=REPOSITORY, env=dict(environment), capture_output=True, text=True
        )
    with TemporaryFile() as output, TemporaryFile() as errors:
        process = warm_python().start(
            arguments, output=output, errors=errors, environment=environment, directory=REPOSITORY
        )
        code = process.wait()
        return subprocess.CompletedProcess(arguments, code, _text(output), _text(errors))


MOST_SHOWN = 4000
"""Characters of the output that an error has."""


def run_python(*arguments: str, environment: Mapping[str, str] = os.environ) -> str:
    """Run a module or script in an environment, and return what it prints. Raises RuntimeError if it fails."""
    done = completed_python(*arguments, environment=environment)
    if done.returncode:
        said = f"{done.stdout[-MOST_SHOWN:]}{done.stderr}"
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}.\n{said}")
    return done.stdout


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
