"""manage.py serve --check: what it tries, what it says, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.stacks.redis_server import RedisServer
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import REPOSITORY

PARTS = ["settings", "database", "migrations", "writes", "channel layer"]


def check(stack: Stack, **changes: str) -> tuple[int, dict[str, str], str]:
    """Run it in a process of its own; return its exit code, what it says of each part, and its errors."""
    own = {"DATABASE_URL": stack.test_database_url()}
    done = subprocess.run(
        [sys.executable, "manage.py", "serve", "--check"],
        env={**os.environ, **stack.environment(), **own, **changes},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    return done.returncode, said, done.stderr


def place_of(url: str) -> str:
    """Return what is said of a database: neither its user nor its password."""
    if url.startswith("sqlite:///"):
        return f"SQLite {url.removeprefix('sqlite:///')}"
    parts = urlsplit(url)
    # A Unix socket's directory is percent-encoded.
    host = unquote(parts.netloc.rpartition("@")[2])
    return f"PostgreSQL {parts.path.removeprefix('/')} on {host}"


@pytest.mark.django_db(transaction=True)
def test_all_is_well(stack: Stack) -> None:
    code, said, errors = check(stack)
    assert (code, errors) == (0, "")
    layer = "ok" if stack.is_production else "none between processes: REDIS_URL is not set"
    place = place_of(stack.test_database_url())
    assert said == {
        **dict.fromkeys(PARTS, "ok"),
        "database": f"ok ({place})",
        "channel layer": layer,
    }


def test_a_database_without_tables_is_no_database_of_the_inbox(
    stack: Stack, tmp_path: Path, django_db_setup: None
) -> None:
    if stack.cluster is None:
        empty = f"sqlite:///{tmp_path}/empty.sqlite3"
    else:
        empty = stack.cluster.create_database("without_tables")
    code, said, errors = check(stack, DATABASE_URL=empty)
    assert code == 1
    assert said["database"] == (
        f"it has no tables of the inbox: run manage.py migrate ({place_of(empty)})"
    )
    assert list(said) == ["settings", "database", "channel layer"]
    assert errors == "CommandError: A server could not work here: database.\n"


@pytest.mark.stack("production")
def test_neither_database_nor_redis(stack: Stack, django_db_setup: None) -> None:
    code, said, errors = check(
        stack,
        DATABASE_URL="postgres://inbox:a-long-password@127.0.0.1:1/inbox",
        REDIS_URL="redis://:another-password@127.0.0.1:1/0",
    )
    assert code == 1
    assert said["database"].startswith("OperationalError: ")
    assert said["database"].endswith(" (PostgreSQL inbox on 127.0.0.1:1)")
    assert said["channel layer"].startswith("ConnectionError: ")
    assert errors == "CommandError: A server could not work here: database, channel layer.\n"
    assert "password" not in str(said) + errors


@pytest.mark.stack("production")
@pytest.mark.django_db(transaction=True)
def test_a_redis_that_does_not_answer(stack: Stack, private_redis: RedisServer) -> None:
    private_redis.freeze()
    code, said, _ = check(stack, REDIS_URL=private_redis.url)
    private_redis.thaw()
    assert code == 1
    assert said["writes"] == "ok"
    assert said["channel layer"] not in ("", "ok")


@pytest.mark.stack("embedded")
def test_wrong_settings_come_first(stack: Stack, django_db_setup: None) -> None:
    code, said, errors = check(stack, ENVIRONMENT="production", SECRET_KEY="short")
    assert (code, said) == (1, {})
    assert "live_inbox_site.E001" in errors
