"""What clients of both APIs read while the database is locked or takes no writes: the true reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from websockets.exceptions import ConnectionClosed

from live_inbox.identity.issuing import issue_token
from tests.both_apis.conftest import DEVICES
from tests.both_apis.server_thread import ServerThread
from tests.changed_settings import changed_settings

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack("production")]


@pytest.fixture(scope="module")
def hasty_server(django_db_setup: None) -> Iterator[ServerThread]:
    """A server that waits for an answer about a caller for half a second."""
    with (
        changed_settings(HOUSEKEEPING=False, CONNECTION_INIT_SECONDS=1),
        ServerThread() as server,
    ):
        yield server


@pytest.fixture
def locked_users(alice: int) -> Iterator[None]:
    """Another session has locked the users' table."""
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("LOCK TABLE auth_user IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


@pytest.mark.parametrize(
    ("api", "code", "reason"),
    [
        ("graphql", 1013, "Try again later: database_unavailable"),
        ("json", 1011, "Internal error: database_unavailable"),
    ],
)
def test_a_locked_database_is_the_reason_of_the_close(
    hasty_server: ServerThread,
    alice: int,
    request: pytest.FixtureRequest,
    api: str,
    code: int,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    token = issue_token(User.objects.get(pk=alice), ttl_seconds=600)
    request.getfixturevalue("locked_users")
    with ExitStack() as opened, pytest.raises(ConnectionClosed) as closed:
        device = opened.enter_context(DEVICES[api](hasty_server.ws, token))
        while True:
            device.receive()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)
    assert "Traceback" not in caplog.text


def test_an_action_that_was_cancelled_names_the_database(
    open_device: Callable[..., Any], alice: int
) -> None:
    device = open_device("json", "alice")
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        with other.transaction():
            other.execute("LOCK TABLE live_inbox_inbox IN ACCESS EXCLUSIVE MODE")
            device.send_json({"type": "mark_all_read"})
            with psycopg.connect(**connection.get_connection_params(), autocommit=True) as operator:
                cancelled = 0
                while not cancelled:
                    cancelled = operator.execute(
                        "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                        " AND query LIKE '%FOR%UPDATE%' AND pid <> pg_backend_pid()"
                    ).fetchone()[0]  # type: ignore[index]
        answer = device.receive()
    assert answer["success"] is False
    assert answer["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert answer["error"]["reason"] == "database_unavailable"
