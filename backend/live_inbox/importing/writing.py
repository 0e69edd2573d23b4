"""Writing: stores rows of an import in their inboxes, a page in one transaction.

Imported notifications are older than the log. They are stored as if each had been added by an event that was pruned
at once: it takes the next sequence of its inbox, which becomes its `added_sequence`, and `first_sequence` moves behind
it. So nothing has to be written into the log, no doorbell is rung, and the promise holds:

- Every position that a client holds is before `first_sequence`. The client, open or returning, gets one reset
  (`ResetReason.EXPIRED`), reloads, and resumes after it exactly. An open device gets it at the hub's next
  reconciliation.
- Sequences are never used twice, and an older position still says which notifications had arrived at it, so the inbox
  keeps its epoch.
- Ids grow in the order of sequences, and the counts change in the same transaction.

An ADDED event for each row would have cost a second insert of the whole content, pushed the events that devices can
still use out of the log, and shown each old notification to open devices as a new one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.contrib.auth import get_user_model

from live_inbox import database
from live_inbox.content import CONTENT_FIELDS
from live_inbox.delivery.position import FINGERPRINTS
from live_inbox.events import Folder
from live_inbox.importing.rows import ImportRow
from live_inbox.models import Inbox, InboxEvent, Notification, new_epoch, new_fingerprint
from live_inbox.sql_rows import key_type, key_value, rows_of, table_of


@dataclass(slots=True)
class Keyed:
    """Rows by what has become of their keys: new ones, those stored before, and those of another recipient's row."""

    new: list[ImportRow] = field(default_factory=list)
    known: list[ImportRow] = field(default_factory=list)
    conflicting: list[ImportRow] = field(default_factory=list)


@database.reading
def look_up_keys(rows: Sequence[ImportRow]) -> Keyed:
    """Return which of the rows are new; of rows with equal keys, the first is. Makes one query."""
    keyed = Keyed()
    owners = _recipients_of_keys(rows)
    for row in rows:
        key = (row.sender_id, row.key)
        if key not in owners:
            owners[key] = row.recipient_id
            keyed.new.append(row)
        elif owners[key] == row.recipient_id:
            keyed.known.append(row)
        else:
            keyed.conflicting.append(row)
    return keyed


def write(rows: Sequence[ImportRow]) -> None:
    """Store rows, in their order within each inbox, in one transaction of a fixed number of statements.

    None of them may be stored already: see `look_up_keys`. Raises IntegrityError, and stores nothing, if a concurrent
    import has stored one of them, or if a user was deleted.
    """
    if rows:
        _write(rows)


@database.transactional
def _write(rows: Sequence[ImportRow]) -> None:
    last = _take_sequences(rows)
    _insert(rows, last)
    _empty_logs(last)


def _recipients_of_keys(rows: Sequence[ImportRow]) -> dict[tuple[Any, str], Any]:
    """Return whose notifications have these keys: unique for each sender, and among those without one."""
    connection = database.connection()
    keys = _keys_of_users(rows)
    given, document = rows_of(
        connection,
        {"place": "integer", "sender": key_type(connection), "given_key": "text"},
        ((place, keys[row.sender_id], row.key) for place, row in enumerate(rows)),
    )
    # Two look-ups, because each has a partial index of its own; the conditions that seem superfluous are those of the
    # indexes. As a join, SQLite would read all notifications without a sender for each page.
    found = f"SELECT recipient_id FROM {table_of(connection, Notification)} WHERE idempotency_key = given_key"
    of_sender = f"({found} AND sender_id = sender AND sender_id IS NOT NULL AND idempotency_key IS NOT NULL)"
    of_nobody = (
        f"({found} AND sender IS NULL AND sender_id IS NULL AND idempotency_key IS NOT NULL)"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT place, COALESCE({of_sender}, {of_nobody}) FROM {given}", [document])
        owners = cursor.fetchall()
    to_python = get_user_model()._meta.pk.to_python
    return {
        (rows[place].sender_id, rows[place].key): to_python(owner)
        for place, owner in owners
        if owner is not None
    }


def _take_sequences(rows: Sequence[ImportRow]) -> dict[Any, int]:
    """Count the rows in their inboxes, and end the logs behind them; return the last sequence of each inbox.

    Creates missing inboxes. The rows are locked in the order of the users, as by every writer of several inboxes.
    """
    connection = database.connection()
    total = Counter(row.recipient_id for row in rows)
    unread = Counter(row.recipient_id for row in rows if row.read_at is None)
    given, document = rows_of(
        connection,
        {
            "place": "integer",
            "user_id": key_type(connection),
            "epoch": "text",
            "total": "integer",
            "unread": "integer",
        },
        (
            (place, _key(user_id), new_epoch(), total[user_id], unread[user_id])
            for place, user_id in enumerate(sorted(total))
        ),
    )
    table = table_of(connection, Inbox)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table}"
            " (user_id, epoch, last_sequence, first_sequence, unread_count, total_count, unseen_count,"
            " archived_count, snoozed_count, seen_through, fingerprint)"
            # SQLite needs the condition to tell ON CONFLICT from a join.
            f" SELECT user_id, epoch, total, total + 1, unread, total, unread, 0, 0, 0, {new_fingerprint()}"
            f" FROM {given} WHERE TRUE"
            " ORDER BY place ON CONFLICT (user_id) DO UPDATE SET"
            f" last_sequence = {table}.last_sequence + excluded.last_sequence,"
            f" first_sequence = {table}.last_sequence + excluded.last_sequence + 1,"
            f" unread_count = {table}.unread_count + excluded.unread_count,"
            f" total_count = {table}.total_count + excluded.total_count,"
            f" unseen_count = {table}.unseen_count + excluded.unseen_count,"
            f" fingerprint = ({table}.fingerprint + excluded.fingerprint) %% {FINGERPRINTS}"
            " RETURNING user_id, last_sequence",
            [document],
        )
        to_python = get_user_model()._meta.pk.to_python
        return {to_python(user_id): sequence for user_id, sequence in cursor.fetchall()}


