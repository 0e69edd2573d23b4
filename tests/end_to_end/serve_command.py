"""Commands of the project in processes of their own, on the test's database."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.stacks.child import Child
from tests.stacks.ports import free_port
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import REPOSITORY


@contextmanager
def child_of(
    process_registry: ProcessRegistry,
    stack: Stack,
    directory: Any,
    arguments: list[str],
    *,
    below: tuple[str, ...] = (),
) -> Iterator[Child]:
    """Run Python with these arguments, on the test's database; as a child of the program `below` if there is one."""
    environment = {**os.environ, **stack.environment()}
    environment["DATABASE_URL"] = stack.test_database_url()
    child = Child(
        process_registry,
        [*below, sys.executable, *arguments],
        log=directory / "log",
        environment=environment,
        directory=REPOSITORY,
        warm=not below,
    )
    try:
        yield child
    finally:
        child.kill()


class RunningServe:
    """`manage.py serve` on a port of its own."""

    def __init__(self, child: Child, port: int) -> None:
        self.child = child
        self.port = port

    def interrupt(self, *, group: bool = False) -> None:
        """Send SIGINT: as `kill` does to the one process, or as a terminal to all of them."""
        if group:
            os.killpg(self.child.pid, signal.SIGINT)
        else:
            os.kill(self.child.pid, signal.SIGINT)


class ServeStarter:
    """Starts `manage.py serve`, and kills what is left of it."""

    def __init__(self, process_registry: ProcessRegistry, stack: Stack, directory: Path) -> None:
        self._process_registry = process_registry
        self._stack = stack
        self._directory = directory
        self._opened = ExitStack()

    def __call__(self, *options: str, below: tuple[str, ...] = ()) -> RunningServe:
        """Start it with options, below a program if one is given, and wait until it serves."""
        port = free_port()
        arguments = ["manage.py", "serve", "--port", str(port), *options]
        child = self._opened.enter_context(
            child_of(self._process_registry, self._stack, self._directory, arguments, below=below)
        )
        child.wait_until(
            lambda: "Serving on" in child.text() and "startup complete" in child.text()
        )
        return RunningServe(child, port)

    def close(self) -> None:
        """Kill all that run."""
        self._opened.close()
