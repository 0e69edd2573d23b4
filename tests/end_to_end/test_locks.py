"""Locks that somebody else holds for long: on an inbox's row, and on the whole file of SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from django.contrib.auth import get_user_model

import live_inbox
from live_inbox.identity.issuing import issue_token
from tests.both_apis.devices import Refused
from tests.end_to_end.conftest import Devices
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import ServerProcess

Start = Callable[..., ServerProcess]
LOCK_SECONDS = "4"
REFUSAL = "The database (GraphQL) fails"
MARK = {"query": "mutation { markAllRead { unreadCount } }"}


@pytest.fixture
def bob(transactional_db: None) -> int:
    """The primary key of another user."""
    return get_user_model().objects.create_user(username="bob").pk


def devices_of(user_id: int) -> Devices:
    user = get_user_model().objects.get(pk=user_id)
    return Devices(issue_token(user, ttl_seconds=3600))


@contextmanager
def row_locked(stack: Stack, user_id: int) -> Iterator[None]:
    """Hold the lock of an inbox, as a process that was frozen within its transaction does."""
    with psycopg.connect(stack.test_database_url()) as connection:
        connection.execute(
            "SELECT 1 FROM live_inbox_inbox WHERE user_id = %s FOR UPDATE", [user_id]
        )
        yield
        connection.rollback()


@contextmanager
def file_locked(stack: Stack) -> Iterator[None]:
    """Hold the write lock of SQLite in another connection."""
    path = stack.test_database_url().removeprefix("sqlite:///")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


@pytest.mark.stack("production")
def test_a_locked_inbox_holds_up_nobody_else(
    start_server: Start, stack: Stack, devices: Devices, alice: int, bob: int
) -> None:
    server = start_server(LOCK_SECONDS=LOCK_SECONDS, REDIS_URL="")
    blocked = [devices.graphql(server) for _ in range(5)]
    others = devices_of(bob).graphql(server)
    live_inbox.send(recipient=get_user_model().objects.get(pk=alice), title="first")
    with row_locked(stack, alice):
        for device in blocked:
            device.send_json({"id": "mark", "type": "subscribe", "payload": MARK})
        # While these wait for the lock, others are served, and lists of the owner too.
        assert others.send(bob, "for another") is not None
        assert others.list().total == 1
        assert devices.graphql(server).list().total == 1
        assert httpx.get(f"{server.http}/readyz", timeout=60).status_code == 200
        assert REFUSAL not in server.log()
        with pytest.raises(Refused) as refused:
            devices.graphql(server).mark_all_read()
        assert refused.value.code == "SERVICE_UNAVAILABLE"
    devices.graphql(server).mark_all_read()
    assert "Traceback" not in server.log()


@pytest.mark.stack("embedded")
def test_readers_are_served_while_another_process_holds_sqlites_write_lock(
    start_server: Start, stack: Stack, devices: Devices, alice: int
) -> None:
    server = start_server(LOCK_SECONDS=LOCK_SECONDS, EXPIRY_SECONDS="0.1")
    writing = [devices.graphql(server) for _ in range(5)]
    open_device = devices.graphql(server)
    live_inbox.send(recipient=get_user_model().objects.get(pk=alice), title="first")
    assert open_device.next_change().what == "added"
    with file_locked(stack):
        for device in writing:
            device.send_json({"id": "mark", "type": "subscribe", "payload": MARK})
        # Handshakes, lists, subscriptions and readiness.
        assert devices.graphql(server).list().total == 1
        assert devices.original(server).list().total == 1
        assert devices.graphql(server, after="0").next_change().what == "added"
        assert httpx.get(f"{server.http}/healthz", timeout=60).status_code == 200
        assert REFUSAL not in server.log()
        with pytest.raises(Refused) as refused:
            devices.original(server).mark_all_read()
        assert refused.value.code == "SERVICE_UNAVAILABLE"
    devices.graphql(server).mark_all_read()
    assert "Traceback" not in server.log()
