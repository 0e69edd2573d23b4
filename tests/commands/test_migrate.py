"""`migrate` of the site on the database of another project, which it must leave alone."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.stacks.python_process import completed_python, run_python

pytestmark = pytest.mark.stack("embedded")

PROJECT = """
import django, sys
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""
SHOP = """
INSERT INTO django_migrations (app, name, applied) VALUES ('shop', '0001_initial', '2026-01-01');
CREATE TABLE shop_order (id integer PRIMARY KEY);
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The database of another project, with Django's users."""
    path = tmp_path / "db.sqlite3"
    run_python("-c", PROJECT, str(path))
    execute(path, SHOP)
    return path


def migrate(database: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{database}"}
    return completed_python("manage.py", "migrate", *arguments, environment=environment)


def execute(database: Path, script: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(script)


def tables(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }


def test_everything_is_refused_on_the_database_of_another_project(database: Path) -> None:
    before = tables(database)
    for arguments in ([], ["auth"]):
        done = migrate(database, *arguments)
        assert done.returncode == 1
        assert "the database of another project (it has the app 'shop')" in done.stderr
        assert "manage.py migrate live_inbox" in done.stderr
    assert tables(database) == before


def test_the_app_alone_adds_its_tables_and_no_others(database: Path) -> None:
    before = tables(database)
    done = migrate(database, "live_inbox")
    assert done.returncode == 0, done.stderr
    added = tables(database) - before - {"sqlite_sequence"}
    assert added
    assert all(name.startswith("live_inbox_") for name in added)


def test_a_user_model_of_its_own_is_named(database: Path) -> None:
    execute(database, "ALTER TABLE auth_user RENAME TO accounts_user")
    done = migrate(database, "live_inbox")
    assert done.returncode == 1
    assert "no table 'auth_user'" in done.stderr
    assert "live_inbox_notification" not in tables(database)


def test_a_database_of_its_own_is_migrated_as_ever(tmp_path: Path) -> None:
    database = tmp_path / "db.sqlite3"
    assert migrate(database).returncode == 0
    assert migrate(database).returncode == 0
    assert {"auth_user", "live_inbox_notification", "django_session"} <= tables(database)
