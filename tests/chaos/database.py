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
    ALL_READ,
    DELETED,
    SEEN,
    EpochLog,
    EventContent,
    Inbox,
    Notification,
    Place,
    canonical_json,
    canonical_time,
    sender_text,
)
from tests.stacks.postgres_cluster import PostgresCluster

HEADS: LiteralString = "SELECT user_id, epoch, last_sequence, first_sequence FROM live_inbox_inbox"
COUNTS: LiteralString = """
    SELECT user_id, unread_count, total_count, seen_through, unseen_count, archived_count, snoozed_count
    FROM live_inbox_inbox
"""
LISTS: LiteralString = """
    SELECT note.recipient_id, note.id, note.type, note.title, note.message, note.link, note.data, note.created_at,
           note.expires_at, note.read_at, note.priority, note.icon, note.actor, note.target,
           note.actions, note.format, note.folder, note.snoozed_until, note.pinned,
           note.performed_action, note.performed_at, note.returned_rank, note.edited_at,
           note.group_key, note.group_count, note.group_actors,
           sender.id, sender.username, sender.first_name, sender.last_name
    FROM live_inbox_notification AS note LEFT JOIN auth_user AS sender ON sender.id = note.sender_id
    ORDER BY COALESCE(note.returned_rank, note.id) DESC
"""
EVENTS: LiteralString = """
    SELECT inbox_id, sequence, kind, notification_id, payload, created_at
    FROM (SELECT inbox_id, sequence, kind, notification_id, payload, created_at FROM live_inbox_inboxevent
          UNION ALL SELECT inbox_id, sequence, kind, notification_id, payload, created_at FROM chaos_pruned) AS event
    WHERE payload ->> 'erased' IS NULL ORDER BY inbox_id, sequence
"""
EPOCHS: LiteralString = "SELECT user_id, epoch, last_sequence FROM chaos_epochs ORDER BY number"
DUE: LiteralString = """
    SELECT (SELECT COUNT(*) FROM live_inbox_notification WHERE expires_at <= {soon})
         + (SELECT COUNT(*) FROM live_inbox_notification WHERE snoozed_until <= {soon})
         + (SELECT COUNT(*) FROM live_inbox_scheduledsend WHERE deliver_at <= {soon})
"""
PENDING: LiteralString = "SELECT recipient_id, content ->> 'title' FROM live_inbox_scheduledsend"
# What was restored, and expired later, is deleted twice.
TOO_EARLY: LiteralString = """
    SELECT gone.recipient_id, gone.id, MAX(gone.expires_at), MAX(gone.deleted_at) FROM chaos_deleted AS gone
    WHERE gone.id IN (
        SELECT notification_id FROM live_inbox_inboxevent WHERE kind = 'expired'
        UNION SELECT notification_id FROM chaos_pruned WHERE kind = 'expired')
    GROUP BY gone.recipient_id, gone.id HAVING MAX(gone.deleted_at) < MAX(gone.expires_at)
"""
# What is pruned, repaired or erased is kept elsewhere, so that at the end there is the whole log to compare with; so
# are the epochs that inboxes had, and when notifications were deleted by the database's own clock. A bulk send that is
# to be killed on its way is slow.
TABLES: tuple[LiteralString, ...] = (
    "CREATE TABLE chaos_pruned AS SELECT * FROM live_inbox_inboxevent WHERE 1 = 0",
    "CREATE TABLE chaos_epochs AS SELECT user_id, epoch, last_sequence, last_sequence AS number"
    " FROM live_inbox_inbox WHERE 1 = 0",
    "CREATE TABLE chaos_deleted AS SELECT recipient_id, id, expires_at, created_at AS deleted_at"
    " FROM live_inbox_notification WHERE 1 = 0",
)
POSTGRES_TRIGGERS: LiteralString = """
    CREATE SEQUENCE chaos_epoch_numbers;
    CREATE FUNCTION chaos_keep() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO chaos_pruned SELECT OLD.*; RETURN OLD; END';
    CREATE TRIGGER chaos_keep BEFORE DELETE ON live_inbox_inboxevent
        FOR EACH ROW EXECUTE FUNCTION chaos_keep();
    CREATE TRIGGER chaos_keep_content AFTER UPDATE OF payload ON live_inbox_inboxevent
        FOR EACH ROW WHEN (OLD.payload ->> 'erased' IS NULL AND NEW.payload ->> 'erased' IS NOT NULL)
        EXECUTE FUNCTION chaos_keep();
    CREATE FUNCTION chaos_epoch() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO chaos_epochs VALUES
            (OLD.user_id, OLD.epoch, OLD.last_sequence, nextval(''chaos_epoch_numbers'')); RETURN NEW; END';
    CREATE TRIGGER chaos_epoch AFTER UPDATE OF epoch ON live_inbox_inbox
        FOR EACH ROW WHEN (OLD.epoch <> NEW.epoch) EXECUTE FUNCTION chaos_epoch();
    CREATE FUNCTION chaos_slow() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(0.03); RETURN NEW; END';
    CREATE TRIGGER chaos_slow BEFORE INSERT ON live_inbox_notification
        FOR EACH ROW WHEN (NEW.title LIKE 'bulk %') EXECUTE FUNCTION chaos_slow();
    CREATE FUNCTION chaos_deletion() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO chaos_deleted VALUES
            (OLD.recipient_id, OLD.id, OLD.expires_at, clock_timestamp()); RETURN OLD; END';
    CREATE TRIGGER chaos_deletion BEFORE DELETE ON live_inbox_notification
        FOR EACH ROW EXECUTE FUNCTION chaos_deletion()
"""
SQLITE_TRIGGERS: tuple[LiteralString, ...] = (
    """CREATE TRIGGER chaos_keep BEFORE DELETE ON live_inbox_inboxevent
    BEGIN INSERT INTO chaos_pruned SELECT * FROM live_inbox_inboxevent WHERE id = OLD.id; END""",
    """CREATE TRIGGER chaos_keep_content BEFORE UPDATE OF payload ON live_inbox_inboxevent
    WHEN OLD.payload ->> 'erased' IS NULL AND NEW.payload ->> 'erased' IS NOT NULL
    BEGIN INSERT INTO chaos_pruned SELECT * FROM live_inbox_inboxevent WHERE id = OLD.id; END""",
    """CREATE TRIGGER chaos_epoch AFTER UPDATE OF epoch ON live_inbox_inbox WHEN OLD.epoch <> NEW.epoch
    BEGIN INSERT INTO chaos_epochs SELECT OLD.user_id, OLD.epoch, OLD.last_sequence, COUNT(*) FROM chaos_epochs; END""",
    """CREATE TRIGGER chaos_deletion BEFORE DELETE ON live_inbox_notification
    BEGIN INSERT INTO chaos_deleted
    VALUES (OLD.recipient_id, OLD.id, OLD.expires_at, strftime('%Y-%m-%d %H:%M:%f', 'now')); END""",
)


