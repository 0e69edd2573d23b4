"""Runs each project in a process of its own: Django has one user model for each process."""

from __future__ import annotations

import json
import os
from tempfile import TemporaryDirectory

import pytest

from live_inbox_site.environment import SiteSettings
from tests.stacks.python_process import completed_python

pytestmark = pytest.mark.stack("embedded")
COUNTS = {"by_email": 22, "by_code": 15, "bare": 17, "rest": 4}
"""The number of checks of each project: those of all, and its own."""


def outcomes(project: str) -> dict[str, str]:
    """Return for each check of a project an empty text, or the traceback of its failure."""
    ours = {name.upper() for name in SiteSettings.model_fields} | {"DJANGO_SETTINGS_MODULE"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    with TemporaryDirectory() as directory:
        done = completed_python(
            "-m", "tests.users.project", project, directory, environment=environment
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("project", COUNTS)
def test_the_inbox_works_in_a_project_with_other_users(project: str) -> None:
    found = outcomes(project)
    failed = [text for text in found.values() if text]
    assert failed == [], "\n".join(failed)
    assert len(found) == COUNTS[project]
