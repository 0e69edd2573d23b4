"""What a migration may do while servers of the release before serve: found out by applying it to a real PostgreSQL.

A linter that reads the SQL was no choice: it does not see whether a table is rewritten, nor how long locks are waited
for, nor what the catalog says in the end. The rules are about tables that were there before the migration. So one that
only creates tables, as the first one of an app, may do anything to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.state import ProjectState

APP = "live_inbox"
LONGEST_LOCK_SECONDS = 3
"""How long a statement may wait for a lock for which everybody else would wait behind it."""

_TABLE = re.compile(rf'"({APP}_\w+)"')
_SCANS = re.compile(
    r"\bADD CONSTRAINT\b(?!.*\b(?:NOT VALID|USING INDEX)\b)|\bREFERENCES\b(?!.*\bNOT VALID\b)"
)
_PLAIN_INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)")
_SLOW_INDEX = re.compile(r"(?:CREATE (?:UNIQUE )?|DROP )INDEX CONCURRENTLY")
_LOCKS = re.compile(r"(?:ALTER TABLE|DROP TABLE|DROP INDEX (?!CONCURRENTLY)|CREATE TRIGGER|LOCK)\b")
_ROWS = re.compile(r"(?:UPDATE|DELETE FROM|INSERT INTO|TRUNCATE)\b")

_CATALOG = f"""
    SELECT c.relname, c.relfilenode, a.attname, a.atttypid, a.attnotnull, a.atthasdef OR a.attidentity <> ''
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind = 'r' AND c.relname LIKE '{APP}\\_%%' AND pg_table_is_visible(c.oid)
"""
_INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"


@dataclass(frozen=True, slots=True)
class Column:
    """A column, as the catalog has it."""

    type: int
    is_required: bool
    has_default: bool


@dataclass
class Table:
    """A table: the file that has its rows, and its columns."""

    file: int
    columns: dict[str, Column] = field(default_factory=dict)


class MigrationCheck:
    """Applies migrations of the app one after the other, and finds what is wrong with each.

    `connection` has limits of time as the standalone site sets them.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._found: list[str] = []

    def problems(self, migration: Migration, state: ProjectState) -> list[str]:
        """Apply a migration, to which the state is brought forward; return what it must not do, a sentence each.

        `no_longer_used` of the migration names what the release before does not use any more: "table" or
        "table.column".
        """
        self._found = []
        before = self._catalog()
        with (
            self._watched(before),
            self._connection.schema_editor(atomic=migration.atomic) as editor,
        ):
            migration.apply(state, editor)
        self._compare(before, self._catalog(), set(getattr(migration, "no_longer_used", ())))
        self._found += [f"{name} is not valid" for (name,) in self._rows(_INVALID)]
        return self._found

    @contextmanager
    def _watched(self, existing: Mapping[str, Table]) -> Iterator[None]:
        def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            self._check_statement(" ".join(str(sql).split()), existing)
            return execute(sql, params, many, context)

        with self._connection.execute_wrapper(watch):
            yield

    def _check_statement(self, statement: str, existing: Mapping[str, Table]) -> None:
        if _SLOW_INDEX.match(statement):
            if any(self._seconds(name) for name in ("lock_timeout", "statement_timeout")):
                self._found.append(
                    "an index is built with a limit of time, which may leave it unfinished"
                )
            return
        is_index = statement.startswith("DROP INDEX")
        tables = [name for name in _TABLE.findall(statement) if name in existing]
        if not tables and not is_index:
            return
        name = tables[0] if tables else "an index"
        if _PLAIN_INDEX.match(statement):
            self._found.append(
                f"{name}: an index is built while writers wait: AddIndexWhileServing"
            )
        if _SCANS.search(statement):
            self._found.append(
                f"{name}: a constraint is checked for all rows while writers wait: NOT VALID"
            )
        if _ROWS.match(statement):
            self._found.append(f"{name}: rows are changed: that is for a command, in parts")
        if (
            _LOCKS.match(statement)
            and not 0 < self._seconds("lock_timeout") <= LONGEST_LOCK_SECONDS
        ):
            self._found.append(f"{name}: a lock is waited for too long: LimitLockWaits")

    def _compare(
        self, before: Mapping[str, Table], after: Mapping[str, Table], unused: set[str]
    ) -> None:
        for name, table in before.items():
            if name not in after:
                if name not in unused:
                    self._found.append(f"{name} is gone, and the release before uses it")
                continue
            if after[name].file != table.file:
                self._found.append(f"{name} is rewritten")
            for column, now in after[name].columns.items():
                self._compare_column(f"{name}.{column}", table.columns.get(column), now)
            gone = {f"{name}.{each}" for each in table.columns.keys() - after[name].columns.keys()}
            self._found += [
                f"{each} is gone, and the release before uses it" for each in sorted(gone - unused)
            ]

    def _compare_column(self, name: str, before: Column | None, now: Column) -> None:
        is_missed = now.is_required and not now.has_default
        was_missed = before is not None and before.is_required and not before.has_default
        if is_missed and not was_missed:
            self._found.append(
                f"{name} needs a value, which the release before does not write: db_default"
            )
        if before is not None and now.type != before.type:
            self._found.append(f"{name} has another type")

    def _catalog(self) -> dict[str, Table]:
        tables: dict[str, Table] = {}
        for name, file, column, type, is_required, has_default in self._rows(_CATALOG):
            table = tables.setdefault(name, Table(file))
            table.columns[column] = Column(type, is_required, has_default)
        return tables

    def _seconds(self, name: str) -> float:
        """Return a limit of the session, 0 for none. Not by Django: its statements are being watched."""
        with self._connection.connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM current_setting(%s)::interval)", [name])
            return float(cursor.fetchone()[0])

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement.replace("%%", "%"))
            return list(cursor.fetchall())
