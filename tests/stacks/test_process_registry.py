"""Nothing outlives the tests, however they end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.stacks.process_registry import ProcessRegistry, wait_gone

pytestmark = pytest.mark.stack("embedded")

SECONDS = 30.0
# Starts the servers, writes down where they are, and waits for its end.
OWNER = """
import signal, sys
from pathlib import Path
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.postgres_server import PostgresServer
from tests.stacks.redis_server import RedisServer

registry = ProcessRegistry()
servers = [PostgresServer(registry).start(), RedisServer(registry).start()]
print(registry.directory, *(server.child.pid for server in servers), flush=True)
if sys.argv[1] == "frozen":
    for server in servers:
        server.freeze()
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("state", ["running", "frozen"])
def test_an_owner_that_is_killed_leaves_nothing_behind(state: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, state], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        directory, *pids = owner.stdout.readline().split()
        assert owner.stdout.readline() == "ready\n"
        family = psutil.Process(owner.pid).children(recursive=True)
        owner.kill()

    assert {int(pid) for pid in pids} < {process.pid for process in family}
    assert wait_gone(family, seconds=SECONDS) == []
    assert not Path(directory).exists()


def test_closing_ends_processes_and_removes_the_directory() -> None:
    process_registry = ProcessRegistry()
    own = process_registry.new_directory("own")
    (own / "file").write_text("text")
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        process_registry.watch(process.pid, signal.SIGTERM)
        process_registry.close()
        assert process.wait() == -signal.SIGTERM
    assert not process_registry.directory.exists()


def test_a_process_that_ignores_the_signal_is_killed() -> None:
    stubborn = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(); signal.pause()"
    )
    with (
        ProcessRegistry(grace_seconds=0.1) as process_registry,
        subprocess.Popen([sys.executable, "-uc", stubborn], stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        process.stdout.readline()
        process_registry.watch(process.pid, signal.SIGTERM)
        process_registry.close()
        assert process.wait() == -signal.SIGKILL


def test_a_process_that_was_forgotten_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        with ProcessRegistry() as process_registry:
            process_registry.watch(process.pid, signal.SIGTERM)
            process_registry.forget(process.pid)
        assert process.poll() is None
        process.kill()


def test_directories_are_new_and_private() -> None:
    with ProcessRegistry() as process_registry:
        first, second = process_registry.new_directory("a"), process_registry.new_directory("a")
        assert first != second
        assert first.stat().st_mode & 0o777 == 0o700
