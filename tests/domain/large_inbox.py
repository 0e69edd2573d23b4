"""Large inboxes, made by the database itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.models import User
from django.db import connection

from live_inbox.events import Folder
from live_inbox.models import Inbox, Notification

_SERIES = {
    "postgresql": "generate_series(1, {size}) AS series(n)",
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s LIMIT {size}) SELECT n FROM s)",
}


def series(size: int) -> str:
    """Return the SQL of a table with one column `n`, which counts from 1 to a size."""
    return _SERIES[connection.vendor].format(size=size)


@contextmanager
def without_triggers() -> Iterator[None]:
    """Do not have PostgreSQL check each foreign key of a million rows, once for every test of a module."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = origin")


def analyze() -> None:
    """Bring the planner's statistics up to date, of the tables that lists read.

    PostgreSQL's `ANALYZE` of everything locks catalogs that all databases share, to the end of the transaction: the
    workers of a test run would wait for each other.
    """
    with connection.cursor() as cursor:
        for table in (Notification, Inbox, User):
            cursor.execute(f'ANALYZE "{table._meta.db_table}"')


def fill(user: User, size: int, folder: Folder = Folder.INBOX) -> None:
    """Give a user an inbox of so many notifications, all in one folder.

    The oldest tenth, and of the others every 50th, is unread. The types are `general`, every tenth is `news`, and the
    five oldest are `rare`. Every 1000th is pinned.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO live_inbox_notification"
            " (recipient_id, type, title, message, link, data, created_at, read_at, added_sequence,"
            " priority, icon, format, folder, pinned, group_count)"
            " SELECT %s,"
            " CASE WHEN n <= 5 THEN 'rare' WHEN n % 10 = 0 THEN 'news' ELSE 'general' END,"
            " 'a title', 'a message', '', '{}', CURRENT_TIMESTAMP,"
            " CASE WHEN n <= %s OR n % 50 = 0 THEN NULL ELSE CURRENT_TIMESTAMP END, n,"
            f" 'normal', '', 'plain', '{folder}', n % 1000 = 0, 1"
            f" FROM {series(size)}".replace("% ", "%% "),
            [user.pk, size // 10],
        )
        cursor.execute(
            "SELECT COUNT(*) - COUNT(read_at) FROM live_inbox_notification WHERE recipient_id = %s",
            [user.pk],
        )
        (unread,) = cursor.fetchone()
    counts = {
        Folder.INBOX: {"unread_count": unread, "unseen_count": unread, "total_count": size},
        Folder.ARCHIVE: {"archived_count": size},
        Folder.SNOOZED: {"snoozed_count": size},
        Folder.GROUPED: {},
    }
    Inbox.objects.create(user=user, last_sequence=size, **counts[folder])
