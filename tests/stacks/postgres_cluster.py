"""The address of a running PostgreSQL, and what can be asked of it from any process."""

from __future__ import annotations

from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

import psycopg
from psycopg import sql

SUPERUSER = "postgres"


class PostgresCluster:
    """A running PostgreSQL, on a Unix socket in the directory given."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def url(self, database: str = "postgres") -> str:
        """Return the address of one of the databases, as clients take it."""
        return f"postgres://{SUPERUSER}@{quote(str(self.directory), safe='')}/{database}"

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Create a database, a copy of `template`, and return its address. The template must have no sessions."""
        self._maintain("CREATE DATABASE {} TEMPLATE {}", name, template)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, if it is there, and end its sessions."""
        self._maintain("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _maintain(self, statement: LiteralString, *names: str) -> None:
        identifiers = [sql.Identifier(name) for name in names]
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*identifiers))
