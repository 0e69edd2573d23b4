"""The Git repository that a release is made of."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from live_inbox_site.bootstrap import Stop
from releasing.versions import Version

BRANCH = "main"


class CannotSign(Stop):
    """Raised when git cannot sign, by the key that it has or because it has none."""


class Repository:
    """A repository with a working tree, by the machine's own `git` with its settings. Every method may raise Stop."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def require_releasable(self) -> None:
        """Raise Stop unless the working tree is a clean main that lacks nothing of the branch that it follows."""
        branch = self._try("symbolic-ref", "--quiet", "--short", "HEAD") or "no branch"
        if branch != BRANCH:
            raise Stop(f"This is {branch}: a release is made on {BRANCH}.")
        if changes := self._git("status", "--porcelain", "--untracked-files=all").splitlines():
            more = f", and {len(changes) - 1} more" if len(changes) > 1 else ""
            raise Stop(
                f"The working tree is not clean: {changes[0].strip()}{more}. Commit or stash."
            )
        upstream = self._try("rev-parse", "--verify", "--quiet", "--abbrev-ref", "@{upstream}")
        if upstream and (missing := int(self._git("rev-list", "--count", f"HEAD..{upstream}"))):
            raise Stop(f"{BRANCH} lacks commits of {upstream} ({missing}): pull them.")

    def head(self) -> str:
        """Return the commit of the working tree."""
        return self._git("rev-parse", "HEAD")

    def subject(self, commit: str) -> str:
        """Return the first line of a commit's message."""
        return self._git("show", "--no-patch", "--format=%s", commit)

    def timestamp(self, commit: str) -> int:
        """Return when a commit was made, in seconds since 1970."""
        return int(self._git("show", "--no-patch", "--format=%ct", commit))

    def tagged(self, version: Version) -> str:
        """Return the commit that has the tag of a version."""
        return self._git("rev-parse", f"{version.tag}^{{commit}}")

    def released(self) -> list[Version]:
        """Return the versions that have a tag."""
        found = map(Version.of_tag, self._git("tag", "--list", "v*").splitlines())
        return [version for version in found if version is not None]

    def read(self, path: str) -> str:
        """Return the text of a file of the working tree's commit."""
        return self._git("show", f"HEAD:{path}", strip=False)

    def commit(self, files: Mapping[str, str], message: str, *, sign: bool) -> str:
        """Make a commit that changes files, and return its name. No branch has it yet, and no file is touched."""
        with TemporaryDirectory() as directory:
            index = {"GIT_INDEX_FILE": str(Path(directory) / "index")}
            self._git("read-tree", "HEAD", environment=index)
            for path, text in files.items():
                blob = self._git("hash-object", "-w", "--stdin", text=text)
                entry = f"100644,{blob},{path}"
                self._git("update-index", "--cacheinfo", entry, environment=index)
            tree = self._git("write-tree", environment=index)
        arguments = ["commit-tree", tree, "-p", self.head(), *(["-S"] if sign else [])]
        return self._sign(*arguments, text=f"{message}\n", sign=sign)

    def export(self, commit: str, directory: Path) -> None:
        """Write the files of a commit into a directory, and nothing else."""
        with TemporaryDirectory() as temporary:
            archive = Path(temporary) / "commit.tar"
            self._git("archive", "--format=tar", f"--output={archive}", commit)
            with tarfile.open(archive) as files:
                files.extractall(directory, filter="data")

    def advance(self, commit: str) -> None:
        """Move main and the working tree to a commit that follows them. Raises Stop if either has changed meanwhile."""
        self.require_releasable()
        self._git("merge", "--quiet", "--ff-only", commit)

    def tag(self, version: Version, commit: str, message: str, *, sign: bool) -> None:
        """Make the annotated tag of a version."""
        kind = "--sign" if sign else "--no-sign"
        options = ["--annotate", kind, "--cleanup=verbatim", "--file=-"]
        self._sign("tag", *options, version.tag, commit, text=message, sign=sign)

    def tag_message(self, version: Version) -> str:
        """Return the message of the tag of a version, with its signature."""
        return self._git("tag", "--list", "--format=%(contents)", version.tag)

    def _sign(self, *arguments: str, text: str, sign: bool) -> str:
        try:
            return self._git(*arguments, text=text)
        except Stop as stop:
            if not sign:
                raise
            raise CannotSign(
                f"{stop} (git signs by user.signingKey; SIGN=no makes no signature)"
            ) from None

    def _git(
        self,
        *arguments: str,
        text: str | None = None,
        environment: Mapping[str, str] | None = None,
        strip: bool = True,
    ) -> str:
        done = self._run(arguments, text, environment or {})
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["it says nothing"]
            raise Stop(f"git {arguments[0]} failed: {lines[0]}")
        return done.stdout.strip() if strip else done.stdout

    def _try(self, *arguments: str) -> str:
        """Return what a question to git has as an answer, or nothing."""
        done = self._run(arguments, None, {})
        return "" if done.returncode else done.stdout.strip()

    def _run(
        self, arguments: tuple[str, ...], text: str | None, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", "-c", "log.showSignature=false", *arguments],
            cwd=self.directory,
            env={**os.environ, "LC_ALL": "C", **environment},
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
