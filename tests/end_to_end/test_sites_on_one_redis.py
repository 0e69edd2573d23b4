"""Sites whose servers share one Redis: each shows its own events, and nobody can make a server show others.

Reconciliation comes once a minute here: what a device shows was brought by a doorbell, or by the process itself.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import msgpack
import psycopg
import pytest
import redis

from tests.both_apis.devices import WAIT_SECONDS, GraphQLDevice
from tests.stacks.python_process import run_python
from tests.stacks.redis_server import RedisServer
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import ServerProcess

pytestmark = pytest.mark.stack("production")

Start = Callable[..., ServerProcess]


@dataclass
class Site:
    """A database with the user alice, and what runs on it."""

    url: str
    start_server: Start
    redis_url: str
    secrets: dict[str, str]

    def start(self, **environment: str) -> ServerProcess:
        """Start a server."""
        return self.start_server(
            DATABASE_URL=self.url,
            REDIS_URL=self.redis_url,
            RECONCILE_SECONDS="60",
            **(self.secrets | environment),
        )

    def command(self, *arguments: str) -> str:
        """Run a command in a process of its own and return what it has printed."""
        changed = {"DATABASE_URL": self.url, "REDIS_URL": self.redis_url} | self.secrets
        return run_python("manage.py", *arguments, environment=os.environ | changed)

    def send(self, title: str) -> None:
        """Send alice a notification, from a process of its own."""
        user = ["--user-id", str(self.alice)]
        self.command("test_notifications", *user, "--title", title, "--message", title)

    @property
    def alice(self) -> int:
        """Her primary key."""
        with psycopg.connect(self.url) as database:
            found = database.execute("SELECT id FROM auth_user WHERE username = 'alice'").fetchone()
        assert found is not None
        return int(found[0])

    def token(self) -> str:
        """Return a token of alice."""
        return self.command("issue_token", "--user", "alice", "--quiet").strip()


@pytest.fixture
def site(
    stack: Stack, transactional_db: None, start_server: Start, private_redis: RedisServer
) -> Site:
    """A site with one user and one event."""
    site = Site(stack.fresh_database(), start_server, private_redis.url, {})
    create = "from django.contrib.auth.models import User; user = User.objects.create_user('alice')"
    send = (
        "import live_inbox; live_inbox.send(recipient=user, title='the first', message='the first')"
    )
    site.command("shell", "-c", f"{create}; {send}")
    return site


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def listening(private_redis: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(private_redis.url, socket_timeout=60) as client:
        yield client


def groups_of(client: redis.Redis, user: int, *, expected: int) -> list[bytes]:
    """Return the Redis channels of a user's inboxes, when so many sites listen there."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        names: Any = client.pubsub_channels(f"*__group__inbox.*.{user}")
        if len(names) == expected:
            return list(names)
        assert time.monotonic() < deadline, names
        time.sleep(0.05)


def titles(device: GraphQLDevice, count: int) -> list[str]:
    """Return the titles of the next changes."""
    changes = [device.next_change().notification for _ in range(count)]
    return [change.title for change in changes if change is not None]


def metric(server: ServerProcess, name: str) -> float:
    """Return a metric of a server, added up over its labels."""
    with urllib.request.urlopen(f"{server.http}/metrics", timeout=WAIT_SECONDS) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


