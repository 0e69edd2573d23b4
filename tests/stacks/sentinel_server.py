"""A private Redis Sentinel that watches one Redis: the same binary in another mode."""

from __future__ import annotations

import signal
from typing import Any

import redis

from tests.stacks.child import Child
from tests.stacks.local_server import LoopbackServer
from tests.stacks.ports import LOOPBACK
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.redis_server import RedisServer, redis_binary

MASTER_NAME = "main"
CONFIGURATION = """\
bind {host}
port {port}
dir "{directory}"
sentinel monitor {name} {host} {redis_port} 1
sentinel auth-pass {name} {password}
sentinel down-after-milliseconds {name} {down_milliseconds}
"""


class SentinelServer(LoopbackServer):
    """A Sentinel on a loopback port, which gives clients the address of the Redis that it watches.

    Alone, it decides by itself that the Redis is down, and promotes a replica.
    """

    def __init__(
        self,
        process_registry: ProcessRegistry,
        server: RedisServer,
        *,
        down_milliseconds: int = 1000,
    ) -> None:
        super().__init__(process_registry)
        self._down_milliseconds = down_milliseconds
        self._directory = process_registry.new_directory("sentinel")
        self._server = server

    @property
    def host(self) -> dict[str, Any]:
        """The entry of `hosts` in the configuration of a layer of channels-redis."""
        return {
            "sentinels": [(LOOPBACK, self.port)],
            "master_name": MASTER_NAME,
            "password": self._server.password,
        }

    @property
    def url(self) -> str:
        """The value of REDIS_URL."""
        return f"redis+sentinel://:{self._server.password}@{LOOPBACK}:{self.port}/{MASTER_NAME}"

    def replicas(self) -> int:
        """Return how many replicas it could promote."""
        with redis.Redis(host=LOOPBACK, port=self.port, socket_timeout=1) as client:
            return len(client.sentinel_slaves(MASTER_NAME))

    def primary_port(self) -> int:
        """Return the port of the Redis that it takes for the primary."""
        with redis.Redis(host=LOOPBACK, port=self.port, socket_timeout=1) as client:
            return int(client.sentinel_get_master_addr_by_name(MASTER_NAME)[1])

    def answers(self) -> bool:
        """Whether the Sentinel knows the Redis."""
        try:
            with redis.Redis(host=LOOPBACK, port=self.port, socket_timeout=1) as client:
                return bool(client.sentinel_master(MASTER_NAME))
        except redis.RedisError:
            return False

    def _spawn(self) -> Child:
        configuration = self._directory / "sentinel.conf"
        configuration.write_text(
            CONFIGURATION.format(
                host=LOOPBACK,
                port=self.port,
                directory=self._directory,
                name=MASTER_NAME,
                redis_port=self._server.port,
                password=self._server.password,
                down_milliseconds=self._down_milliseconds,
            )
        )
        return Child(
            self._process_registry,
            [str(redis_binary()), str(configuration), "--sentinel"],
            log=self._directory / "log",
            environment={"LC_ALL": "C"},
            directory=self._directory,
            stop_signal=signal.SIGTERM,
        )
