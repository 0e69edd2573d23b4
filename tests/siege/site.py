"""The site under siege: PostgreSQL, Redis, users, and a server for each attack, all as in production."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

import psutil

from tests.siege.attack import Attack
from tests.siege.plan import Account, Plan
from tests.siege.tokens import Issuer, issue
from tests.stacks.ports import LOOPBACK
from tests.stacks.postgres_server import PostgresServer
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.python_process import run_python
from tests.stacks.redis_server import RedisServer
from tests.stacks.stack import DATABASE, Stack
from tests.stacks.uvicorn_server import ServerProcess

NOTIFICATIONS = 100
"""In each inbox, so that a page can be full."""
BYSTANDER, NEIGHBOUR, SERVICE = "bystander", "neighbour", "service"
SERVICE_SCOPE = "notifications:send-to-anyone"


class Site:
    """What all attacks of a run share."""

    def __init__(self, process_registry: ProcessRegistry, attacks: Iterable[Attack]) -> None:
        self._process_registry = process_registry
        stack = Stack("production", process_registry)
        stack.cluster = postgres = PostgresServer(process_registry, durable=True).start()
        stack.redis = RedisServer(process_registry).start()
        stack.apply(os.environ)
        self.database_url = postgres.create_database(DATABASE)
        self.environment = stack.environment() | {
            "ENVIRONMENT": "production",
            "LOG_LEVEL": "WARNING",
            "DATABASE_URL": self.database_url,
            # The bystander, and the checks whether the server answers.
            "UNLIMITED_ADDRESSES": LOOPBACK,
        }
        self._python("manage.py", "migrate", "--verbosity", "0")
        self._python("manage.py", "collectstatic", "--noinput", "--verbosity", "0")
        names = [BYSTANDER, NEIGHBOUR, SERVICE, *(attack.name for attack in attacks)]
        seeded = self._python("-m", "tests.siege.seeding", str(NOTIFICATIONS), *names)
        self._users: dict[str, tuple[int, list[int]]] = json.loads(seeded)

    def _python(self, *arguments: str) -> str:
        settings = {"DJANGO_SETTINGS_MODULE": "live_inbox_site.settings"}
        return run_python(*arguments, environment={**os.environ, **settings, **self.environment})

    def serve(self, attack: Attack) -> SiegedServer:
        """Start a server for one attack."""
        issuer = Issuer() if attack.needs_issuer else None
        own: dict[str, str | None] = dict(self.environment)
        if issuer is not None:
            own |= {"JWT_SECRET": None, "JWT_JWKS_URL": issuer.url, "JWT_ALGORITHMS": "RS256"}
        server = ServerProcess(self._process_registry, own, warm=False).start()
        return SiegedServer(self, server, issuer)

    def account(self, name: str, issuer: Issuer | None = None, *, scope: str = "") -> Account:
        """Return a user of this name, with a token."""
        user_id, notifications = self._users[name]
        if issuer is None:
            token = issue(user_id, self.environment["JWT_SECRET"], scope=scope)
        else:
            token = issue(user_id, issuer.private_key, algorithm="RS256", scope=scope)
        return Account(user_id, token, notifications)


class SiegedServer:
    """One server, and what can be seen of it from outside."""

    def __init__(self, site: Site, server: ServerProcess, issuer: Issuer | None) -> None:
        self.issuer = issuer
        self._site = site
        self._server = server
        self._process = psutil.Process(server.child.pid)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.port

    def bystander(self) -> Account:
        """Return the user who is not to notice anything."""
        return self._site.account(BYSTANDER, self.issuer)

    def plan(self, attack: Attack, addresses: int) -> Plan:
        """Return the plan of an attack from so many addresses."""
        return Plan(
            attack=attack.name,
            port=self.port,
            addresses=attacking_addresses(addresses),
            account=self._site.account(attack.name, self.issuer),
            neighbour=self._site.account(NEIGHBOUR, self.issuer).user_id,
            service_token=self._site.account(SERVICE, self.issuer, scope=SERVICE_SCOPE).token,
            database_url=self._site.database_url,
        )

    def memory(self) -> int:
        """Return its resident memory in bytes."""
        return int(self._process.memory_info().rss)

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used so far."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def tracebacks(self) -> int:
        """Return how many there are in its log."""
        return self._server.log().count("Traceback (most recent call last)")

    def log(self) -> str:
        """Return what it has printed."""
        return self._server.log()

    def close(self) -> None:
        """End it."""
        self._server.kill()
        if self.issuer is not None:
            self.issuer.close()


def attacking_addresses(number: int) -> list[str]:
    """Return so many loopback addresses, none of which is the bystander's."""
    return [f"127.1.{each // 200}.{each % 200 + 1}" for each in range(number)]