def _insert(rows: Sequence[ImportRow], last: Mapping[Any, int]) -> None:
    connection = database.connection()
    fields = {field.name: field for field in Notification._meta.concrete_fields}
    types = {
        str(fields[name].column): fields[name].db_type(connection) or ""
        for name in (*_OWN_FIELDS, *CONTENT_FIELDS)
    }
    given, document = rows_of(connection, {"place": "integer", **types}, _values(rows, last))
    columns = ", ".join(map(connection.ops.quote_name, types))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table_of(connection, Notification)} ({columns})"
            # Ids are taken in this order.
            f" SELECT {columns} FROM {given} ORDER BY place",
            [document],
        )


_OWN_FIELDS = (
    "recipient",
    "sender",
    "created_at",
    "read_at",
    "idempotency_key",
    "added_sequence",
    "folder",
    "pinned",
    "group_count",
)
"""The fields beside the content, in the order of `_values`."""


def _values(rows: Sequence[ImportRow], last: Mapping[Any, int]) -> Iterator[tuple[Any, ...]]:
    """Yield the columns of each row: its place, `_OWN_FIELDS`, and the content."""
    connection = database.connection()
    left = Counter(row.recipient_id for row in rows)
    keys = _keys_of_users(rows)
    to_moment = connection.ops.adapt_datetimefield_value
    content_of = attrgetter(*CONTENT_FIELDS)
    for place, row in enumerate(rows):
        left[row.recipient_id] -= 1
        yield (
            place,
            keys[row.recipient_id],
            keys[row.sender_id],
            to_moment(row.created_at),
            to_moment(row.read_at),
            row.key,
            last[row.recipient_id] - left[row.recipient_id],
            Folder.INBOX.value,
            False,
            1,
            *(
                to_moment(value) if isinstance(value, datetime) else value
                for value in content_of(row.content)
            ),
        )


def _empty_logs(user_ids: Collection[Any]) -> None:
    """Remove the events of these inboxes: their logs begin after the imported rows now."""
    connection = database.connection()
    given, document = rows_of(
        connection, {"user_id": key_type(connection)}, ((_key(user_id),) for user_id in user_ids)
    )
    log = table_of(connection, InboxEvent)
    with connection.cursor() as cursor:
        # Most inboxes have none, and a DELETE of all at once may make PostgreSQL read the whole log.
        cursor.execute(
            f"SELECT user_id FROM {given}"
            f" WHERE EXISTS (SELECT 1 FROM {log} WHERE inbox_id = user_id)",
            [document],
        )
        if found := cursor.fetchall():
            cursor.executemany(f"DELETE FROM {log} WHERE inbox_id = %s", found)


def _keys_of_users(rows: Sequence[ImportRow]) -> dict[Any, Any]:
    """Return the keys of all users as the columns hold them.

    Once for each user: to convert a key takes as long as everything else that is done for a row.
    """
    users = {user for row in rows for user in (row.recipient_id, row.sender_id)}
    return {user: _key(user) for user in users}


def _key(user_id: Any) -> Any:
    return None if user_id is None else key_value(database.connection(), user_id)
