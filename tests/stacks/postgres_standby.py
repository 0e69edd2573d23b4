"""A standby of a private PostgreSQL, which can be promoted."""

from __future__ import annotations

import psycopg

from tests.stacks.postgres_server import INSTALLATION, PACKAGE, PostgresServer, site_packages
from tests.stacks.process_registry import ProcessRegistry


class PostgresStandby(PostgresServer):
    """A PostgreSQL on a loopback port that follows another one, `durable`, by streaming replication."""

    def __init__(
        self, process_registry: ProcessRegistry, primary: PostgresServer, *, port: int
    ) -> None:
        super().__init__(process_registry, durable=True, port=port)
        self._primary = primary

    def has_all(self) -> bool:
        """Whether the primary has sent all that it has committed, and this server has replayed it."""
        with psycopg.connect(self._primary.url(), autocommit=True) as connection:
            row = connection.execute(
                "SELECT replay_lsn = pg_current_wal_lsn() FROM pg_stat_replication"
            ).fetchone()
        return row == (True,)

    def promote(self) -> None:
        """Take the place of the primary; return when writes are accepted."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            assert connection.execute("SELECT pg_promote()").fetchone() == (True,)

    def _initialize(self) -> None:
        program = site_packages() / PACKAGE / INSTALLATION / "bin" / "pg_basebackup"
        options = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        self._run_tool(
            str(program), f"--pgdata={self.data}", f"--dbname={self._primary.url()}", *options
        )
        if self._user is not None:
            self._run_tool("chown", "-R", self._user, str(self.directory))
