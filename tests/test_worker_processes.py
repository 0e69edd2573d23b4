"""How long a worker may take to start that replaces another one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import uvicorn
from uvicorn.supervisors import multiprocess

from live_inbox_site.worker_processes import READY_SECONDS, WorkerProcess

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
