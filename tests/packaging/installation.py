"""Runs commands outside of this process's environment, and makes environments with the wheel in them."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

from live_inbox_site.environment import SiteSettings
from tests.stacks.uvicorn_server import REPOSITORY


def outside_environment() -> dict[str, str]:
    """Return this process's environment without what the tests and their Python have put there."""
    ours = {name.upper() for name in SiteSettings.model_fields} | {"DJANGO_SETTINGS_MODULE"}
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith("PYTHON")
    }


def run(*command: object, cwd: Path, **environment: str) -> str:
    """Run a command outside of this process's environment; return what it prints."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**outside_environment(), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Installation:
    """A project directory, and a Python environment outside of the repository with the wheel installed."""

    def __init__(self, directory: Path, *requirements: str) -> None:
        self.directory = directory / "project"
        self.directory.mkdir()
        self.python = directory / "venv" / "bin" / "python"
        venv.create(directory / "venv", symlinks=True)
        constraints = directory / "constraints.txt"
        constraints.write_text(_pins())
        # By this environment's pip, which need not be installed; and only what is imported is compiled.
        pip = [
            sys.executable,
            "-I",
            "-m",
            "pip",
            "--python",
            self.python,
            "install",
            "--no-compile",
        ]
        options = ["--quiet", "--disable-pip-version-check", "-c", constraints]
        run(*pip, *options, *requirements, cwd=directory)

    def django(self, *arguments: str, **environment: str) -> str:
        """Run a management command of the project."""
        return self.run("-m", "django", *arguments, **environment)

    def run(self, *arguments: str, **environment: str) -> str:
        """Run the project's Python, which finds the project's packages in the working directory."""
        settings = {"DJANGO_SETTINGS_MODULE": "backend.settings"}
        return run(self.python, *arguments, cwd=self.directory, **settings, **environment)


def _pins() -> str:
    """Return the locked versions without their hashes, as constraints."""
    lines = (REPOSITORY / "requirements-dev.lock").read_text().splitlines()
    return "\n".join(line.rstrip(" \\") for line in lines if line and not line.startswith(" "))
