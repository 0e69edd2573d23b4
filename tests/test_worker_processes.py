"""How long a worker may take to start that replaces another one, and what Ctrl-C does while workers start."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import uvicorn
from uvicorn.supervisors import multiprocess

from live_inbox_site.worker_processes import READY_SECONDS, WorkerProcess
from tests.stacks.child import Child
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.uvicorn_server import REPOSITORY
from tests.starting_workers import STARTING

pytestmark = pytest.mark.stack("embedded")

ANSWER_SECONDS = 5
"""uvicorn's own."""


class Clock:
    """A clock that waiting moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.now += seconds


class StartingWorker(WorkerProcess):
    """A worker that serves after so many seconds, or ends after so many."""

    def __init__(self, clock: Clock, *, serves_after: float, ends_after: float = 1e9) -> None:
        super().__init__(uvicorn.Config("none:none"), [])
        begun = clock.now
        self.is_ready = lambda timeout=5: clock.now - begun >= serves_after  # type: ignore[method-assign]
        is_alive = lambda: clock.now - begun < ends_after  # noqa: E731
        self.process = SimpleNamespace(is_alive=is_alive)  # type: ignore[assignment]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of uvicorn's supervisor."""
    clock = Clock()
    monkeypatch.setattr(multiprocess, "time", clock)
    return clock


def test_a_busy_machine_has_a_minute_for_the_imports(clock: Clock) -> None:
    assert StartingWorker(clock, serves_after=40).wait_until_ready(ANSWER_SECONDS)
    assert clock.now - 1000 == pytest.approx(40, abs=1)


def test_one_that_never_serves_is_given_up(clock: Clock) -> None:
    assert not StartingWorker(clock, serves_after=1e9).wait_until_ready(ANSWER_SECONDS)
    assert clock.now - 1000 == pytest.approx(READY_SECONDS, abs=1)


def test_one_that_ends_is_not_waited_for(clock: Clock) -> None:
    worker = StartingWorker(clock, serves_after=1e9, ends_after=3)
    assert not worker.wait_until_ready(ANSWER_SECONDS)
    assert clock.now - 1000 == pytest.approx(3, abs=1)


@pytest.mark.parametrize("is_stopped", [False, True], ids=["starting", "answering nothing"])
def test_a_second_interrupt_ends_workers_that_have_not_served(
    process_registry: ProcessRegistry, tmp_path: Path, is_stopped: bool
) -> None:
    command = [sys.executable, "-m", "tests.starting_workers"]
    child = Child(
        process_registry,
        command,
        log=tmp_path / "log",
        environment={**os.environ, "PYTHONPATH": "backend"},
        directory=REPOSITORY,
    )
    try:
        child.wait_until(lambda: child.text().count(STARTING) == 2)
        workers = [
            each
            for each in psutil.Process(child.pid).children()
            if "--multiprocessing-fork" in each.cmdline()
        ]
        assert len(workers) == 2
        if is_stopped:
            # As one that computes for seconds: it does not answer its parent either.
            for worker in workers:
                worker.suspend()
        os.kill(child.pid, signal.SIGINT)
        child.wait_until(lambda: "Received SIGINT" in child.text())
        os.kill(child.pid, signal.SIGINT)
        assert child.wait(seconds=60) == 0
        assert not [worker for worker in workers if worker.is_running()]
        assert child.text().endswith("interrupted at start: True\n")
        # The parent did not wait for an answer first, nor replace who has given none.
        assert "has died" not in child.text()
    finally:
        child.kill()


@pytest.mark.parametrize(
    ("answers", "is_interrupted", "is_alive"),
    [(True, False, True), (False, False, False), (False, True, True)],
)
def test_a_signal_is_not_kept_waiting_by_a_worker_that_gives_no_answer(
    answers: bool, is_interrupted: bool, is_alive: bool, clock: Clock
) -> None:
    worker = StartingWorker(clock, serves_after=0)
    if answers:
        worker.child_conn.send(True)
    # A worker that has not answered for so long is replaced; that nothing was found out is not that.
    timeout = 3600 if is_interrupted else 0.2
    assert worker.is_alive_unless(lambda: is_interrupted, timeout=timeout) is is_alive
    assert worker.child_conn.recv() == b"ping"
