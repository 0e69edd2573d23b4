"""Files that are made from the code, and the commands that write and compare them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from live_inbox.conf import InboxSettings
from live_inbox_site.configuration_page import configuration_page, groups
from live_inbox_site.environment import SITE_DIRECTORY, SiteSettings
from live_inbox_site.management.commands import (
    print_client_documents,
    print_client_types,
    print_configuration,
    print_schema,
)
from tests.commands.conftest import Run

COMMANDS: dict[str, Any] = {
    "print_client_documents": print_client_documents.Command,
    "print_client_types": print_client_types.Command,
    "print_configuration": print_configuration.Command,
    "print_schema": print_schema.Command,
}
each_command = pytest.mark.parametrize("name", COMMANDS)


@pytest.fixture
def written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file, elsewhere."""
    path = tmp_path / "page"
    monkeypatch.setattr(COMMANDS[name], "path", path)
    return path


@each_command
def test_the_file_of_the_repository_is_up_to_date(run: Run, name: str) -> None:
    result = run(name, "--check")

    shown = COMMANDS[name].path.relative_to(SITE_DIRECTORY)
    assert (result.code, result.out, result.err) == (0, f"{shown} is up to date.\n", "")


@each_command
def test_a_file_is_written_and_then_up_to_date(run: Run, name: str, written: Path) -> None:
    assert run(name).out == f"Wrote {written}.\n"
    assert written.read_text() == COMMANDS[name]().text()
    assert run(name, "--check").code == 0


@each_command
def test_a_difference_is_shown_and_left(run: Run, name: str, written: Path) -> None:
    text = COMMANDS[name]().text()
    first, rest = text.split("\n", 1)
    written.write_text(f"other\n{rest}")

    result = run(name, "--check")

    assert result.code == 1
    assert result.err == (
        f"CommandError: {written} is out of date: run `manage.py {name}` and commit it.\n"
    )
    assert f"-other\n+{first}\n" in result.out
    assert written.read_text() == f"other\n{rest}"


@each_command
def test_a_missing_file_differs(run: Run, name: str, written: Path) -> None:
    assert run(name, "--check").code == 1
    assert not written.exists()


def test_every_setting_is_on_the_page_once_in_the_order_of_the_source() -> None:
    rows = [line for line in configuration_page().splitlines() if line.startswith("| `")]
    names = [line.split("`")[1] for line in rows]

    app = list(InboxSettings.model_fields)
    site = [name for name in SiteSettings.model_fields if name not in app]
    assert names == [name.upper() for name in site + app]


def test_the_headings_are_those_of_the_source() -> None:
    assert list(groups()) == [
        "the site",
        "server",
        "dependencies",
        "delivery",
        "housekeeping",
        "notifications",
        "webhook of actions",
        "identity",
        "limits",
    ]
    assert groups()["dependencies"] == [
        "database_threads",
        "database_seconds",
        "lock_seconds",
        "idle_transaction_seconds",
        "postgres_limits",
        "rate_storage_url",
    ]


@pytest.mark.parametrize(
    "row",
    [
        "| `ENVIRONMENT` | `development` or `test` or `production` | `production` | ",
        "| `BEHIND_PROXY` | `true` or `false` | `false` | ",
        "| `DATABASE_URL` | text | `sqlite:///<repository>/var/inbox.sqlite3` | ",
        "| `DATABASE_THREADS` | whole number ≥ 1 and ≤ 64 | `4` | ",
        "| `RECONCILE_SECONDS` | number > 0 and ≤ 60 | `2` | ",
        "| `TYPES` | JSON object, or dotted path | - | ",
        "| `ALLOWED_ORIGINS` | list | - | ",
        "| `JWT_USER_CLAIMS` | list | `user_id,sub` | ",
        "| `REDIS_URL` | text | - | ",
    ],
)
def test_values_and_defaults_are_listed(row: str) -> None:
    assert f"\n{row}" in configuration_page()


def test_the_page_contains_nothing_of_this_machine() -> None:
    assert str(SITE_DIRECTORY) not in configuration_page()
