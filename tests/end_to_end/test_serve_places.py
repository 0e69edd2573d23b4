"""The server on a Unix socket, and on one that its parent has opened, as systemd does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import unix_connect

from tests.both_apis.devices import JsonDevice
from tests.end_to_end.serve_command import child_of
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import REPOSITORY

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack("embedded")]


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one", "workers"])
def test_a_unix_socket_serves_requests_and_sockets(
    process_registry: ProcessRegistry,
    stack: Stack,
    tmp_path: Path,
    token: str,
    options: tuple[str, ...],
) -> None:
    path = process_registry.new_directory("unix") / "s"
    arguments = ["manage.py", "serve", "--unix", str(path), *options]
    with child_of(process_registry, stack, tmp_path, arguments) as child:
        child.wait_until(lambda: f"Serving on the Unix socket {path}." in child.text())
        transport = httpx.HTTPTransport(uds=str(path))
        with httpx.Client(transport=transport, base_url="http://localhost", timeout=60) as client:
            assert client.get("/readyz").json()["status"] == "ready"
            answer = client.post(
                "/graphql/",
                json={"query": "{ notifications { totalCount } }"},
                headers={"Authorization": f"Bearer {token}"},
            )
            assert answer.json() == {"data": {"notifications": {"totalCount": 0}}}
        with unix_connect(
            str(path), f"ws://localhost/ws/notifications/?token={token}", compression=None
        ) as door:
            door.send('{"type": "get_notifications"}')
            assert '"notifications_list"' in str(door.recv(timeout=30))
        child.stop()
        assert "Traceback" not in child.text()
    assert not path.exists()


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one", "workers"])
def test_a_socket_of_the_parent_outlives_the_server(
    process_registry: ProcessRegistry,
    stack: Stack,
    tmp_path: Path,
    token: str,
    options: tuple[str, ...],
) -> None:
    environment = {
        **os.environ,
        **stack.environment(),
        "DATABASE_URL": stack.test_database_url(),
    }
    with socket.create_server(("127.0.0.1", 0)) as listening, (tmp_path / "log").open("w") as log:
        port, descriptor = listening.getsockname()[1], listening.fileno()
        for _ in range(2):
            # The second one finds a client that came when there was no server.
            with socket.create_connection(("127.0.0.1", port), 30) as early:
                early.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                server = subprocess.Popen(
                    [sys.executable, "manage.py", "serve", "--fd", str(descriptor), *options],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd=REPOSITORY,
                    pass_fds=[descriptor],
                    start_new_session=True,
                )
                process_registry.watch(server.pid, signal.SIGKILL)
                early.settimeout(60)
                assert early.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
            with JsonDevice(f"ws://127.0.0.1:{port}", token) as device:
                assert device.list().total == 0
            server.terminate()
            assert server.wait(30) in (0, -signal.SIGTERM)
            process_registry.forget(server.pid)
    printed = (tmp_path / "log").read_text()
    assert printed.count(f"Serving on 127.0.0.1, port {port}.") == 2
    assert "Traceback" not in printed
