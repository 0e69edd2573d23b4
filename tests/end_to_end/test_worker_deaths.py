"""Workers that die are replaced and counted; a server none of whose workers can start ends."""

from __future__ import annotations

import os
import signal
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.serve_command import RunningServe, ServeStarter, child_of
from tests.stacks.child import Child
from tests.stacks.ports import free_port
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack("embedded")]

DIES_AT_START = """
import os, sys
if "--multiprocessing-fork" in sys.orig_argv:
    os._exit(7)
"""


def workers(child: Child) -> list[int]:
    """Return the processes of the workers."""
    return [
        process.pid
        for process in psutil.Process(child.pid).children()
        if "--multiprocessing-fork" in process.cmdline()
    ]


def restarts(serve: RunningServe) -> float:
    """Return the count of restarts, of whichever worker answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{serve.port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    (value,) = [
        line.split()[1] for line in lines if line.startswith("inbox_workers_restarted_total ")
    ]
    return float(value)


def test_one_that_is_killed_is_replaced_and_counted(start_serve: ServeStarter) -> None:
    serve = start_serve("--workers", "2")
    serve.child.wait_until(lambda: serve.child.text().count("startup complete") == 2)
    before = workers(serve.child)
    assert (len(before), restarts(serve)) == (2, 0)

    os.kill(before[0], signal.SIGKILL)
    serve.child.wait_until(lambda: serve.child.text().count("startup complete") == 3)
    after = workers(serve.child)
    assert len(after) == 2
    assert before[0] not in after
    assert before[1] in after
    assert f"Worker {before[0]} has died (exit code -9). Another one starts now." in (
        serve.child.text()
    )
    # The new worker knows it, too: both are asked, one of them after the other has been frozen.
    for asked in after:
        (frozen,) = [pid for pid in after if pid != asked]
        os.kill(frozen, signal.SIGSTOP)
        serve.child.wait_until(lambda: restarts(serve) == 1)
        os.kill(frozen, signal.SIGCONT)

    assert serve.child.stop() == 0
    assert "Traceback" not in serve.child.text()


def test_if_none_can_start_the_server_ends(
    process_registry: ProcessRegistry,
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(DIES_AT_START)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    arguments = ["manage.py", "serve", "--port", str(free_port()), "--workers", "2"]
    with child_of(process_registry, stack, tmp_path, arguments) as child:
        assert child.wait(seconds=60) == 3
        text = child.text()
    assert text.count("has died (exit code 7)") == 2
    assert "No worker could start." in text
    assert "Traceback" not in text
