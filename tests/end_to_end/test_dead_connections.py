"""Database connections that die without a word, and a database that cannot be reached for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from django.contrib.auth import get_user_model

import live_inbox
from tests.end_to_end.conftest import Devices
from tests.stacks.relay import Relay
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import ServerProcess
from tests.waiting import wait_until

pytestmark = pytest.mark.stack("production")

Start = Callable[..., ServerProcess]
RECONCILE_SECONDS = "0.5"
LONG = 60.0


@pytest.fixture
def relay(stack: Stack) -> Iterator[Relay]:
    """Stands between the server and PostgreSQL. The test's own connections do not use it."""
    assert stack.cluster is not None
    with Relay(stack.cluster.directory / ".s.PGSQL.5432") as relay:
        yield relay


@pytest.fixture
def server(relay: Relay, stack: Stack, start_server: Start) -> ServerProcess:
    """A server that hears of nothing but what reconciliation finds."""
    name = urlsplit(stack.test_database_url()).path
    return start_server(
        DATABASE_URL=f"postgres://postgres@127.0.0.1:{relay.port}{name}",
        REDIS_URL="",
        RECONCILE_SECONDS=RECONCILE_SECONDS,
        SESSION_CHECK_SECONDS="0.5",
    )


def send(user_id: int, title: str) -> None:
    live_inbox.send(recipient=get_user_model().objects.get(pk=user_id), title=title)


def test_events_come_although_every_connection_has_died(
    relay: Relay, server: ServerProcess, devices: Devices, alice: int
) -> None:
    opened = [devices.graphql(server), devices.original(server)]
    send(alice, "before")
    for device in opened:
        assert device.next_change().what == "added"
    relay.forget()
    send(alice, "after")
    for device in opened:
        change = device.next_change()
        assert change.notification is not None
        assert change.notification.title == "after"
    # Lists, handshakes and readiness as well, each with a connection that has died.
    assert devices.graphql(server).list().total == 2
    assert devices.original(server).list().total == 2
    wait_until(lambda: httpx.get(f"{server.http}/readyz", timeout=60).status_code == 200)
    assert "Traceback" not in server.log()


def test_events_come_soon_after_a_partition_has_healed(
    relay: Relay, server: ServerProcess, devices: Devices, alice: int
) -> None:
    device = devices.graphql(server)
    relay.partition()
    send(alice, "meanwhile")
    wait_until(lambda: httpx.get(f"{server.http}/readyz", timeout=LONG).status_code == 503)
    wait_until(lambda: "The inbox log fails" in server.log())
    relay.heal()
    change = device.next_change()
    assert change.notification is not None
    assert change.notification.title == "meanwhile"
    wait_until(lambda: httpx.get(f"{server.http}/readyz", timeout=LONG).status_code == 200)
    assert device.send(alice, "afterwards") is not None
    assert "Traceback" not in server.log()
