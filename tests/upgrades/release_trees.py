"""Releases of the product as trees of files, each in a directory of its own, and the processes that run from them."""

from __future__ import annotations

import io
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from tests.stacks.child import Child, ServerFailed
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.uvicorn_server import REPOSITORY, ServerProcess

PARTS = ("backend", "graphql_schema", "manage.py", "schema.graphql")
"""What of the repository a server needs."""
COMMAND_SECONDS = 60.0

# Before the packages of the interpreter, which has the checkout itself installed.
_RUN = """\
import runpy, sys
tree = sys.argv[1]
sys.path[:0] = [tree, tree + "/backend", tree + "/graphql_schema"]
sys.argv = ["manage.py", *sys.argv[2:]]
runpy.run_path(tree + "/manage.py", run_name="__main__")
"""
_VERSION = re.compile(r'^__version__ = "(?P<version>[^"]+)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ReleaseTree:
    """The files of one release. It runs on the packages of this environment."""

    directory: Path

    @property
    def version(self) -> str:
        """The version of the product."""
        found = _VERSION.search((self.directory / "backend/live_inbox/__init__.py").read_text())
        assert found is not None
        return found["version"]

    @property
    def migrations(self) -> frozenset[str]:
        """The names of the migrations."""
        files = (self.directory / "backend/live_inbox/migrations").glob("[0-9]*.py")
        return frozenset(file.stem for file in files)

    def arguments(self, *arguments: str) -> list[str]:
        """Return the arguments of Python that run `manage.py` of this release with these arguments."""
        return ["-c", _RUN, str(self.directory), *arguments]

    def run(
        self,
        process_registry: ProcessRegistry,
        environment: Mapping[str, str | None],
        *arguments: str,
    ) -> str:
        """Run a command of `manage.py` to its end; return what it prints. Raises ServerFailed if it fails."""
        child = Child(
            process_registry,
            [sys.executable, *self.arguments(*arguments)],
            log=process_registry.new_directory("command") / "log",
            environment={name: text for name, text in environment.items() if text is not None},
            directory=self.directory,
            warm=True,
        )
        if child.wait(seconds=COMMAND_SECONDS):
            raise ServerFailed(f"{arguments[0]} of {self.version} has failed.\n{child.tail()}")
        return child.text()


class ReleaseServer(ServerProcess):
    """`manage.py serve` of one release."""

    def __init__(
        self,
        process_registry: ProcessRegistry,
        tree: ReleaseTree,
        environment: Mapping[str, str | None],
    ) -> None:
        super().__init__(process_registry, environment)
        self.tree = tree
        self.sockets = 0
        """How many devices and writers are connected, as the balancer in front counts them."""

    def _spawn(self) -> Child:
        return Child(
            self._process_registry,
            [sys.executable, *self.tree.arguments("serve", "--port", str(self.port))],
            log=self._directory / "log",
            environment=self._environment,
            directory=self.tree.directory,
            stop_signal=signal.SIGTERM,
            warm=True,
        )


def this_release() -> ReleaseTree:
    """Return the checkout."""
    return ReleaseTree(REPOSITORY)


def copy_of_checkout(directory: Path) -> ReleaseTree:
    """Copy what a server needs of the checkout into a directory, which is to be changed."""
    ignored = shutil.ignore_patterns("__pycache__")
    for part in PARTS:
        source, target = REPOSITORY / part, directory / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignored)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return ReleaseTree(directory)


def release_before(version: str, repository: Path = REPOSITORY) -> str | None:
    """Return the tag of the newest release below a version; None if there is none, or no history."""
    if shutil.which("git") is None:
        return None
    listed = subprocess.run(
        ["git", "tag", "--list", "v*"], cwd=repository, capture_output=True, text=True, check=False
    )
    return newest_below(version, listed.stdout.split())


def newest_below(version: str, tags: Iterable[str]) -> str | None:
    """Return the tag of the highest version below this one. What is no `v` and a final version, is no release."""
    releases = [tag for tag in tags if re.fullmatch(r"v[0-9]+(\.[0-9]+)*", tag)]
    earlier = [tag for tag in releases if Version(tag[1:]) < Version(version)]
    return max(earlier, key=lambda tag: Version(tag[1:]), default=None)


def tree_of_tag(tag: str, directory: Path, repository: Path = REPOSITORY) -> ReleaseTree:
    """Write what a server needs of a release in the history into a directory."""
    archived = subprocess.run(
        ["git", "archive", tag, "--", *PARTS], cwd=repository, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as archive:
        archive.extractall(directory, filter="data")
    return ReleaseTree(directory)
