"""A backup as docs/operating/backup.md makes it is restored, and clients come back that have seen more than it has."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from pytest_django import Settings

from live_inbox import selectors, services
from live_inbox.delivery.position import Position
from live_inbox.identity.issuing import issue_token
from tests.both_apis.raw_clients import RawGraphQLClient
from tests.databases.conftest import AddDatabase, Router
from tests.domain.doorbells import RememberingDoorbell
from tests.stacks.postgres_server import INSTALLATION, PACKAGE, site_packages
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import ServerProcess

SELECTION = """__typename position
    ... on NotificationAdded { notification { title } }
    ... on InboxReset { reason }"""


class Site:
    """A database of its own, of which backups are made, and the servers on it."""

    def __init__(
        self,
        stack: Stack,
        url: str,
        alias: str,
        folder: Path,
        start_server: Callable[..., ServerProcess],
    ) -> None:
        self._stack = stack
        self._url = url
        self._alias = alias
        self._backup = folder / "inbox.backup"
        self._start_server = start_server
        self._server: ServerProcess | None = None

    def back_up(self) -> None:
        """Make a backup."""
        if self._stack.is_production:
            self._run("pg_dump", "--format=custom", f"--file={self._backup}", self._url)
            return
        with closing(sqlite3.connect(self._file)) as database:
            database.execute("VACUUM INTO ?", [str(self._backup)])

    def restore(self) -> None:
        """Put the backup in the place of the database, while no server runs."""
        connections[self._alias].close()
        self._stack.remove(self._url)
        if self._stack.is_production:
            self._stack.empty_database(self._url.rsplit("/", 1)[1])
            options = ("--exit-on-error", "--single-transaction")
            self._run("pg_restore", *options, f"--dbname={self._url}", str(self._backup))
        else:
            shutil.copyfile(self._backup, self._file)

    def start(self) -> None:
        """Start a server."""
        self._server = self._start_server(DATABASE_URL=self._url, RECONCILE_SECONDS="0.1")

    def open(self, user: User, after: str) -> RawGraphQLClient:
        """Open a device that was away, and resumes after a position."""
        assert self._server is not None
        token = issue_token(user, ttl_seconds=600)
        return RawGraphQLClient(
            self._server.ws, token, "graphql-transport-ws", after=after, selection=SELECTION
        )

    @property
    def _file(self) -> Path:
        return Path(self._url.removeprefix("sqlite:///"))

    def _run(self, program: str, *arguments: str) -> None:
        path = site_packages() / PACKAGE / INSTALLATION / "bin" / program
        done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def site(
    stack: Stack,
    add_database: AddDatabase,
    settings: Settings,
    bell: RememberingDoorbell,
    tmp_path: Path,
    start_server: Callable[..., ServerProcess],
) -> Site:
    """A site whose database this process uses, too. No doorbell is rung: what is read is in the log."""
    url = stack.fresh_database()
    alias = add_database(url=url)
    settings.DATABASE_ROUTERS = [Router(write=alias, read=alias)]
    return Site(stack, url, alias, tmp_path, start_server)


@pytest.fixture
def devices() -> Iterator[ExitStack]:
    """The devices of a test."""
    with ExitStack() as opened:
        yield opened


def send(user: User, *titles: str) -> str:
    """Send, and return the position of the list then: that of a client that has seen all."""
    for title in titles:
        services.send(recipient_id=user.pk, title=title)
    return str(selectors.inbox_state(user_id=user.pk).position)


def next_event(device: RawGraphQLClient) -> Any:
    event = device.hear()["payload"]["data"]["notificationEvents"]
    return event.get("reason") or event["notification"]["title"]


def without_fingerprint(position: str) -> str:
    seen = Position.parse(position)
    return str(Position(seen.epoch, seen.sequence))


def test_clients_that_have_seen_more_than_the_backup_read_anew(
    site: Site, devices: ExitStack
) -> None:
    user = User.objects.create_user("olga")
    late = User.objects.create_user("ben")
    early = send(user, "kept 1")
    saved = send(user, "kept 2")
    site.back_up()
    third = send(user, "lost 3")
    fifth = send(user, "lost 4", "lost 5")
    of_late = send(late, "lost")

    site.restore()
    site.start()

    # Beyond the log that was restored.
    assert next_event(devices.enter_context(site.open(user, fifth))) == "AHEAD"
    # An inbox that is not in the backup.
    assert next_event(devices.enter_context(site.open(late, of_late))) == "EPOCH"
    assert send(user, "new 3", "new 4", "new 5", "new 6")
    # The log has passed these sequences again, with other events.
    assert next_event(devices.enter_context(site.open(user, third))) == "EPOCH"
    assert next_event(devices.enter_context(site.open(user, fifth))) == "EPOCH"
    # Nobody else notices.
    at_backup = devices.enter_context(site.open(user, saved))
    assert [next_event(at_backup) for _ in range(4)] == ["new 3", "new 4", "new 5", "new 6"]
    before = devices.enter_context(site.open(user, early))
    assert [next_event(before) for _ in range(2)] == ["kept 2", "new 3"]
    # What only a new epoch recognises: the position of a version before there were fingerprints.
    old = without_fingerprint(fifth)
    assert next_event(devices.enter_context(site.open(user, old))) == "new 6"

    call_command("check_inboxes", "--restored", stdout=None)

    assert next_event(at_backup) == "EPOCH"
    for position in (old, fifth, saved):
        assert next_event(devices.enter_context(site.open(user, position))) == "EPOCH"
    now = devices.enter_context(site.open(user, send(user)))
    send(user, "after that")
    assert next_event(now) == "after that"
