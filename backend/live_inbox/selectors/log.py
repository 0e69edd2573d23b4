"""The log as the hub reads it: heads and events of many inboxes in few queries."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.db.backends.base.base import BaseDatabaseWrapper

from live_inbox import database
from live_inbox.delivery.log import UNTOUCHED, Head, LogRange
from live_inbox.delivery.position import Position
from live_inbox.events import Event, from_payload
from live_inbox.models import Inbox, InboxEvent
from live_inbox.sql_rows import key_type, key_value, rows_of, table_of
from live_inbox.statement_timing import Statement

Item = TypeVar("Item")

logger = logging.getLogger(__name__)

_CHUNK = 1000
"""Inboxes, or ranges of logs, that one query names."""

_ROWS = 500
"""Events that are fetched from the driver at a time."""

_1970 = datetime(1970, 1, 1, tzinfo=UTC)


@database.reading
def heads(inboxes: Collection[str]) -> dict[str, Head]:
    """Return where the logs of inboxes begin and end; inboxes that do not exist are UNTOUCHED."""
    connection = database.connection()
    result = dict.fromkeys(inboxes, UNTOUCHED)
    to_python = get_user_model()._meta.pk.to_python
    for chunk in _chunks(list(result)):
        given, document = rows_of(
            connection,
            {"inbox_id": key_type(connection)},
            ((key_value(connection, key),) for key in chunk),
        )
        with connection.cursor() as cursor:
            cursor.execute(
                f"{Statement.LOG_HEADS.comment}SELECT user_id, epoch, last_sequence, fingerprint, first_sequence"
                f" FROM {given} JOIN {table_of(connection, Inbox)} ON user_id = inbox_id",
                [document],
            )
            for user_id, epoch, last, fingerprint, first in cursor.fetchall():
                head = Head(Position(epoch, last, fingerprint), first_sequence=first)
                result[str(to_python(user_id))] = head
    return result


@database.reading
def events(ranges: Sequence[LogRange], *, limit: int) -> list[list[Event]]:
    """Return for each range the events that follow its sequence, at most `limit` of them.

    Since sequences have no holes, a limit is a bound on the sequence, and one query can read many ranges.
    """
    found: dict[str, list[Event]] = {}
    for chunk in _chunks(_merged(ranges, limit)):
        for event in _read(chunk):
            found.setdefault(event.inbox, []).append(event)
    for run in found.values():
        run.sort(key=_sequence)
    return [_part(found.get(each.inbox, []), each.after, limit) for each in ranges]


def _merged(ranges: Sequence[LogRange], limit: int) -> list[tuple[str, int, int]]:
    """Return what to read as (inbox, after, through), overlapping ranges merged, so that each event is read once."""
    merged: list[tuple[str, int, int]] = []
    for each in sorted(set(ranges), key=lambda each: (each.inbox, each.after)):
        start, end = each.after, each.after + limit
        if merged and merged[-1][0] == each.inbox and start <= merged[-1][2]:
            start = merged.pop()[1]
        merged.append((each.inbox, start, end))
    return merged


def _read(merged: Sequence[tuple[str, int, int]]) -> Iterator[Event]:
    """Yield the events of some ranges, in no order."""
    connection = database.connection()
    given, document = rows_of(
        connection,
        {"inbox": key_type(connection), "after": "bigint", "through": "bigint"},
        ((key_value(connection, inbox), after, through) for inbox, after, through in merged),
    )
    log = table_of(connection, InboxEvent)
    with connection.cursor() as cursor:
        # Raw SQL: one condition for each range would cost Django and the database more than the reading.
        cursor.execute(
            f"{Statement.LOG_EVENTS.comment}SELECT"
            f" inbox_id, epoch, sequence, kind, notification_id, {_moment(connection)}, payload,"
            f" {log}.fingerprint, previous_fingerprint"
            f" FROM {given} JOIN {table_of(connection, Inbox)} ON user_id = inbox JOIN {log}"
            " ON inbox_id = inbox AND sequence > after AND sequence <= through",
            [document],
        )
        while rows := cursor.fetchmany(_ROWS):
            yield from _readable(connection, rows)


def _moment(connection: BaseDatabaseWrapper) -> str:
    """Return the SQL that selects when an event happened.

    On PostgreSQL it selects a number: parsing a timestamp costs Django as much as the rest of the row.
    """
    if connection.vendor == "postgresql":
        return "(extract(epoch FROM created_at) * 1000000)::bigint"
    return "created_at"


def _moment_of(connection: BaseDatabaseWrapper) -> Callable[[Any], datetime]:
    """Return the function that converts what `_moment` selects."""
    if connection.vendor == "postgresql":
        return _moment_after_microseconds
    column = InboxEvent._meta.get_field("created_at").get_col(InboxEvent._meta.db_table)
    converters = connection.ops.get_db_converters(column)

    def convert(value: Any) -> Any:
        for converter in converters:
            value = converter(value, column, connection)
        return value

    return convert


def _moment_after_microseconds(microseconds: int) -> datetime:
    return _1970 + timedelta(microseconds=microseconds)


def _readable(connection: BaseDatabaseWrapper, rows: Iterable[Sequence[Any]]) -> Iterator[Event]:
    """Yield the events that this version of the code understands.

    Events of a newer version are left out and logged. A reader of the log sees a hole there and reports it, and
    the other inboxes of the same query get their events.
    """
    to_python = get_user_model()._meta.pk.to_python
    moment_of = _moment_of(connection)
    for user_id, epoch, sequence, kind, notification_id, created_at, payload, own, previous in rows:
        inbox = str(to_python(user_id))
        try:
            yield from_payload(
                inbox=inbox,
                epoch=epoch,
                sequence=sequence,
                kind=kind,
                notification_id=notification_id,
                occurred_at=moment_of(created_at),
                payload=payload,
                fingerprint=own,
                previous_fingerprint=previous,
            )
        except Exception:
            logger.exception("Event %s of inbox %s cannot be read.", sequence, inbox)


def _sequence(event: Event) -> int:
    return event.sequence


def _part(run: list[Event], after: int, limit: int) -> list[Event]:
    """Return one range's events from those of its inbox, which several ranges may have asked for."""
    start = bisect_right(run, after, key=_sequence)
    return run[start : bisect_right(run, after + limit, lo=start, key=_sequence)]


def _chunks(values: list[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
