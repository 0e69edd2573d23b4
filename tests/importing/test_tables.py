"""The tables of other systems: a project with django-notifications-hq and the original guide's model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import pytest

from tests.importing.legacy_project import FILES, FILL, HQ_FILES, MIGRATE, RUN
from tests.stacks.uvicorn_server import REPOSITORY

pytestmark = pytest.mark.stack("embedded")

Variant = Literal["fields", "package"]
VARIANTS = get_args(Variant) if find_spec("notifications") else ("fields",)
"""With the package only where it is installed: `pip install django-notifications-hq`. It needs Python 3.11."""

NOON = "2024-05-01 12:00:00+00:00"


class Done(NamedTuple):
    """How a command ended, what it printed, and the notifications in all inboxes after it."""

    code: int
    out: str
    err: str
    rows: list[list[Any]]


class LegacyProject:
    """The project in a directory of its own, with a SQLite database, run by this Python."""

    def __init__(self, directory: Path, variant: Variant) -> None:
        self._directory = directory
        for name, text in {**FILES, **(HQ_FILES if variant == "fields" else {})}.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(text)
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(directory), str(REPOSITORY / "backend")]),
            "PYTHONWARNINGS": "ignore",
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "DATABASE_URL": f"sqlite:///{directory / 'project.sqlite3'}",
        }

    def python(self, script: str, text: str = "") -> str:
        """Run a script with this text as its input; return what it prints."""
        done = subprocess.run(
            [sys.executable, "-c", script],
            input=text,
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commands(self, *commands: str) -> list[Done]:
        """Run management commands, all in one process."""
        answer = self.python(RUN, json.dumps([command.split() for command in commands]))
        return [Done(*result) for result in json.loads(answer)]


@pytest.fixture(scope="module", params=VARIANTS)
def project(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> LegacyProject:
    """The project, migrated, without rows: with the real package, and with a model that has the same fields."""
    project = LegacyProject(tmp_path_factory.mktemp("legacy"), request.param)
    project.python(MIGRATE)
    return project


@pytest.fixture(scope="module")
def ids(project: LegacyProject) -> list[int]:
    """The primary keys of Ada, Bob, a deleted user and the team, after the old tables were filled."""
    return [int(word) for word in project.python(FILL).split()]


def user(id: int) -> dict[str, str]:
    """Return how the data of a notification names a user."""
    return {"type": "auth.user", "id": str(id)}


def test_both_apps_are_installed_and_the_table_is_imported_once(
    project: LegacyProject, ids: list[int]
) -> None:
    ada, bob, gone, team = ids
    command = "import_notifications --from hq"

    checked, planned, first, again = project.commands(
        "check",
        f"{command} --dry-run",
        f"{command} --type-from verb",
        f"{command} --type-from verb",
    )

    assert checked.out == "System check identified no issues (0 silenced).\n", checked.err
    assert planned.rows == []
    assert (planned.code, planned.err) == (0, "")
    assert planned.out == (
        "5 rows read: 4 would be imported, 0 imported before, 1 skipped, 0 with problems.\n"
        "The last row is hq:5.\n"
        "  1 skipped: deleted\n"
    )
    assert first.out.startswith("5 rows read: 4 imported, 0 imported before, 1 skipped, ")
    assert again.out.startswith("5 rows read: 0 imported, 4 imported before, 1 skipped, ")
    group = {"type": "auth.group", "id": str(team)}
    info = {"level": "info", "public": True}
    assert again.rows == first.rows == [
        [ada, None, "has-left", f"user {gone} has left", "", "",
         {"hq": {**info, "verb": "has left", "actor": user(gone)}}, NOON, None, "hq:4"],
        [bob, ada, "commented-on", "ada commented on Team", "Nice.", "",
         {"pages": 3, "hq": {**info, "verb": "commented on", "actor": user(ada), "target": group}},
         NOON, None, "hq:1"],
        [bob, None, "reached-level-60", "Team reached level 60", "", "",
         {"hq": {**info, "level": "success", "verb": "reached level 60", "actor": group}},
         NOON, NOON, "hq:2"],
        [bob, ada, "closed", "ada closed bob on Team", "", "",
         {"hq": {**info, "verb": "closed", "actor": user(ada), "action_object": user(bob), "target": group}},
         NOON, None, "hq:3"],
    ]  # fmt: skip


def test_the_guides_model_is_imported(project: LegacyProject, ids: list[int]) -> None:
    ada, bob, *_ = ids
    command = "import_notifications --from guide --model authentication.Notification"

    refused, truncated, checked = project.commands(
        command, f"{command} --truncate", "check_inboxes"
    )

    assert refused.code == 1
    assert refused.err == (
        "authentication.Notification 3: title must have 200 characters at most.\n"
        "CommandError: 1 row could not be imported.\n"
    )
    assert refused.out == (
        "3 rows read: 2 imported, 0 imported before, 0 skipped, 1 with problems.\n"
        "The last row is authentication.Notification 3.\n"
        "  1 with the problem: title must have 200 characters at most.\n"
    )
    assert (truncated.code, truncated.err) == (0, "")
    assert truncated.out.startswith("3 rows read: 1 imported, 2 imported before, 0 skipped, ")
    key = "guide:authentication.notification:"
    assert [row for row in truncated.rows if row[-1].startswith(key)] == [
        [ada, None, "general", "Welcome!", "Hello", "/home/", {}, NOON, NOON, f"{key}1"],
        [ada, bob, "user-detail", "Details Approved", "", "", {"item_id": 7}, NOON, None, f"{key}2"],
        [ada, None, "general", "T" * 199 + "…", "", "", {}, NOON, None, f"{key}3"],
    ]  # fmt: skip
    assert checked.out == "No problems found.\n"


def test_fields_that_the_model_does_not_have(project: LegacyProject) -> None:
    command = "import_notifications --model authentication.Notification"

    wrong_model, wrong_column = project.commands(
        f"{command} --from hq", f"{command} --from guide --column title=name"
    )

    assert (wrong_model.code, wrong_model.err) == (
        1,
        "CommandError: authentication.Notification is not a model of django-notifications-hq: it has no field "
        "'recipient_id'. Name the model: --model APP.MODEL.\n",
    )
    assert wrong_column.code == 1
    assert wrong_column.err.startswith("CommandError: Cannot resolve keyword 'name' into field.")
