"""A Python process of the repository that runs to its end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from tests.stacks.uvicorn_server import REPOSITORY


def run_python(*arguments: str, environment: Mapping[str, str]) -> str:
    """Run a module or script in an environment, and return what it prints. Raises RuntimeError if it fails."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}.\n{done.stderr}")
    return done.stdout
