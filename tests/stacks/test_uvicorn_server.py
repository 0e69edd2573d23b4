"""The product in a process of its own: what tests that break it rely on."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections.abc import Callable

import pytest

from tests.stacks.child import ServerFailed
from tests.stacks.uvicorn_server import ServerProcess

StartServer = Callable[..., ServerProcess]


def is_ready(server: ServerProcess) -> bool:
    with urllib.request.urlopen(f"{server.http}/readyz", timeout=10) as answer:
        return bool(json.load(answer)["status"] == "ready")


def test_it_serves_the_tests_database_and_stops_when_asked(start_server: StartServer) -> None:
    server = start_server()
    assert is_ready(server)
    # uvicorn ends itself with the signal that stopped it, once everything is in order.
    assert server.stop() in (0, -signal.SIGTERM)
    assert not server.answers()


def test_a_killed_one_comes_back_on_the_same_port(start_server: StartServer) -> None:
    server = start_server()
    address = server.ws
    server.kill()
    assert server.child.exit_code == -9
    server.start()
    assert server.ws == address
    assert is_ready(server)


def test_a_server_that_refuses_to_start_reports_why(start_server: StartServer) -> None:
    with pytest.raises(ServerFailed, match="DATABASE_THREADS"):
        start_server(DATABASE_THREADS="0")
