"""The relay between the servers and what they depend on, as a process that can be asked to forget connections."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from tests.stacks.child import Child
from tests.stacks.ports import LOOPBACK, free_port


class RelayProcess:
    """Runs `tests.chaos.relay`. Routes are called `database` and `redis`."""

    def __init__(self, spawn: Any, directory: Path, *, database: Path, redis: int | None) -> None:
        self._ports = {"database": free_port()}
        targets: dict[str, str | int] = {"database": str(database)}
        if redis is not None:
            self._ports["redis"] = free_port()
            targets["redis"] = redis
        plan, address = directory / "relay.json", directory / "relay.socket"
        routes = [
            {"name": name, "port": port, "target": targets[name]}
            for name, port in self._ports.items()
        ]
        plan.write_text(json.dumps(routes))
        self._child: Child = spawn("relay", "-m", "tests.chaos.relay", str(plan), str(address))
        self._socket = socket.socket(socket.AF_UNIX)
        self._child.wait_until(lambda: self._socket.connect_ex(str(address)) == 0)
        self._lines = self._socket.makefile("rwb")

    def database_url(self, url: str) -> str:
        """Return the address of a database by way of this relay."""
        user, name = url.split("://")[1].split("@")[0], url.rpartition("/")[2]
        return f"postgres://{user}@{LOOPBACK}:{self._ports['database']}/{name}?sslmode=disable"

    def redis_url(self, url: str) -> str:
        """Return the address of the Redis by way of this relay."""
        before, _, database = url.rpartition("/")
        return f"{before.rpartition(':')[0]}:{self._ports['redis']}/{database}"

    def request(self, route: str, what: str) -> Any:
        """Have it do something with a route, `forget`, `close_forgotten` or `count`, and return the answer."""
        self._lines.write(json.dumps({"route": route, "do": what}).encode() + b"\n")
        self._lines.flush()
        return json.loads(self._lines.readline())["answer"]

    def close(self) -> None:
        """End the process."""
        self._lines.close()
        self._socket.close()
        self._child.kill()
