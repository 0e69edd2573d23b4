"""Empties the database after a test that has committed: much cheaper than Django's own way.

Django truncates every table, which costs PostgreSQL a file per table, and then makes content types and permissions
anew. Here only tables that have rows are emptied, and those that the migrations fill are left alone. Numbers of rows
therefore go on from test to test; no test may count on them.

Rows that were deleted or rolled back stay in the files of PostgreSQL, for nothing vacuums them, and each search for
rows reads them. So all tables are truncated once one of them has grown large.
"""

from __future__ import annotations

from asgiref.sync import SyncToAsync
from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase

LOCK_SECONDS = 10
LARGE_BYTES = 1 << 20
FILLED_BY_MIGRATIONS = {"django_migrations", "django_content_type", "auth_permission"}
# Servers that go on running have read the id of the database once, and keep it.
READ_ONCE = {"live_inbox_deployment"}


def empty_database(alias: str) -> None:
    """Delete all rows that migrations have not put there.

    A test that failed may have left threads that go on working; they must not make the next tests fail as well.
    """
    try:
        _delete_rows(connections[alias])
    except OperationalError:
        _end_other_sessions(connections[alias])
        _delete_rows(connections[alias])


def empty_databases(case: TransactionTestCase) -> None:
    """Do what TransactionTestCase does at the end of a test, which this replaces."""
    _release_connections_of_coroutines()
    for alias in case._databases_names(include_mirrors=False):  # type: ignore[attr-defined]
        empty_database(alias)


def _release_connections_of_coroutines() -> None:
    """Close what the ORM's coroutines have opened. Their thread lives on, and would keep a connection of the pool."""
    executor = SyncToAsync.single_thread_executor
    executor.submit(connections.close_all).result()


def _delete_rows(connection: BaseDatabaseWrapper) -> None:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            if _largest_bytes(connection) > LARGE_BYTES:
                names = ", ".join(map(connection.ops.quote_name, _tables(connection)))
                cursor.execute(f"TRUNCATE {names}")
                return
        # Constraints are deferred, so the order does not matter.
        for table in _tables_with_rows(connection):
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")


def _end_other_sessions(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                # Those that are idle hold nothing; some of them belong to this process, which goes on with them.
                " AND state <> 'idle'"
            )
        # The pool of this process does not know yet that its connections have ended.
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


def _tables(connection: BaseDatabaseWrapper) -> list[str]:
    """Return all that are emptied."""
    kept = FILLED_BY_MIGRATIONS | READ_ONCE
    return sorted(set(connection.introspection.django_table_names()) - kept)


def _largest_bytes(connection: BaseDatabaseWrapper) -> int:
    """Return the size of the largest of these tables in PostgreSQL, with what was deleted."""
    names = [connection.ops.quote_name(table) for table in _tables(connection)]
    with connection.cursor() as cursor:
        query = "SELECT max(pg_relation_size(name::regclass)) FROM unnest(%s::text[]) AS name"
        cursor.execute(query, [names])
        return int(cursor.fetchone()[0])


def _tables_with_rows(connection: BaseDatabaseWrapper) -> list[str]:
    query = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(table)})"
        for table in _tables(connection)
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [table for (table,) in cursor.fetchall()]
