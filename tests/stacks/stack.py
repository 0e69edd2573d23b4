"""What the product runs on while it is tested: nothing but files, or PostgreSQL and Redis as in production."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import MutableMapping
from itertools import count
from pathlib import Path
from typing import Literal, Self

from live_inbox_site.environment import SiteSettings
from tests.stacks.postgres_cluster import PostgresCluster
from tests.stacks.postgres_server import PostgresServer
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.redis_server import RedisServer

StackName = Literal["embedded", "production"]
DATABASE = "inbox"
NOT_MIGRATED = "Ask for the fixture django_db_setup: it makes the tests' database."
# How a worker of pytest-xdist, a process of its own, learns of the PostgreSQL that its parent has started.
CLUSTER_VARIABLE = "TEST_STACK_POSTGRES"


class Stack:
    """The servers and the environment of one test process.

    All workers of one run share the PostgreSQL, where each has its own databases. Each has its own Redis: messages
    there know no databases.
    """

    def __init__(self, name: StackName, process_registry: ProcessRegistry) -> None:
        self.name = name
        self.process_registry = process_registry
        self.cluster: PostgresCluster | None = None
        self.redis: RedisServer | None = None
        self._test_database: str | None = None
        self._template: str | None = None
        self._numbers = count(1)

    @classmethod
    def start(cls, name: StackName) -> Self:
        """Start what the stack needs. `close` ends it again."""
        process_registry = ProcessRegistry()
        try:
            stack = cls(name, process_registry)
            if name == "production":
                stack.cluster = _shared_cluster() or PostgresServer(process_registry).start()
                stack.redis = RedisServer(process_registry).start()
        except BaseException:
            process_registry.close()
            raise
        return stack

    def close(self) -> None:
        """End the servers of this process and remove their files."""
        self.process_registry.close()

    @property
    def is_production(self) -> bool:
        """Whether this is PostgreSQL and Redis."""
        return self.name == "production"

    def environment(self) -> dict[str, str]:
        """Return the variables of a process that runs on this stack, in place of any others the product reads."""
        return {
            "ENVIRONMENT": "test",
            "SECRET_KEY": "a-secret-key-for-tests-only-which-is-long-enough-for-a-check",
            "JWT_SECRET": "a-token-secret-for-tests-only-which-is-long-enough",
            "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
            "DATABASE_URL": self._database_url(DATABASE),
            "REDIS_URL": self.redis.url if self.redis else "",
        }

    def apply(self, environment: MutableMapping[str, str]) -> None:
        """Make an environment that of this stack: what its owner had set for the product does not count in tests."""
        for name in SiteSettings.model_fields:
            environment.pop(name.upper(), None)
        environment.update(self.environment())
        if self.cluster is not None:
            environment[CLUSTER_VARIABLE] = str(self.cluster.directory)

    def sqlite_file(self, name: str) -> Path:
        """Return where the SQLite database of this name is, or would be."""
        return self.process_registry.directory / f"{name}.sqlite3"

    def adopt_test_database(self, name: str) -> None:
        """Register the tests' database: migrated, empty, and without connections. Copies it for later."""
        self._test_database = name
        self._template = f"{Path(name).stem}_template"
        self._copy(name, self._template)

    def test_database_url(self) -> str:
        """Return the address of the database that this process's tests use, for servers that are to share it."""
        if self._test_database is None:
            raise RuntimeError(NOT_MIGRATED)
        if self.cluster is not None:
            return self.cluster.url(self._test_database)
        return f"sqlite:///{self._test_database}"

    def fresh_database(self) -> str:
        """Return the address of a new, migrated, empty database, for servers that are to have one of their own."""
        if self._template is None:
            raise RuntimeError(NOT_MIGRATED)
        name = f"{self._template}_{next(self._numbers)}"
        if self.cluster is None:
            self._copy(str(self.sqlite_file(self._template)), name)
        else:
            self._copy(self._template, name)
        return self._database_url(name)

    def copy_of(self, url: str) -> str:
        """Return the address of a copy of a database, which nobody may be connected to."""
        name = f"copy_{next(self._numbers)}"
        source = url.removeprefix("sqlite:///")
        self._copy(source if self.cluster is None else source.rsplit("/", 1)[1], name)
        return self._database_url(name)

    def remove(self, url: str) -> None:
        """Remove a database, with the sessions that it has."""
        name = url.rsplit("/", 1)[1]
        if self.cluster is not None:
            self.cluster.drop_database(name)
            return
        for ending in ("", "-wal", "-shm"):
            Path(f"{url.removeprefix('sqlite:///')}{ending}").unlink(missing_ok=True)

    def empty_database(self, name: str) -> str:
        """Return the address of a new database without tables, for a project that migrates it itself."""
        if self.cluster is not None:
            self.cluster.create_database(name)
        return self._database_url(name)

    def _copy(self, source: str, name: str) -> None:
        if self.cluster is not None:
            self.cluster.create_database(name, template=source)
            return
        # What has not reached the file itself yet is in its write-ahead log.
        with sqlite3.connect(source) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        shutil.copyfile(source, self.sqlite_file(name))

    def _database_url(self, name: str) -> str:
        if self.cluster is not None:
            return self.cluster.url(name)
        return f"sqlite:///{self.sqlite_file(name)}"


def _shared_cluster() -> PostgresCluster | None:
    if "PYTEST_XDIST_WORKER" in os.environ and CLUSTER_VARIABLE in os.environ:
        return PostgresCluster(Path(os.environ[CLUSTER_VARIABLE]))
    return None
