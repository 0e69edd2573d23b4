"""The database connections of the threads that run the views of requests end with them, also if the client has left."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable

import psutil
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from live_inbox.lanes import Lane
from live_inbox_site.settings import POOL_SIZE
from tests.stacks.ports import LOOPBACK
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import ServerProcess

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/admin/auth/user/"
REQUESTS = 40
WAIT_SECONDS = 20.0


def test_requests_leave_no_connections(
    start_server: Callable[..., ServerProcess], stack: Stack
) -> None:
    # Those of one address would be spread over time.
    server = start_server(UNLIMITED_ADDRESSES=LOOPBACK)
    headers = _signed_in()
    process = psutil.Process(server.child.pid)
    most = sum(lane.threads for lane in Lane) + (POOL_SIZE if stack.is_production else 0)

    _ask(server, headers)
    _ask_and_leave(server, headers)

    deadline = time.monotonic() + WAIT_SECONDS
    while (count := _connections(process, stack)) > most:
        assert time.monotonic() < deadline, f"{count} connections"
        time.sleep(0.02)
    # The pool has lost none: a request would wait for it in vain.
    _ask(server, headers)


def _signed_in() -> dict[str, str]:
    browser = Client()
    browser.force_login(User.objects.create_superuser("root"))
    return {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}


def _ask(server: ServerProcess, headers: dict[str, str]) -> None:
    client = http.client.HTTPConnection(LOOPBACK, server.port)
    try:
        for _ in range(REQUESTS):
            client.request("GET", PAGE, headers=headers)
            answer = client.getresponse()
            answer.read()
            assert answer.status == 200
    finally:
        client.close()


def _ask_and_leave(server: ServerProcess, headers: dict[str, str]) -> None:
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    request = f"GET {PAGE} HTTP/1.1\r\nHost: localhost\r\n{''.join(lines)}\r\n".encode()
    for _ in range(REQUESTS):
        with socket.create_connection((LOOPBACK, server.port)) as client:
            client.sendall(request)


def _connections(process: psutil.Process, stack: Stack) -> int:
    """Return how many connections to the database the server has."""
    if not stack.is_production:
        return sum(each.path.endswith(".sqlite3") for each in process.open_files())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])
