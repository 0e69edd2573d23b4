"""Where the peers run: the servers they need, each peer's own, and the processors that are given to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.checkout import Checkout
from benchmarks.inboxes import Filled
from benchmarks.processes import pin
from tests.stacks.child import Child
from tests.stacks.postgres_server import PostgresServer
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.redis_server import RedisServer
from tests.stacks.stack import Stack, StackName


@dataclass(frozen=True)
class Processors:
    """One processor for the server that is measured, and the others for the load generator."""

    server: set[int] = field(default_factory=set)
    rest: set[int] = field(default_factory=set)

    @classmethod
    def of_this_machine(cls) -> Self:
        """Divide the processors. With a single one, or where processes cannot be pinned, nothing is divided."""
        if not hasattr(os, "sched_getaffinity"):
            return cls()
        first, *rest = sorted(os.sched_getaffinity(0))
        return cls({first}, set(rest)) if rest else cls()


class Testbed:
    """A private PostgreSQL and Redis servers for one run, and the process registry that ends them."""

    def __init__(self, processors: Processors | None = None) -> None:
        self.processors = processors or Processors.of_this_machine()
        self.process_registry = ProcessRegistry()
        # What is started from here runs beside this process, unless it is the server that is measured.
        pin(os.getpid(), self.processors.rest)
        self._postgres: PostgresServer | None = None
        self._stacks: dict[tuple[StackName, Checkout], Stack] = {}
        self._filled: dict[Hashable, tuple[str, Filled]] = {}

    def stack(self, name: StackName, checkout: Checkout) -> Stack:
        """Return the stack of that name, with a migrated database of that checkout to make copies of."""
        if (name, checkout) not in self._stacks:
            stack = Stack(name, self.process_registry)
            database = f"inbox{len(self._stacks)}"
            if name == "production":
                stack.cluster = self.postgres()
                address = stack.cluster.create_database(database)
            else:
                database = str(stack.sqlite_file(database))
                address = f"sqlite:///{database}"
            self._migrate(self.environment(stack, checkout, {"DATABASE_URL": address}), checkout)
            stack.adopt_test_database(database)
            self._stacks[name, checkout] = stack
        return self._stacks[name, checkout]

    def _migrate(self, environment: dict[str, str], checkout: Checkout) -> None:
        command = [sys.executable, "manage.py", "migrate", "--verbosity=0", "--skip-checks"]
        subprocess.run(command, cwd=checkout.directory, env=environment, check=True)

    def environment(
        self, stack: Stack, checkout: Checkout, settings: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the environment of a process of a checkout of the product."""
        own = dict(os.environ)
        stack.apply(own)
        # As it is run for real; what the tests switch off is part of the price.
        return (
            own
            | {
                "ENVIRONMENT": "production",
                "LOG_LEVEL": "WARNING",
                "MAX_SOCKETS_PER_USER": "1000000",
            }
            | checkout.environment(settings)
        )

    def postgres(self) -> PostgresServer:
        """Return the PostgreSQL of this run."""
        self._postgres = self._postgres or PostgresServer(self.process_registry).start()
        return self._postgres

    async def filled(
        self, key: Hashable, fill: Callable[[], Awaitable[tuple[str, Filled]]]
    ) -> tuple[str, Filled]:
        """Return the address of a database with inboxes. The first who asks for one of that key has to fill it."""
        if key not in self._filled:
            self._filled[key] = await fill()
        return self._filled[key]

    def redis(self) -> RedisServer:
        """Start a Redis."""
        return RedisServer(self.process_registry).start()

    def serve(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        *,
        is_alone: bool = True,
    ) -> Child:
        """Start the server that is measured, on the processor that is kept free for it, or else on all."""
        child = Child(
            self.process_registry,
            command,
            log=self.process_registry.new_directory(name) / "log",
            environment=environment,
            directory=directory,
            stop_signal=signal.SIGTERM,
        )
        pin(child.pid, self.processors.server | (set() if is_alone else self.processors.rest))
        return child

    def close(self) -> None:
        """End everything."""
        if self._postgres is not None:
            self._postgres.kill()
        self.process_registry.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
