"""A Python that has imported the packages of the product, and forks a process for each request.

Run as a script by `warm_python.py`, which has the other end of the socket given. It imports nothing of the product, nor
what reads the environment when it is imported: a process that is forked has an environment of its own.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

PACKAGES = (
    "channels.layers",
    "channels_redis.core",
    "cryptography.hazmat.primitives.asymmetric.ec",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "dj_database_url",
    "django.core.handlers.asgi",
    "django.core.management.commands.migrate",
    "django.db.backends.sqlite3.base",
    "django.db.models",
    "django.forms",
    "graphql",
    "httptools",
    "jwt",
    "limits",
    "msgspec",
    "orjson",
    "psycopg",
    "psycopg_pool",
    "pydantic_settings",
    "redis.asyncio",
    "servestatic",
    "strawberry",
    "uvicorn",
    "uvicorn.supervisors",
    "uvloop",
    "websockets",
)
"""Without prometheus_client, which reads PROMETHEUS_MULTIPROC_DIR."""
LONGEST_PART = 1 << 16


@dataclass(frozen=True)
class Program:
    """What a forked process becomes: the arguments of `python`, which are a script, `-m MODULE` or `-c CODE`."""

    arguments: list[str]
    environment: dict[str, str]
    directory: str
    output: int
    errors: int

    def run(self) -> None:
        """Become this program. Raise what it raises, for the interpreter to report."""
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        own = (nothing, self.output, self.errors)
        for target, source in enumerate(own):
            os.dup2(source, target)
        for descriptor in own:
            os.close(descriptor)
        os.chdir(self.directory)
        os.environ.clear()
        os.environ.update(self.environment)
        match self.arguments:
            case ["-m", module, *_]:
                sys.argv = self.arguments[1:]
                sys.path[0] = self.directory
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            case ["-c", code, *arguments]:
                sys.argv = ["-c", *arguments]
                sys.path[0] = ""
                exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
            case [script, *_]:
                sys.argv = self.arguments
                sys.path[0] = os.path.dirname(os.path.abspath(script))
                runpy.run_path(script, run_name="__main__")


class ForkServer:
    """Forks for its owner until the owner closes the socket."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._statuses: dict[int, int] = {}
        # A signal that arrives before `select` waits must wake it, too.
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)

    def serve(self) -> Program | None:
        """Return the program in a process that is forked, and None in this one when the owner has ended."""
        while True:
            requests = self._requests.fileno()
            ready, _, _ = select.select([requests, self._woken], [], [])
            if self._woken in ready:
                self._report_ended()
            if requests in ready:
                request, descriptors = self._receive()
                if not request:
                    return None
                if program := self._fork(json.loads(request), *descriptors):
                    return program

    def _receive(self) -> tuple[bytes, list[int]]:
        request, descriptors, _, _ = socket.recv_fds(self._requests, LONGEST_PART, 3)
        while request and not request.endswith(b"\n"):
            request += self._requests.recv(LONGEST_PART)
        return request, descriptors

    def _fork(
        self, request: dict[str, Any], output: int, errors: int, status: int
    ) -> Program | None:
        pid = os.fork()
        if not pid:
            self._forget_owner(status)
            return Program(**request, output=output, errors=errors)
        os.close(output)
        os.close(errors)
        self._statuses[pid] = status
        self._requests.sendall(b"%d\n" % pid)
        return None

    def _forget_owner(self, status: int) -> None:
        """Undo in a forked process what is the server's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._requests.close()
        for descriptor in (self._woken, self._waker, status, *self._statuses.values()):
            os.close(descriptor)

    def _report_ended(self) -> None:
        """Write for each process that has ended its exit code and its processor time in seconds."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, LONGEST_PART)
        for pid, status in list(self._statuses.items()):
            ended, code, used = os.wait4(pid, os.WNOHANG)
            if ended:
                seconds = used.ru_utime + used.ru_stime
                with contextlib.suppress(BrokenPipeError):
                    os.write(status, b"%d %f" % (os.waitstatus_to_exitcode(code), seconds))
                os.close(status)
                del self._statuses[pid]


def main() -> None:
    """Serve; in a forked process, run its program."""
    for name in PACKAGES:
        import_module(name)
    # A process that looks through what it was forked with, at the latest when it ends, writes into all of it, and the
    # system has to copy it: that costs as much as to start the inbox.
    gc.collect()
    gc.freeze()
    server = ForkServer(socket.socket(fileno=int(sys.argv[1])))
    if program := server.serve():
        del server
        program.run()


if __name__ == "__main__":
    main()
