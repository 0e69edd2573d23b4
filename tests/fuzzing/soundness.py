"""What must hold for a server whatever it was sent: for each answer, after each attempt, and in the end.

- No answer has a status of 5xx but 503.
- Every connection gets an answer or an end within WAIT_SECONDS: no socket stays mute.
- The server logs no exception that nobody expected.
- No answer takes more than CPU_SECONDS of the server's processor time (in long runs only).
- Memory stays bounded, and all connections are closed in the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from tests.stacks.uvicorn_server import ServerProcess

WAIT_SECONDS = 60.0
"""Longer than all time limits of the server for a client, and generous for a machine that has other things to do."""

CPU_SECONDS = 0.05
MOST_RSS = 500_000_000
MOST_GROWTH = 100_000_000
"""Bytes, after a warm-up."""

SPARE_DESCRIPTORS = 40
"""Connections to the database and to Redis that the server may have opened meanwhile."""

MOST_SQLITE_DESCRIPTORS = 60
"""Of SQLite's files. The ten threads of the lanes keep a connection each, of two descriptors or three."""

EXCEPTIONS = ("Traceback (most recent call last)", "was never retrieved", "was never awaited")
"""What the log must not have."""

POLL_SECONDS = 0.05


class Unsound(AssertionError):
    """Raised when the server has broken a promise."""


def check_status(status: int, sent: object) -> None:
    """Raise Unsound for a status that no input may have."""
    if status >= 500 and status != 503:
        raise Unsound(f"{status} for {sent!r}")


def mute(sent: object) -> Unsound:
    """Return the error for a connection that got neither an answer nor an end."""
    return Unsound(f"neither an answer nor an end for {sent!r}")


class Watch:
    """Watches the process of a server while it is fuzzed."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._process = psutil.Process(server.child.pid)
        self._descriptors = self._count_descriptors()[0]
        self._log_bytes = server.child.log.stat().st_size
        self._warm_rss: int | None = None

    def cpu_seconds(self) -> float:
        """Return the processor time of the server since its start, of all threads, to the nanosecond."""
        # Linux: the clock of a process's threads together, see clock_getcpuclockid(3).
        return time.clock_gettime((~self._process.pid << 3) | 2)

    def rss(self) -> int:
        """Return the bytes of memory that the server has."""
        rss: int = self._process.memory_info().rss
        return rss

    def note_warm(self) -> None:
        """Compare the memory in the end with that of now."""
        self._warm_rss = self.rss()

    def check_log(self) -> None:
        """Raise Unsound if the server has ended, or has logged an exception since the last call."""
        if not self._server.child.running:
            raise Unsound(f"the server has ended:\n{self._server.child.tail()}")
        if self._server.child.log.stat().st_size == self._log_bytes:
            return
        with self._server.child.log.open("rb") as log:
            log.seek(self._log_bytes)
            text = log.read().decode(errors="replace")
        self._log_bytes += len(text.encode(errors="replace"))
        if any(each in text for each in EXCEPTIONS):
            raise Unsound(f"logged an exception (of this attempt or one shortly before):\n{text}")

    def check_end(self) -> None:
        """Raise Unsound if the server is not as it was before, once it is idle."""
        _wait_until(self._server.answers, "the server does not answer")
        _wait_until(lambda: not self._connections(), "connections of the server stay open")
        most = self._descriptors + SPARE_DESCRIPTORS
        _wait_until(lambda: self._count_descriptors()[0] <= most, "descriptors stay open")
        if self._count_descriptors()[1] > MOST_SQLITE_DESCRIPTORS:
            raise Unsound("connections to SQLite stay open")
        self.check_log()
        rss = self.rss()
        if rss > MOST_RSS or rss - (self._warm_rss or rss) > MOST_GROWTH:
            raise Unsound(f"the server has {rss} bytes of memory; it had {self._warm_rss}")

    def _count_descriptors(self) -> tuple[int, int]:
        """Return how many the process has: others than those of SQLite's files, and those."""
        sqlite = sum(".sqlite3" in each.path for each in self._process.open_files())
        return self._process.num_fds() - sqlite, sqlite

    def _connections(self) -> list[object]:
        return [
            each
            for each in self._process.net_connections("tcp")
            if each.laddr.port == self._server.port and each.status != psutil.CONN_LISTEN
        ]


def _wait_until(holds: Callable[[], bool], problem: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise Unsound(problem)
        time.sleep(POLL_SECONDS)
