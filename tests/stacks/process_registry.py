"""A temporary directory and the server processes that live in it, which end when their owner ends, in whatever way.

The owner (pytest) may be killed with SIGKILL, and then it cannot clean up. This file is therefore also a
script: a small process of its own session that reads the owner's instructions from a pipe. When the pipe ends,
because the owner has closed it or is dead, it ends what is still running and removes the directory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

KILL_SECONDS = 5.0
POLL_SECONDS = 0.01
MEMORY_DIRECTORY = Path("/dev/shm")
MEMORY_BYTES = 1 << 30


class ProcessRegistry:
    """The owner's side: makes directories, and names the processes that must not outlive it."""

    def __init__(self, *, grace_seconds: float = 5.0) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="inbox-", dir=_parent_directory()))
        # A server that has another user must be able to reach its own directory in this one.
        self.directory.chmod(0o711)
        self._names = count(1)
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__, str(self.directory), str(grace_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def new_directory(self, name: str) -> Path:
        """Return a new, empty directory, for the owner's eyes only."""
        directory = self.directory / f"{name}-{next(self._names)}"
        directory.mkdir(mode=0o700)
        return directory

    def watch(self, pid: int, final_signal: signal.Signals) -> None:
        """End this process when the owner ends, first with the signal given, then with SIGKILL."""
        self._send(f"watch {pid} {final_signal.value}")

    def forget(self, pid: int) -> None:
        """Leave this process alone: it has ended and the owner has waited for it."""
        self._send(f"forget {pid}")

    def close(self) -> None:
        """End what still runs, remove the directory, and return when both are done."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _pipe(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _send(self, line: str) -> None:
        self._pipe.write(f"{line}\n".encode())
        self._pipe.flush()


def _parent_directory() -> Path | None:
    """Return where temporary directories go: memory if there is plenty, since no test needs a real fsync.

    Programs must be allowed there. Paths of Unix sockets are short by law, so a long TMPDIR is passed over.
    """
    with contextlib.suppress(OSError):
        memory = os.statvfs(MEMORY_DIRECTORY)
        roomy = memory.f_bavail * memory.f_frsize > MEMORY_BYTES
        if roomy and not memory.f_flag & os.ST_NOEXEC and os.access(MEMORY_DIRECTORY, os.W_OK):
            return MEMORY_DIRECTORY
    return None if len(tempfile.gettempdir()) < 50 else Path("/tmp")


def tree(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and all its descendants, the process first."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []


def signal_all(processes: list[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to every process that is still there."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def wait_gone(processes: list[psutil.Process], *, seconds: float) -> list[psutil.Process]:
    """Wait for processes to end and return those that have not. A zombie counts as ended."""
    deadline = time.monotonic() + seconds
    alive = [process for process in processes if _lives(process)]
    while alive and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        alive = [process for process in alive if _lives(process)]
    return alive


def end(process: psutil.Process, final_signal: signal.Signals, *, grace_seconds: float) -> None:
    """End a process and its descendants: with `final_signal` first, and with SIGKILL after `grace_seconds`."""
    family = tree(process)
    signal_all(family, signal.SIGCONT)
    signal_all(family[:1], final_signal)
    alive = wait_gone(family, seconds=grace_seconds)
    signal_all(alive, signal.SIGKILL)
    wait_gone(alive, seconds=KILL_SECONDS)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _guard(directory: Path, grace_seconds: float) -> None:
    watched: dict[int, tuple[psutil.Process, signal.Signals]] = {}
    for line in sys.stdin:
        verb, pid, *final_signal = line.split()
        if verb == "forget":
            watched.pop(int(pid), None)
            continue
        # The object remembers when the process began: a later process with the same number is not ours.
        with contextlib.suppress(psutil.NoSuchProcess):
            watched[int(pid)] = (psutil.Process(int(pid)), signal.Signals(int(final_signal[0])))
    for process, final_signal in reversed(watched.values()):
        end(process, final_signal, grace_seconds=grace_seconds)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    _guard(Path(sys.argv[1]), float(sys.argv[2]))
