"""Changes of one inbox as one statement of PostgreSQL, which is a transaction of its own.

In a transaction of several statements, a change takes seven round trips, each of which hands the interpreter over to
another thread and back. Here the inbox's row, the notification and the event are written by one statement, whose first
part locks the inbox.

A statement sees what was committed when it began, not what was committed while it waited for the lock. So a mark names
the position of the inbox that it has read, and writes nothing if the locked row is at another one. Nothing of an inbox
changes without a new position. An addition depends on nothing but the row of the inbox, which a statement that has
waited reads again. What the user has seen may change without a new position, if no device shows the difference: a mark
names that, too.

Each function returns None where it has written nothing, and the caller does the same in a transaction that locks first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache, partial, wraps
from typing import Any, ParamSpec, TypeVar

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from msgspec.structs import replace

from live_inbox import database
from live_inbox.database_errors import ErrorKind, kind_of
from live_inbox.delivery.position import FINGERPRINTS
from live_inbox.events import Event, Kind, encode_snapshot, to_payload
from live_inbox.models import Inbox, InboxEvent, Notification, new_epoch, new_fingerprint
from live_inbox.services.bulk_insert import shared_columns
from live_inbox.services.counting import counts_of
from live_inbox.services.event_recording import announce, event_of
from live_inbox.services.inbox_rows import (
    NEW_INBOX_COLUMNS,
    NEW_INBOX_COUNTS,
    SequencedInbox,
    advance,
    or_one_more,
    wanted_by_user,
)
from live_inbox.snapshots import snapshot
from live_inbox.sql_rows import key_type, key_value, table_of
from live_inbox.statement_rows import may_write_in_binary, rows_of_statement
from live_inbox.statement_timing import Statement

P = ParamSpec("P")
T = TypeVar("T")

_EVENT_COLUMNS = (
    "inbox_id, sequence, kind, notification_id, payload, created_at,"
    " fingerprint, previous_fingerprint"
)


def in_one_statement(function: Callable[P, T | None]) -> Callable[P, T | None]:
    """Call a function where one statement is a transaction; return None elsewhere.

    Within a transaction of the caller's, the lock has to come first: what is changed is held until that ends. A
    conflict with other transactions is None as well.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T | None:
        if not database.commits_each_statement():
            return None
        try:
            return function(*args, **kwargs)
        except DatabaseError as error:
            if kind_of(error) is not ErrorKind.CONFLICT:
                raise
            return None

    return call


def mark(inbox: Inbox, notification: Notification, read: bool, now: datetime | None) -> bool | None:
    """Mark a notification of an inbox, both as they were read together; change the objects as well.

    Returns None, and leaves the objects in an unknown state, if the inbox has changed since.
    """
    connection = database.connection()
    before = inbox.position
    key = key_value(connection, inbox.pk)
    counts_as = partial(counts_of, notification, inbox.seen_through)
    numbered = advance(inbox, counts_as(read=read).minus(counts_as(read=not read)))
    kind = Kind.READ if read else Kind.UNREAD
    notification.read_at = None
    unread = snapshot(notification)
    draft = event_of(kind, numbered, now, notification=unread, notification_id=notification.pk)
    values: list[Any] = [
        *(inbox.last_sequence, inbox.unread_count, inbox.unseen_count, inbox.fingerprint),
        *(key, before.epoch, before.sequence, before.fingerprint, inbox.seen_through),
        *(*_given(now), notification.pk),
        *(draft.sequence, kind.value, notification.pk, to_payload(draft).decode()),
        *(draft.fingerprint, draft.previous_fingerprint),
    ]
    text = _marking(connection.alias, read=read, is_now=now is None)
    found = _written(connection, text, values)
    if found is None:
        return None
    inbox.locked_at = found[0]
    if read:
        notification.read_at = found[0]
    about = replace(unread, read_at=notification.read_at)
    announce(replace(draft, notification=about, occurred_at=found[0]))
    return True


def add(
    notification: Notification,
    recipient_id: Any,
    key: str | None,
    now: datetime | None,
    *,
    if_wanted: str | None,
    is_on: bool,
    most: int,
) -> Event | None:
    """Insert an unsaved notification into the inbox of a user, whose `created_at` is that of the insertion unless set.

    Nothing is written for a user who does not want the type `if_wanted`, which those who have chosen nothing want if
    `is_on`, and into an inbox that has `most` notifications. Raises what the database raises for a user who does not
    exist.
    """
    connection = database.connection()
    columns = shared_columns(connection, notification)
    if notification.created_at is None:
        del columns["created_at"]
    wanted, of_type = wanted_by_user(if_wanted, is_on=is_on)
    step = new_fingerprint()
    draft = snapshot(notification)
    found = _written(
        connection,
        _adding(connection.alias, tuple(columns), wanted, is_now=now is None),
        [
            *(new_epoch(), step, key_value(connection, recipient_id), *of_type),
            *(most, *_given(now), key, *columns.values()),
            *(Kind.ADDED.value, encode_snapshot(draft).decode(), step),
        ],
    )
    if found is None:
        return None
    epoch, sequence, unread_count, total_count, fingerprint, unseen_count, at, id = found
    previous = (fingerprint - step) % FINGERPRINTS
    if notification.created_at is None:
        notification.created_at = at
    event = event_of(
        Kind.ADDED,
        SequencedInbox(
            recipient_id,
            epoch,
            sequence,
            unread_count,
            total_count,
            at,
            fingerprint,
            previous,
            unseen_count,
        ),
        now,
        notification=replace(draft, id=id, created_at=notification.created_at),
        notification_id=id,
    )
    announce(event)
    return event


