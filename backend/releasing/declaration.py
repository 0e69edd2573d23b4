"""The one place that declares the version. The build backend, the npm packages and `/version` read it from there."""

from __future__ import annotations

import re

from live_inbox_site.bootstrap import Stop
from releasing.versions import Version

FILE = "backend/live_inbox/__init__.py"
_LINE = re.compile(r'^__version__ = "(.*)"$', re.MULTILINE)


def declared(source: str) -> Version:
    """Return the version that the source of FILE declares. Raises Stop."""
    lines = _LINE.findall(source)
    if len(lines) != 1:
        raise Stop(f"{FILE} declares the version {len(lines)} times, not once.")
    return Version.parse(lines[0])


def declare(source: str, version: Version) -> str:
    """Return the source of FILE with another version."""
    return _LINE.sub(f'__version__ = "{version}"', source)
