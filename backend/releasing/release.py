"""The steps of a release, in their order: nothing is committed or tagged before every file of it is there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from live_inbox_site.bootstrap import Stop
from releasing import artefacts, changelog, declaration
from releasing.inspection import inspect
from releasing.repository import CannotSign, Repository
from releasing.versions import Version, require_next

Make = Callable[[Path, Path, str, int], None]
"""Writes the files of a release: from the files of a commit, into a directory, of a version, with a timestamp."""


@dataclass(frozen=True, slots=True)
class Release:
    """A release that was made, or would have been."""

    version: Version
    commit: str
    directory: Path
    """The files of the release, with their SHA256SUMS."""


def make_and_inspect(tree: Path, target: Path, version: str, timestamp: int) -> None:
    """Build the files of a release, and try them. Raises Stop."""
    artefacts.build(tree, target, version, timestamp)
    inspect(target, version)


def release(
    repository: Repository,
    version: Version,
    *,
    today: date,
    sign: bool = True,
    dry_run: bool = False,
    make: Make = make_and_inspect,
    report: Callable[[str], None] = print,
) -> Release:
    """Make the release of a version, and return it. Raises Stop, and has changed nothing then.

    A dry run only warns where git cannot sign: who tries it may have no key.

    After an interruption the same call works: what was not finished is begun again. If only the tag is missing, because
    the last call was interrupted before it, the tag is made for the commit that is there.
    """
    repository.require_releasable()
    try:
        commit = _commit(repository, version, today=today, sign=sign)
    except CannotSign as stop:
        if not dry_run:
            raise
        report(f"WARNING: {stop}. A release stops here; this dry run goes on.")
        commit = _commit(repository, version, today=today, sign=False)
    report(f"Building {version} of the commit {commit[:12]}: a few minutes ...")
    suffix = "-dry-run" if dry_run else ""
    target = repository.directory / "dist" / f"{version}{suffix}"
    make_files(repository, commit, version, target, make)
    if not dry_run:
        repository.advance(commit)
        message = f"Version {version}\n\n{(target / artefacts.SUMS).read_text()}"
        repository.tag(version, commit, message, sign=sign)
    return Release(version, commit, target)


def subject(version: Version) -> str:
    """Return the subject of the commit of a release."""
    return f"release: Version {version}."


def _commit(repository: Repository, version: Version, *, today: date, sign: bool) -> str:
    """Return the commit to release: a new one that no branch has yet, or the one that only lacks its tag."""
    released = repository.released()
    source = repository.read(declaration.FILE)
    declared = declaration.declared(source)
    head = repository.head()
    if repository.subject(head) == subject(version) and (declared, version in released) == (
        version,
        False,
    ):
        return head
    require_next(version, declared=declared, released=released)
    files = {
        declaration.FILE: declaration.declare(source, version),
        changelog.FILE: changelog.dated(repository.read(changelog.FILE), version, today),
    }
    return repository.commit(files, subject(version), sign=sign)


def make_files(
    repository: Repository, commit: str, version: Version, target: Path, make: Make
) -> None:
    """Make the files of a commit in a directory, which appears when all of them are there. Raises Stop."""
    var = repository.directory / "var"
    var.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="release-", dir=var) as temporary:
        tree, unfinished = Path(temporary) / "tree", Path(temporary) / "files"
        tree.mkdir()
        unfinished.mkdir()
        repository.export(commit, tree)
        make(tree, unfinished, str(version), repository.timestamp(commit))
        if target.exists():
            shutil.rmtree(target)
        target.parent.mkdir(exist_ok=True)
        unfinished.rename(target)


def rebuild(repository: Repository, version: Version, make: Make = artefacts.build) -> Path:
    """Build the tagged commit of a version again, and return the directory. Raises Stop if a file differs."""
    if version not in repository.released():
        raise Stop(f"There is no tag {version.tag}.")
    target = repository.directory / "dist" / f"{version}-rebuilt"
    make_files(repository, repository.tagged(version), version, target, make)
    message = repository.tag_message(version).splitlines()
    for line in (target / artefacts.SUMS).read_text().splitlines():
        if line not in message:
            raise Stop(f"{line.split()[1]} differs from the one that {version.tag} names.")
    return target
