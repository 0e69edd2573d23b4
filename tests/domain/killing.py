"""Processes that report their commits, and are killed at some moment after one of them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import REPOSITORY
from tests.stacks.warm_python import WarmProcess, warm_python


@contextmanager
def started(stack: Stack, module: Sequence[str]) -> Iterator[tuple[WarmProcess, IO[str]]]:
    """Start a module with its arguments on the test's database, with what it prints."""
    reading, writing = os.pipe()
    with open(reading) as output:
        with open(writing, "wb") as theirs:
            process = warm_python().start(
                ["-m", *module],
                output=theirs,
                environment=os.environ
                | {"DATABASE_URL": stack.test_database_url(), "REDIS_URL": ""},
                directory=REPOSITORY,
            )
        yield process, output
        process.wait()


def kill_after(stack: Stack, module: Sequence[str], commits: int, seconds: float) -> None:
    """Kill a process a moment after it has reported so many commits."""
    with started(stack, module) as (process, output):
        for line in output:
            commits -= line == "committed\n"
            if commits <= 0:
                break
        threading.Event().wait(seconds)
        process.send_signal(signal.SIGKILL)
