"""A server process that the tests start, and can stop, kill and freeze."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from tests.stacks.process_registry import ProcessRegistry, signal_all, tree, wait_gone
from tests.stacks.warm_python import WarmProcess, warm_python

START_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.01


class ServerFailed(RuntimeError):
    """Raised when a server does not do what was asked; the message has the end of its log."""


class Child:
    """One process, its descendants and its log, from start to end.

    `warm`: the command is Python's, and starts with the packages imported (`warm_python.py`).
    """

    def __init__(
        self,
        process_registry: ProcessRegistry,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        directory: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        final_signal: signal.Signals = signal.SIGKILL,
        user: str | None = None,
        warm: bool = False,
    ) -> None:
        self.log = log
        self._process_registry = process_registry
        self._stop_signal = stop_signal
        with log.open("ab") as output:
            # Those that ran before it may have written to the same file.
            self._begins_at = output.tell()
            self._process: subprocess.Popen[bytes] | WarmProcess
            if warm and warm_python().suits(environment):
                self._process = warm_python().start(
                    command[1:], output=output, environment=environment, directory=directory
                )
            else:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(environment),
                    cwd=directory,
                    start_new_session=True,
                    user=user,
                    extra_groups=[] if user else None,
                )
        process_registry.watch(self.pid, final_signal)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def is_warm(self) -> bool:
        """Whether the process started with the packages imported."""
        return isinstance(self._process, WarmProcess)

    @property
    def running(self) -> bool:
        """Whether the process has not ended; a frozen one has not."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the process ended, as subprocess reports it: -9 is SIGKILL. None while it runs."""
        return self._process.poll()

    def wait_until(self, ready: Callable[[], bool], *, seconds: float = START_SECONDS) -> None:
        """Return as soon as `ready` returns true. Raise ServerFailed if the process ends before, or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise ServerFailed(
                    f"Ended with {self.exit_code} before it was ready.\n{self.tail()}"
                )
            if time.monotonic() > deadline:
                raise ServerFailed(f"Not ready within {seconds:g} seconds.\n{self.tail()}")
            time.sleep(POLL_SECONDS)

    def stop(self, *, seconds: float = STOP_SECONDS) -> int:
        """Ask the process to end and return its exit code. Raise ServerFailed, after killing it, if it does not."""
        if not self.running:
            return self._ended()
        self.thaw()
        self.ask_to_stop(self._stop_signal)
        return self.wait(seconds=seconds)

    def ask_to_stop(self, stop_signal: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal that asks the process to end."""
        self._process.send_signal(stop_signal)

    def wait(self, *, seconds: float) -> int:
        """Return the exit code of a process that ends. Raise ServerFailed, after killing it, if it does not."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"Did not stop within {seconds:g} seconds.\n{self.tail()}") from None
        return self._ended()

    def kill(self) -> None:
        """End the process and its descendants with SIGKILL; return when all are gone."""
        family = self._family()
        signal_all(family, signal.SIGKILL)
        self._process.wait()
        wait_gone(family, seconds=STOP_SECONDS)
        self._ended()

    def freeze(self) -> None:
        """Stop the process and its descendants where they are: sockets stay open and get no answers."""
        family = self._family()
        signal_all(family, signal.SIGSTOP)
        self.wait_until(lambda: all(_stands_still(process) for process in family))

    def thaw(self) -> None:
        """Let a frozen process go on."""
        signal_all(self._family(), signal.SIGCONT)

    def text(self) -> str:
        """Return everything the process has printed so far, without what earlier ones have left in its log."""
        return self.log.read_bytes()[self._begins_at :].decode(errors="replace")

    def tail(self, lines: int = 30) -> str:
        """Return the last lines that the process printed."""
        return "\n".join(self.text().splitlines()[-lines:])

    def _family(self) -> list[psutil.Process]:
        if not self.running:
            return []
        return tree(psutil.Process(self.pid))

    def _ended(self) -> int:
        self._process_registry.forget(self.pid)
        return self._process.wait()


def _stands_still(process: psutil.Process) -> bool:
    try:
        return process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
