"""Starts Python programs from a process that has imported the packages already: servers of the product, above all.

Most of the time that a server takes to start are its imports. A warm process does what Python does that is started
anew; only its command line, as `ps` shows it, is that of the process that it was forked from. The tests of starting
itself (`tests/commands/test_serve.py`) start Python anew.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

SCRIPT = Path(__file__).with_name("fork_server.py")
LONGEST_ANSWER = 64

_spent = 0.0


def processor_seconds() -> float:
    """Return the processor time of all warm processes that are known to have ended."""
    return _spent


class WarmProcess:
    """A process of the fork server; the part of `subprocess.Popen` that tests need."""

    def __init__(self, pid: int, status: int) -> None:
        self.pid = pid
        self._status = status
        self._code: int | None = None
        self._lock = threading.Lock()
        weakref.finalize(self, os.close, status)

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raise subprocess.TimeoutExpired after so many seconds."""
        code = self._wait(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _wait(self, seconds: float | None) -> int | None:
        if self._code is None:
            ended = select.poll()
            ended.register(self._status, select.POLLIN)
            if not ended.poll(None if seconds is None else seconds * 1000):
                return None
            self._read()
        return self._code

    def _read(self) -> None:
        global _spent
        with self._lock:
            if self._code is not None:
                return
            report = os.read(self._status, LONGEST_ANSWER)
            if not report:
                raise RuntimeError(f"The fork server has ended before its process {self.pid}.")
            code, seconds = report.split()
            _spent += float(seconds)
            self._code = int(code)


class WarmPython:
    """The fork server of this process, and its processes."""

    def __init__(self) -> None:
        self._python_environment = _python_variables(os.environ)
        self._requests, theirs = socket.socketpair()
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(SCRIPT), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self.close)

    def start(
        self,
        arguments: Sequence[str],
        *,
        output: IO[bytes],
        errors: IO[bytes] | None = None,
        environment: Mapping[str, str],
        directory: Path,
    ) -> WarmProcess:
        """Start Python with these arguments, in a session of its own; its output goes to a file.

        So do its errors, unless they have a file of their own.
        """
        files = (output, errors or output)
        request = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "directory": str(directory),
        }
        status, theirs = os.pipe()
        try:
            with self._lock:
                line = json.dumps(request).encode() + b"\n"
                descriptors = [*(file.fileno() for file in files), theirs]
                sent = socket.send_fds(self._requests, [line], descriptors)
                self._requests.sendall(line[sent:])
                pid = int(self._requests.recv(LONGEST_ANSWER))
        finally:
            os.close(theirs)
        return WarmProcess(pid, status)

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether an environment asks nothing of the interpreter itself that this one does not do."""
        return _python_variables(environment) == self._python_environment

    def close(self) -> None:
        """End the fork server. Its processes go on."""
        self._requests.close()
        self._process.wait()


@cache
def warm_python() -> WarmPython:
    """Return the fork server of this process, which ends with it."""
    return WarmPython()


def _python_variables(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}
