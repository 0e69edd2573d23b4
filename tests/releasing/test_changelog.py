"""A release dates what was unreleased, and begins anew."""

from __future__ import annotations

from datetime import date

import pytest

from live_inbox_site.bootstrap import REPOSITORY, Stop
from releasing import changelog
from releasing.versions import Version

pytestmark = pytest.mark.stack("embedded")

DAY = date(2026, 3, 1)
VERSION = Version(0, 2, 0)


def test_the_section_gets_the_version_and_the_day() -> None:
    text = "# Changelog\n\nHead.\n\n## Unreleased\n\n### Added\n\n- A.\n  More.\n\n## 0.1.0 (2026-01-05)\n\n- B.\n"
    assert changelog.dated(text, VERSION, DAY) == (
        "# Changelog\n\nHead.\n\n## Unreleased\n\n## 0.2.0 (2026-03-01)\n\n### Added\n\n- A.\n  More.\n\n"
        "## 0.1.0 (2026-01-05)\n\n- B.\n"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# Changelog\n\n- A.\n", 'CHANGELOG.md has 0 sections "## Unreleased", not one.'),
        (
            "## Unreleased\n\n- A.\n\n## Unreleased\n\n- B.\n",
            'CHANGELOG.md has 2 sections "## Unreleased", not one.',
        ),
        (
            "## Unreleased\n\n### Added\n\n## 0.1.0 (2026-01-05)\n\n- B.\n",
            'CHANGELOG.md has nothing in "## Unreleased": say what users of the release notice.',
        ),
        (
            "## Unreleased\n\n- A.\n\n## 0.2.0 (2026-02-01)\n\n- B.\n",
            "CHANGELOG.md has a section 0.2.0 already.",
        ),
    ],
)
def test_a_changelog_that_is_not_ready(text: str, reason: str) -> None:
    with pytest.raises(Stop) as stop:
        changelog.dated(text, VERSION, DAY)
    assert str(stop.value) == reason


def test_the_changelog_of_this_project_has_the_section() -> None:
    lines = (REPOSITORY / changelog.FILE).read_text().splitlines()
    assert lines.count(changelog.UNRELEASED) == 1