def _written(
    connection: BaseDatabaseWrapper, text: str, parameters: Sequence[Any]
) -> Sequence[Any] | None:
    """Execute a statement that writes; return its row, or None if it has none."""
    is_binary = may_write_in_binary(connection)
    rows = rows_of_statement(connection, text, parameters, is_binary=is_binary)
    return rows[0] if rows else None


@lru_cache(maxsize=16)
def _marking(alias: str, *, read: bool, is_now: bool) -> str:
    """Return the statement of `mark`. `is_now`: whether the moment is the database's, and no parameter."""
    connection = connections[alias]
    notifications = table_of(connection, Notification)
    payload = "%s::jsonb"
    if read:
        # The same moment as in the column.
        payload = f"jsonb_set({payload}, '{{notification,read_at}}', to_jsonb({_stamp('at')}))"
    return (
        f"{Statement.MARK.comment}WITH locked AS (UPDATE {table_of(connection, Inbox)}"
        " SET last_sequence = %s, unread_count = %s, unseen_count = %s, fingerprint = %s"
        " WHERE user_id = %s AND epoch = %s AND last_sequence = %s AND fingerprint = %s AND seen_through = %s"
        f" RETURNING user_id, {_time(is_now)} AS at),"
        f" marked AS (UPDATE {notifications} SET read_at = {'locked.at' if read else 'NULL'} FROM locked"
        f" WHERE {notifications}.id = %s AND {notifications}.recipient_id = locked.user_id)"
        f" INSERT INTO {table_of(connection, InboxEvent)} ({_EVENT_COLUMNS})"
        f" SELECT user_id, %s, %s, %s, {payload}, at, %s, %s FROM locked"
        " RETURNING created_at"
    )


@lru_cache(maxsize=64)
def _adding(alias: str, columns: tuple[str, ...], wanted: str, *, is_now: bool) -> str:
    """Return the statement of `add`, for these columns of the notification. Without `created_at`, it is the moment."""
    connection = connections[alias]
    names, values = [*columns], ["%s"] * len(columns)
    stamps = "'id', added.id"
    if "created_at" not in columns:
        names.append("created_at")
        values.append("locked.at")
        stamps += f", 'created_at', {_stamp('locked.at')}"
    return (
        f"{Statement.SEND.comment}WITH locked AS ({_taking_sequence(connection, wanted, _time(is_now))}),"
        f" added AS (INSERT INTO {table_of(connection, Notification)}"
        f" (recipient_id, added_sequence, idempotency_key, {', '.join(map(connection.ops.quote_name, names))})"
        f" SELECT user_id, last_sequence, %s, {', '.join(values)} FROM locked RETURNING id),"
        f" logged AS (INSERT INTO {table_of(connection, InboxEvent)} ({_EVENT_COLUMNS})"
        " SELECT user_id, last_sequence, %s, added.id, jsonb_build_object('unread', unread_count,"
        " 'total', total_count, 'unseen', unseen_count,"
        f" 'notification', %s::jsonb || jsonb_build_object({stamps})), at,"
        f" fingerprint, {_before('fingerprint')} FROM locked, added)"
        " SELECT epoch, last_sequence, unread_count, total_count, fingerprint, unseen_count, at, added.id"
        " FROM locked, added"
    )


def _taking_sequence(connection: BaseDatabaseWrapper, wanted: str, time: str) -> str:
    """Return the text that takes the next sequence of an inbox for one new notification; see `allocate_sequences`."""
    table = table_of(connection, Inbox)
    return (
        f"INSERT INTO {table} {NEW_INBOX_COLUMNS} SELECT user_id, %s, {NEW_INBOX_COUNTS}, %s"
        f" FROM (SELECT %s::{key_type(connection)} AS user_id) AS given WHERE {wanted}{or_one_more(table)}"
        f" WHERE {table}.total_count + {table}.archived_count + {table}.snoozed_count < %s"
        " RETURNING user_id, epoch, last_sequence, unread_count, total_count, fingerprint, unseen_count,"
        f" {time} AS at"
    )


def _before(fingerprint: str) -> str:
    """Return the expression for the fingerprint before a step was added, which is its parameter."""
    return f"({fingerprint} - %s + {FINGERPRINTS}) %% {FINGERPRINTS}"


def _time(is_now: bool) -> str:
    """Return the expression for the moment of a change: the database's time at which the inbox is locked."""
    return "clock_timestamp()" if is_now else "%s::timestamptz"


def _given(now: datetime | None) -> list[datetime]:
    return [] if now is None else [now]


def _stamp(moment: str) -> str:
    """Return the expression for a moment as payloads have it."""
    return f"to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
