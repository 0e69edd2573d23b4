"""Ranks for notifications that return to the top of the list: numbers of the series that ids are taken from.

So a rank is higher than every id, and every rank, that was taken before it, and lower than those that follow. It is
taken while the inbox is locked: within an inbox, ranks are in the order of the log.
"""

from __future__ import annotations

from live_inbox import database
from live_inbox.models import Notification


def next_ranks(count: int) -> list[int]:
    """Return so many new ranks, in ascending order."""
    connection = database.connection()
    table = Notification._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
                [connection.ops.quote_name(table), count],
            )
            return sorted(number for (number,) in cursor.fetchall())
        # The table in which SQLite keeps the last number of each AUTOINCREMENT.
        cursor.execute(
            "UPDATE sqlite_sequence SET seq = seq + %s WHERE name = %s RETURNING seq",
            [count, table],
        )
        (last,) = cursor.fetchone()
    return list(range(last - count + 1, last + 1))
