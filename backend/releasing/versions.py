"""The versions of releases: three numbers, which mean the same to Python (PEP 440) and to npm (semantic versioning)."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from live_inbox_site.bootstrap import Stop

_FORM = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")


class Version(NamedTuple):
    """A version such as 0.2.0. Versions compare as releases follow each other."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Return the version that a text is. Raises Stop.

        There are no pre-releases: 1.0rc1 is no version of npm, and 1.0.0-rc.1 is not normal in PEP 440.
        """
        found = _FORM.fullmatch(text)
        if not found:
            raise Stop(f"VERSION={text} is no version: it is three numbers, such as 0.2.0.")
        return cls(*map(int, found.groups()))

    @classmethod
    def of_tag(cls, tag: str) -> Version | None:
        """Return the version that a tag names, or None for a tag of something else."""
        return cls.parse(tag[1:]) if tag.startswith("v") and _FORM.fullmatch(tag[1:]) else None

    @property
    def tag(self) -> str:
        """The name of the tag of this version."""
        return f"v{self}"

    def successors(self) -> list[Version]:
        """Return the next patch, minor and major version."""
        major, minor, patch = self
        return [
            Version(major, minor, patch + 1),
            Version(major, minor + 1, 0),
            Version(major + 1, 0, 0),
        ]

    def __str__(self) -> str:
        return ".".join(map(str, self))


def require_next(version: Version, *, declared: Version, released: Collection[Version]) -> None:
    """Raise Stop unless a version comes next after those that were released.

    A registry takes a version only once, and a number that was skipped by mistake cannot be taken back. The version
    that is declared may be released if it never was: so the first release can be made.
    """
    if version in released:
        raise Stop(f"{version} was released already: there is a tag {version.tag}.")
    last = max(released, default=declared)
    allowed = [*([] if released else [declared]), *last.successors()]
    if version not in allowed:
        names = [str(each) for each in allowed]
        raise Stop(
            f"{version} does not follow {last}: it may be {', '.join(names[:-1])} or {names[-1]}."
        )