class Database(ABC):
    """Where the inboxes are."""

    url: str

    @abstractmethod
    def rows(self, query: LiteralString) -> Sequence[tuple[Any, ...]]:
        """Return what a statement finds; commit what it changes."""

    @abstractmethod
    def keep_pruned(self) -> None:
        """Keep from now on what is pruned."""

    @abstractmethod
    def copy_aside(self) -> None:
        """Keep a copy, as a backup does. No session may be connected."""

    @abstractmethod
    def put_back(self) -> None:
        """Restore the copy. No session may be connected."""

    def cut(self) -> int:
        """End all connections, where the database has connections, and return how many there were."""
        return 0

    @property
    @abstractmethod
    def due_soon(self) -> int:
        """How much expires, returns or is delivered within three seconds, or should have been."""

    def heads(self) -> dict[int, Place]:
        """Return where each inbox's log ends."""
        return {user: Place(epoch, last) for user, epoch, last, _ in self.rows(HEADS)}


class PostgresDatabase(Database):
    """A database of a PostgreSQL cluster."""

    def __init__(self, cluster: PostgresCluster, url: str) -> None:
        self.url = url
        self.cluster = self._cluster = cluster
        self._name = url.rpartition("/")[2]

    @property
    def socket(self) -> Path:
        """The Unix socket of the server."""
        return self._cluster.directory / ".s.PGSQL.5432"

    @property
    def name(self) -> str:
        """The name of the database."""
        return self._name

    def copy(self, name: str) -> str:
        """Make another database of the copy that `copy_aside` made, and return its address."""
        self._cluster.drop_database(name)
        return self._cluster.create_database(name, template=f"{self._name}_copy")

    def rows(self, query: LiteralString) -> Sequence[tuple[Any, ...]]:
        with psycopg.connect(self.url, connect_timeout=10) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    @property
    def due_soon(self) -> int:
        ((count,),) = self.rows(DUE.replace("{soon}", "clock_timestamp() + interval '3 seconds'"))
        return int(count)

    def keep_pruned(self) -> None:
        with psycopg.connect(self.url) as connection:
            for statement in TABLES:
                connection.execute(statement)
            connection.execute(POSTGRES_TRIGGERS)

    def copy_aside(self) -> None:
        self._cluster.create_database(f"{self._name}_copy", template=self._name)

    def put_back(self) -> None:
        self._cluster.drop_database(self._name)
        self._cluster.create_database(self._name, template=f"{self._name}_copy")

    def cut(self) -> int:
        ended = self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return len(ended)


