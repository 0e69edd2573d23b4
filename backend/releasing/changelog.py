"""The sections of CHANGELOG.md: one for each release, and "Unreleased" for what comes next."""

from __future__ import annotations

import re
from datetime import date

from live_inbox_site.bootstrap import Stop
from releasing.versions import Version

FILE = "CHANGELOG.md"
UNRELEASED = "## Unreleased"


def dated(text: str, version: Version, day: date) -> str:
    """Return the changelog with "Unreleased" as the section of a version, and an empty one above it. Raises Stop."""
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    headings = [section.partition("\n")[0].rstrip() for section in sections]
    if headings.count(UNRELEASED) != 1:
        raise Stop(f'{FILE} has {headings.count(UNRELEASED)} sections "{UNRELEASED}", not one.')
    if any(heading.split()[:2] == ["##", str(version)] for heading in headings):
        raise Stop(f"{FILE} has a section {version} already.")
    place = headings.index(UNRELEASED)
    _, _, entries = sections[place].partition("\n")
    if not re.search(r"^- \S", entries, re.MULTILINE):
        raise Stop(f'{FILE} has nothing in "{UNRELEASED}": say what users of the release notice.')
    sections[place] = f"{UNRELEASED}\n\n## {version} ({day.isoformat()})\n{entries}"
    return "".join(sections)
