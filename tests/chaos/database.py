"""The database of a run, read by SQL of the harness's own: a checker must not ask the code that it checks."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from tests.chaos.history import (
    ADDED,
    ALL_READ,
    DELETED,
    READ,
    UNREAD,
    EpochLog,
    EventContent,
    Inbox,
    Place,
)
from tests.stacks.postgres_cluster import PostgresCluster

HEADS: LiteralString = "SELECT user_id, epoch, last_sequence, first_sequence FROM live_inbox_inbox"
COUNTS: LiteralString = "SELECT user_id, unread_count, total_count FROM live_inbox_inbox"
LISTS: LiteralString = "SELECT recipient_id, id, read_at IS NOT NULL FROM live_inbox_notification"
EVENTS: LiteralString = """
    SELECT event.inbox_id, inbox.epoch, event.sequence, event.kind, event.notification_id, event.payload,
           event.created_at
    FROM (SELECT inbox_id, sequence, kind, notification_id, payload, created_at FROM live_inbox_inboxevent
          UNION ALL SELECT inbox_id, sequence, kind, notification_id, payload, created_at FROM chaos_pruned) AS event
    JOIN live_inbox_inbox AS inbox ON inbox.user_id = event.inbox_id
    ORDER BY event.inbox_id, event.sequence
"""
# What is pruned is kept elsewhere, so that at the end there is the whole log to compare with.
KEEP_PRUNED: LiteralString = (
    "CREATE TABLE chaos_pruned AS SELECT * FROM live_inbox_inboxevent WHERE 1 = 0"
)
POSTGRES_TRIGGER: LiteralString = """
    CREATE FUNCTION chaos_keep() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO chaos_pruned SELECT OLD.*; RETURN OLD; END';
    CREATE TRIGGER chaos_keep BEFORE DELETE ON live_inbox_inboxevent
        FOR EACH ROW EXECUTE FUNCTION chaos_keep()
"""
SQLITE_TRIGGER: LiteralString = """
    CREATE TRIGGER chaos_keep BEFORE DELETE ON live_inbox_inboxevent
    BEGIN INSERT INTO chaos_pruned SELECT * FROM live_inbox_inboxevent WHERE id = OLD.id; END
"""


class Database(ABC):
    """Where the inboxes are."""

    url: str

    @abstractmethod
    def rows(self, query: LiteralString) -> Sequence[tuple[Any, ...]]:
        """Return what a query finds."""

    @abstractmethod
    def keep_pruned(self) -> None:
        """Keep from now on what is pruned."""

    @abstractmethod
    def copy_aside(self) -> None:
        """Keep a copy, as a backup does. No session may be connected."""

    @abstractmethod
    def put_back(self) -> None:
        """Restore the copy. No session may be connected."""

    def cut(self) -> None:  # noqa: B027  # a file has no connections
        """End all connections, where the database has connections."""

    def heads(self) -> dict[int, Place]:
        """Return where each inbox's log ends."""
        return {user: Place(epoch, last) for user, epoch, last, _ in self.rows(HEADS)}


class PostgresDatabase(Database):
    """A database of a PostgreSQL cluster."""

    def __init__(self, cluster: PostgresCluster, url: str) -> None:
        self.url = url
        self._cluster = cluster
        self._name = url.rpartition("/")[2]

    def rows(self, query: LiteralString) -> Sequence[tuple[Any, ...]]:
        with psycopg.connect(self.url, connect_timeout=10) as connection:
            return connection.execute(query).fetchall()

    def keep_pruned(self) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(KEEP_PRUNED)
            connection.execute(POSTGRES_TRIGGER)

    def copy_aside(self) -> None:
        self._cluster.create_database(f"{self._name}_copy", template=self._name)

    def put_back(self) -> None:
        self._cluster.drop_database(self._name)
        self._cluster.create_database(self._name, template=f"{self._name}_copy")

    def cut(self) -> None:
        self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


class SqliteDatabase(Database):
    """A file."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._file = Path(url.removeprefix("sqlite:///"))

    def keep_pruned(self) -> None:
        with closing(sqlite3.connect(self._file)) as connection:
            connection.execute(KEEP_PRUNED)
            connection.execute(SQLITE_TRIGGER)

    @property
    def _copy(self) -> Path:
        return self._file.with_suffix(".copy")

    def rows(self, query: LiteralString) -> Sequence[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._file, timeout=20)) as connection:
            return connection.execute(query).fetchall()

    def copy_aside(self) -> None:
        with closing(sqlite3.connect(self._file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(self._file, self._copy)

    def put_back(self) -> None:
        for suffix in ("-wal", "-shm"):
            Path(f"{self._file}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self._copy, self._file)


class IncompleteArchive(Exception):
    """Raised when a log has a hole: without the whole log, nothing can be proved."""


class Archive:
    """Everything that was ever committed. `capture` has to be called before a restore."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._epoch_logs: dict[int, dict[str, EpochLog]] = {}

    def capture(self) -> None:
        """Read what is new in the logs."""
        since = time.time() - time.monotonic()
        for (
            user,
            epoch,
            sequence,
            kind,
            notification_id,
            payload,
            created_at,
        ) in self._database.rows(EVENTS):
            epoch_log = self._epoch_log(user, epoch)
            if sequence > len(epoch_log.events) + 1:
                raise IncompleteArchive(
                    f"{epoch}.{len(epoch_log.events) + 1} of inbox {user} is missing"
                )
            if sequence == len(epoch_log.events) + 1:
                epoch_log.events.append(_content(kind, notification_id, payload))
                epoch_log.moments.append(_moment(created_at) - since)
        for user, epoch, _, first in self._database.rows(HEADS):
            epoch_log = self._epoch_log(user, epoch)
            epoch_log.first = max(epoch_log.first, first)
            if len(epoch_log.events) < first - 1:
                raise IncompleteArchive(f"{epoch}.{first - 1} of inbox {user} is missing")

    def _epoch_log(self, user: int, epoch: str) -> EpochLog:
        return self._epoch_logs.setdefault(user, {}).setdefault(epoch, EpochLog(epoch, []))

    def inboxes(self) -> dict[int, Inbox]:
        """Return all inboxes, with their lists as they are now. No writer may be running."""
        self.capture()
        lists: dict[int, dict[int, bool]] = {}
        for user, notification_id, read in self._database.rows(LISTS):
            lists.setdefault(user, {})[notification_id] = bool(read)
        return {
            user: Inbox(list(self._epoch_logs[user].values()), lists.get(user, {}), unread, total)
            for user, unread, total in self._database.rows(COUNTS)
        }


def _content(kind: str, notification_id: int | None, payload: Any) -> EventContent:
    data = json.loads(payload) if isinstance(payload, str) else payload
    unread = data["unread"]
    if kind == ALL_READ:
        return EventContent(ALL_READ, data["through"], unread, number=data["count"])
    # Any other kind can only say that something is gone.
    what = kind if kind in (ADDED, READ, UNREAD) else DELETED
    title = data["notification"]["title"] if what != DELETED else ""
    return EventContent(what, notification_id or 0, unread, title)


def _moment(created_at: datetime | str) -> float:
    if isinstance(created_at, str):
        created_at = datetime.fromisoformat(created_at)
    return (created_at if created_at.tzinfo else created_at.replace(tzinfo=UTC)).timestamp()
