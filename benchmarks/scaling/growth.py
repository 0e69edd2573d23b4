"""How the database grows: bytes of tables and indexes for notifications that the product itself has sent."""

from __future__ import annotations

from typing import Any

import psycopg

from benchmarks.machine import describe
from benchmarks.scaling.crowd import MISSED, crowd, missed, product
from benchmarks.testbed import Testbed

USERS = 10_000
TABLES = ("live_inbox_notification", "live_inbox_inboxevent", "live_inbox_inbox")
SIZES = """
SELECT pg_relation_size(%(table)s), pg_indexes_size(%(table)s),
  pg_total_relation_size(%(table)s) - pg_relation_size(%(table)s) - pg_indexes_size(%(table)s)
"""


async def measure(testbed: Testbed, command: str) -> dict[str, Any]:
    """Send, and return bytes for each row, by table: `rows`, `table`, `indexes`, and `rest` (maps and large values)."""
    async with crowd(testbed, USERS, {}) as pool:
        await missed(pool)
        found: dict[str, dict[str, float]] = {}
        with psycopg.connect(product(pool).settings["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("VACUUM")
            for table in TABLES:
                counted = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
                sizes = connection.execute(SIZES, {"table": table}).fetchone()
                assert counted is not None
                assert sizes is not None
                names = ("table", "indexes", "rest")
                each = {name: size / counted[0] for name, size in zip(names, sizes, strict=True)}
                found[table] = {"rows": counted[0], **each}
            moved = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
            assert moved is not None
    return {**describe(command), "users": USERS, "sent_each": MISSED, "tables": found}
