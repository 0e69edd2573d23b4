"""manage.py serve --reload: the server starts anew when its code changes."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.stacks.child import Child
from tests.stacks.ports import free_port
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import REPOSITORY

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack("embedded")]

SOURCES = ("backend", "graphql_schema")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the product that may be changed."""
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__", "static")
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=ignored)
    for name in ("manage.py", "pyproject.toml", "schema.graphql"):
        shutil.copy(REPOSITORY / name, tmp_path)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    """Change a file, and let its time be later than before, whatever the clock's step."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    later = time.time() + 5
    os.utime(path, (later, later))


@pytest.fixture
def reloading(
    process_registry: ProcessRegistry, stack: Stack, copy: Path
) -> Iterator[tuple[Child, int]]:
    """A server of the copy that watches it, and its port."""
    port = free_port()
    environment = {
        **os.environ,
        **stack.environment(),
        "DATABASE_URL": stack.test_database_url(),
        "ENVIRONMENT": "development",
        "PYTHONPATH": os.pathsep.join(str(copy / name) for name in SOURCES),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    child = Child(
        process_registry,
        [sys.executable, "manage.py", "serve", "--port", str(port), "--reload"],
        log=copy / "log",
        environment=environment,
        directory=copy,
    )
    try:
        child.wait_until(lambda: status(port) == "alive")
        yield child, port
    finally:
        child.kill()


def status(port: int) -> str:
    """Return what the server says of itself, or "" while it is not there."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=30)
    except httpx.TransportError:
        return ""
    return str(answer.json()["status"])


def test_a_change_is_served(reloading: tuple[Child, int], copy: Path, token: str) -> None:
    child, port = reloading
    health = copy / "backend" / "live_inbox" / "health.py"
    with connect(f"ws://127.0.0.1:{port}/ws/notifications/?token={token}") as door:
        change(health, '{"status": "alive"}', '{"status": "changed"}')
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                door.recv(timeout=30)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    child.wait_until(lambda: status(port) == "changed")

    change(health, '{"status": "changed"}', '{"status": }')
    child.wait_until(lambda: "SyntaxError" in child.text())
    assert child.running
    change(health, '{"status": }', '{"status": "mended"}')
    child.wait_until(lambda: status(port) == "mended")

    os.killpg(child.pid, signal.SIGINT)
    assert child.wait(seconds=30) == 0


def test_the_server_ends_with_the_process_that_watches(reloading: tuple[Child, int]) -> None:
    child, port = reloading
    os.kill(child.pid, signal.SIGHUP)
    assert child.wait(seconds=30) == 0
    assert status(port) == ""