class SqliteDatabase(Database):
    """A file."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.file = self._file = Path(url.removeprefix("sqlite:///"))

    def keep_pruned(self) -> None:
        with closing(sqlite3.connect(self._file)) as connection:
            for statement in TABLES + SQLITE_TRIGGERS:
                connection.execute(statement)

    @property
    def _copy(self) -> Path:
        return self._file.with_suffix(".copy")

    def rows(self, query: LiteralString) -> Sequence[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._file, timeout=20)) as connection, connection:
            return connection.execute(query).fetchall()

    @property
    def due_soon(self) -> int:
        soon = "strftime('%Y-%m-%d %H:%M:%f', 'now', '+3 seconds')"
        ((count,),) = self.rows(DUE.replace("{soon}", soon))
        return int(count)

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
    """Everything that was ever committed. `capture` has to be called before anything of it is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._logs: dict[int, list[EpochLog]] = {}
        self._too_early: dict[int, list[str]] = {}
        self.expired: set[tuple[int, int]] = set()
        """What has expired: user and notification."""

    def capture(self) -> None:
        """Read what is new in the logs."""
        since = time.time() - time.monotonic()
        # In this order: writers may be at work, and nothing may be named that is not in what is read later.
        ended: dict[int, list[tuple[str, int]]] = {}
        for user, epoch, last in self._database.rows(EPOCHS):
            ended.setdefault(user, []).append((epoch, last))
        heads = self._database.rows(HEADS)
        events: dict[int, list[tuple[EventContent, float]]] = {}
        for user, sequence, kind, notification_id, payload, created_at in self._database.rows(
            EVENTS
        ):
            log = events.setdefault(user, [])
            if kind == "expired":
                self.expired.add((user, notification_id))
            if sequence != len(log) + 1:
                raise IncompleteArchive(f"event {len(log) + 1} of inbox {user} is missing")
            content = _content(kind, notification_id, payload, created_at)
            log.append((content, _moment(created_at) - since))
        for user, epoch, last, first in heads:
            log = events.get(user, [])
            if len(log) < last:
                raise IncompleteArchive(f"event {last} of inbox {user} is missing")
            for old_epoch, old_last in ended.get(user, []):
                self._extend(user, old_epoch, log[:old_last], is_ended=True)
            epoch_log = self._extend(user, epoch, log[:last], is_ended=False)
            epoch_log.first = max(epoch_log.first, first)
        for user, id, due, deleted in self._database.rows(TOO_EARLY):
            detail = f"notification {id} was due at {due} and deleted at {deleted}"
            known = self._too_early.setdefault(user, [])
            if detail not in known:
                known.append(detail)

    def _extend(
        self, user: int, epoch: str, rows: Sequence[tuple[EventContent, float]], *, is_ended: bool
    ) -> EpochLog:
        """Add what is new of an epoch to its log; begin another log of it where it goes on differently.

        An epoch that has ended and is shorter than its log has lost its end, and so its log has, too.
        """
        logs = self._logs.setdefault(user, [])
        known = next((each for each in reversed(logs) if each.epoch == epoch), None)
        contents = [content for content, _ in rows]
        if known is not None:
            shared = min(len(contents), len(known.events))
            is_same = contents[:shared] == known.events[:shared]
            if is_same and (len(contents) >= len(known.events) or is_ended):
                known.was_cut = known.was_cut or len(contents) < len(known.events)
                known.events += contents[shared:]
                known.moments += [moment for _, moment in rows[shared:]]
                return known
            known.was_cut = True
        log = EpochLog(epoch, contents, moments=[moment for _, moment in rows])
        logs.append(log)
        return log

    def inboxes(self) -> dict[int, Inbox]:
        """Return all inboxes, with their lists as they are now. No writer may be running."""
        self.capture()
        rows: dict[int, list[Notification]] = {}
        for user, *columns in self._database.rows(LISTS):
            rows.setdefault(user, []).append(_row(*columns))
        found = {
            user: self._inbox(user, rows.get(user, []), *counts)
            for user, *counts in self._database.rows(COUNTS)
        }
        for user, title in self._database.rows(PENDING):
            found[user].pending.add(title)
        return found

    def _inbox(
        self,
        user: int,
        rows: Sequence[Notification],
        unread: int,
        total: int,
        seen_through: int,
        *counts: int,
    ) -> Inbox:
        folders = {
            folder: [each for each in rows if each.folder == folder]
            for folder in ("inbox", "archive", "snoozed", "grouped")
        }
        listed = folders.pop("inbox")
        counted = [len(folders[folder]) for folder in ("archive", "snoozed")]
        unseen = sum(not each.read_at and each.rank > seen_through for each in listed)
        return Inbox(
            self._logs[user],
            {each.id: bool(each.read_at) for each in listed},
            unread,
            total,
            listed,
            self._too_early.get(user, []),
            elsewhere=folders,
            folder_counts=(counts, (unseen, *counted)),
        )


