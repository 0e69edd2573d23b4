"""Erasing: removes the content of notifications that are gone from the log of their inbox.

It happens in the transaction of the deletion. The events keep their sequences, fingerprints and counts, so positions
stay valid. A client that resumes is sent the numbers of these events, and then the deletion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from live_inbox import database
from live_inbox.events import NOT_CHANGES
from live_inbox.models import InboxEvent
from live_inbox.sql_rows import key_type, key_value, rows_of, table_of
from live_inbox.statement_timing import Statement

_ERASED = {
    "postgresql": "jsonb_strip_nulls(jsonb_build_object('unread', payload->'unread', 'total', payload->'total',"
    " 'unseen', payload->'unseen', 'type', payload#>'{notification,type}', 'erased', true))",
    # What is null in a merge patch is left out.
    "sqlite": "json_patch('{}', json_object('unread', json_extract(payload, '$.unread'),"
    " 'total', json_extract(payload, '$.total'), 'unseen', json_extract(payload, '$.unseen'),"
    " 'type', json_extract(payload, '$.notification.type'), 'erased', json('true')))",
}
"""The payload of an event without the notification, as `events.to_payload` writes it."""


class Gone(NamedTuple):
    """A notification that has been deleted, and the sequence of the event that had added it."""

    user_id: Any
    notification_id: int
    added_sequence: int


def erase(gone: Sequence[Gone]) -> None:
    """Remove the content of deleted notifications from the events about them. Their inboxes must be locked.

    One statement. It finds the events that added them by their sequences, and the changes by an index of their own, so
    the cost does not depend on the length of the log.
    """
    if not gone:
        return
    connection = database.connection()
    given, document = rows_of(
        connection,
        {"user_id": key_type(connection), "removed_id": "bigint", "added": "bigint"},
        ((key_value(connection, each.user_id), *each[1:]) for each in gone),
    )
    log = table_of(connection, InboxEvent)
    # Constants, not parameters: only then does SQLite use the index of the changes. What a newer version has written is
    # erased as well.
    others = ", ".join(f"'{kind.value}'" for kind in NOT_CHANGES)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{Statement.ERASE_EVENTS.comment}WITH gone AS (SELECT user_id, removed_id, added FROM {given})"
            f" UPDATE {log} SET payload = {_ERASED[connection.vendor]} WHERE id IN ("
            f"SELECT {log}.id FROM gone JOIN {log}"
            " ON inbox_id = user_id AND sequence = added AND notification_id = removed_id"
            f" UNION ALL SELECT {log}.id FROM gone JOIN {log}"
            f" ON inbox_id = user_id AND notification_id = removed_id AND NOT (kind IN ({others})))",
            [document],
        )