@pytest.mark.parametrize("has_own_secret", [False, True])
def test_a_copy_of_a_site_and_the_site_show_their_own_events_only(
    stack: Stack,
    site: Site,
    opened: ExitStack,
    listening: redis.Redis,
    has_own_secret: bool,
) -> None:
    """The copy has the same users, inboxes, epochs and the same id in its table, as staging often has."""
    own = {"SECRET_KEY": "another-secret-key-for-tests-only-which-is-long-enough-for-a-check"}
    copy = Site(stack.copy_of(site.url), site.start_server, site.redis_url, {})
    copy.secrets = own if has_own_secret else {}
    servers = [site.start(), copy.start()]
    here, there = (
        opened.enter_context(GraphQLDevice(server.ws, each.token()))
        for server, each in zip(servers, (site, copy), strict=True)
    )
    groups_of(listening, site.alice, expected=2)
    site.send("of the site")
    copy.send("of the copy")
    site.send("of the site again")
    copy.send("of the copy again")
    assert titles(here, 2) == ["of the site", "of the site again"]
    assert titles(there, 2) == ["of the copy", "of the copy again"]
    for server in servers:
        assert metric(server, "inbox_doorbells_refused_total") == 0
        assert metric(server, "inbox_events_recovered_total") == 0


def test_forged_and_repeated_doorbells_show_nothing_and_hide_nothing(
    site: Site, opened: ExitStack, listening: redis.Redis
) -> None:
    server = site.start()
    device = opened.enter_context(GraphQLDevice(server.ws, site.token()))
    (group,) = groups_of(listening, site.alice, expected=1)
    recorder = listening.pubsub()  # type: ignore[no-untyped-call]
    recorder.subscribe(group)
    assert recorder.get_message(timeout=60)
    site.send("second")
    assert titles(device, 1) == ["second"]
    recorded: Any = recorder.get_message(timeout=60)
    message = msgpack.unpackb(recorded["data"])
    event = json.loads(message["body"][message["body"].index(b'{"inbox"') :])
    third = json.dumps(event | {"sequence": 3}).encode()
    forgeries = [
        {"type": "inbox.events", "from": "x", "inboxes": {str(site.alice): [third]}},
        message | {"body": message["body"].replace(b'"sequence":2', b'"sequence":3')},
        message | {"body": message["body"].replace(b'"second"', b'"forged"')},
        message | {"version": 1},
        message | {"type": "inbox.event"},
    ]
    for forged in [*map(msgpack.packb, forgeries), b"\xc1", recorded["data"]]:
        assert listening.publish(group.decode(), forged) > 0
    site.send("third")
    site.send("fourth")
    assert titles(device, 2) == ["third", "fourth"]
    listed = device.list().notifications
    assert [each.title for each in listed] == ["fourth", "third", "second", "the first"]
    assert metric(server, "inbox_doorbells_refused_total") == len(forgeries) + 1
    assert metric(server, "inbox_events_recovered_total") == 0
    recorder.close()


def test_the_first_event_of_a_new_inbox_arrives_by_the_doorbell(
    site: Site, opened: ExitStack, listening: redis.Redis
) -> None:
    """It takes one read of the log, as the inbox has no epoch before, and no reconciliation."""
    with psycopg.connect(site.url) as database:
        database.execute("TRUNCATE live_inbox_inbox CASCADE")
    server = site.start()
    device = opened.enter_context(GraphQLDevice(server.ws, site.token()))
    groups_of(listening, site.alice, expected=1)
    for title in ("first", "second", "third"):
        site.send(title)
    assert titles(device, 3) == ["first", "second", "third"]


def test_the_secret_can_be_rotated_under_running_servers(
    site: Site, opened: ExitStack, listening: redis.Redis
) -> None:
    old = os.environ["SECRET_KEY"]
    new = "the-secret-key-of-next-year-for-tests-only-which-is-long-enough"
    server = site.start(SECRET_KEY=old, SECRET_KEY_FALLBACKS=new)
    device = opened.enter_context(GraphQLDevice(server.ws, site.token()))
    groups_of(listening, site.alice, expected=1)
    for number, secrets in enumerate(
        [
            {"SECRET_KEY": old},
            {"SECRET_KEY": old, "SECRET_KEY_FALLBACKS": new},
            {"SECRET_KEY": new, "SECRET_KEY_FALLBACKS": old},
        ]
    ):
        site.secrets = secrets
        site.send(f"number {number}")
        assert titles(device, 1) == [f"number {number}"]
    assert metric(server, "inbox_events_recovered_total") == 0
