"""A private PgBouncer. Needs the program `pgbouncer`, which no package of Python brings."""

from __future__ import annotations

import os
import pwd
import signal
from pathlib import Path
from typing import LiteralString

import psycopg

from tests.stacks.child import Child, ServerFailed
from tests.stacks.installed_programs import find_program, library_path
from tests.stacks.local_server import LoopbackServer
from tests.stacks.ports import LOOPBACK
from tests.stacks.postgres_cluster import SUPERUSER
from tests.stacks.postgres_server import UNPRIVILEGED
from tests.stacks.process_registry import ProcessRegistry

CONFIGURATION = """\
[databases]
* = host={cluster} user={user}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {pool}
ignore_startup_parameters = options
"""
PING: LiteralString = "SELECT 1"


class PgBouncerServer(LoopbackServer):
    """A PgBouncer on a loopback port, in front of the PostgreSQL whose socket is in `cluster`.

    In the mode `transaction`, each transaction gets one of `pool` sessions, so that whatever depends on a session goes
    wrong. In the mode `session`, each connection has one of them until it is closed.
    """

    def __init__(
        self,
        process_registry: ProcessRegistry,
        cluster: Path,
        *,
        mode: str = "transaction",
        pool: int = 2,
    ) -> None:
        super().__init__(process_registry)
        self._cluster = cluster
        self._mode = mode
        self._pool = pool
        self._directory = process_registry.new_directory("pgbouncer")
        # Like PostgreSQL, it refuses to be run by root.
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None

    def url(self, database: str) -> str:
        """Return the address of a database, as clients take it."""
        return f"postgres://{SUPERUSER}@{LOOPBACK}:{self.port}/{database}"

    def answers(self) -> bool:
        """Whether it passes a statement on now."""
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2) as connection:
                return connection.execute(PING).fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    def _spawn(self) -> Child:
        binary = find_program("pgbouncer")
        if binary is None:
            raise ServerFailed("There is no program `pgbouncer`.")
        configuration = self._directory / "pgbouncer.ini"
        configuration.write_text(
            CONFIGURATION.format(
                cluster=self._cluster,
                user=SUPERUSER,
                host=LOOPBACK,
                port=self.port,
                mode=self._mode,
                pool=self._pool,
            )
        )
        if self._user is not None:
            owner = pwd.getpwnam(self._user)
            for path in (self._directory, configuration):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        return Child(
            self._process_registry,
            [binary, str(configuration)],
            log=self._directory / "log",
            environment={"LC_ALL": "C", **library_path(binary)},
            directory=self._directory,
            stop_signal=signal.SIGINT,
            user=self._user,
        )