def _content(
    kind: str, notification_id: int | None, payload: Any, created_at: datetime | str
) -> EventContent:
    data = json.loads(payload) if isinstance(payload, str) else payload
    shown = None if "notification" not in data else _shown(data["notification"])
    return EventContent(
        # To clients, whatever removes one is the same.
        DELETED if kind in ("expired", "recalled") else kind,
        data["through"] if kind in (ALL_READ, SEEN) else notification_id or 0,
        data["unread"],
        shown.title if shown else "",
        number=data.get("count", 0) if kind in (ALL_READ, SEEN) else 0,
        notification=shown,
        occurred_at=canonical_time(created_at),
        total=data["total"],
        unseen=data.get("unseen", 0),
        ids=tuple(data.get("ids", ())),
    )


def _shown(snapshot: dict[str, Any]) -> Notification:
    """Return the notification of an event's payload."""
    sender = snapshot["sender"]
    return Notification(
        id=snapshot["id"],
        type=snapshot["type"],
        title=snapshot["title"],
        message=snapshot["message"],
        link=snapshot["link"],
        data=canonical_json(snapshot["data"]),
        sender=sender_text(sender and (sender["id"], sender["username"], sender["name"])),
        created_at=canonical_time(snapshot["created_at"]),
        expires_at=canonical_time(snapshot.get("expires_at")),
        read_at=canonical_time(snapshot["read_at"]),
        # What is at its default is left out of the log.
        priority=snapshot.get("priority", "normal"),
        icon=snapshot.get("icon", ""),
        actor=canonical_json(snapshot.get("actor")),
        target=canonical_json(snapshot.get("target")),
        actions=canonical_json(snapshot.get("actions")),
        format=snapshot.get("format", "plain"),
        folder=snapshot.get("folder", "inbox"),
        snoozed_until=canonical_time(snapshot.get("snoozed_until")),
        pinned=snapshot.get("pinned", False),
        performed_action=snapshot.get("performed_action") or "",
        performed_at=canonical_time(snapshot.get("performed_at")),
        returned_rank=str(snapshot.get("returned_rank") or ""),
        edited_at=canonical_time(snapshot.get("edited_at")),
        group_key=snapshot.get("group_key") or "",
        group_count=snapshot.get("group_count", 1),
        group_actors=canonical_json(snapshot.get("group_actors")),
    )


def _row(
    id: int,
    type: str,
    title: str,
    message: str,
    link: str,
    data: Any,
    created_at: Any,
    expires_at: Any,
    read_at: Any,
    priority: str,
    icon: str,
    actor: Any,
    target: Any,
    actions: Any,
    format: str,
    folder: str,
    snoozed_until: Any,
    pinned: Any,
    performed_action: str | None,
    performed_at: Any,
    returned_rank: int | None,
    edited_at: Any,
    group_key: str | None,
    group_count: int,
    group_actors: Any,
    *sender: Any,
) -> Notification:
    """Return the notification of a row."""
    key, username, first_name, last_name = sender
    return Notification(
        id=id,
        type=type,
        title=title,
        message=message,
        link=link,
        data=_json_text(data),
        sender=sender_text(key and (key, username, f"{first_name} {last_name}".strip())),
        created_at=canonical_time(created_at),
        expires_at=canonical_time(expires_at),
        read_at=canonical_time(read_at),
        priority=priority,
        icon=icon,
        actor=_json_text(actor),
        target=_json_text(target),
        actions=_json_text(actions),
        format=format,
        folder=folder,
        snoozed_until=canonical_time(snoozed_until),
        pinned=bool(pinned),
        performed_action=performed_action or "",
        performed_at=canonical_time(performed_at),
        returned_rank=str(returned_rank or ""),
        edited_at=canonical_time(edited_at),
        group_key=group_key or "",
        group_count=group_count,
        group_actors=_json_text(group_actors),
    )


def _json_text(value: Any) -> str:
    """Return the JSON of a column, which is text in SQLite."""
    return canonical_json(json.loads(value) if isinstance(value, str) else value)


def _moment(created_at: datetime | str) -> float:
    if isinstance(created_at, str):
        created_at = datetime.fromisoformat(created_at)
    return (created_at if created_at.tzinfo else created_at.replace(tzinfo=UTC)).timestamp()
