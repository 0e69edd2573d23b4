"""Rows of a list, each with the state of the inbox: what a statement selects, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections

from live_inbox.delivery.position import Position
from live_inbox.events import Snapshot
from live_inbox.models import Inbox
from live_inbox.selectors.inbox_state import EMPTY, InboxState
from live_inbox.selectors.snapshot_rows import SnapshotReader, reader_for
from live_inbox.sql_rows import table_of

_POSITION = ("epoch", "last_sequence", "fingerprint")
_COUNTS = ("unread_count", "total_count", "unseen_count", "archived_count", "snoozed_count")

STATE_FIELDS = frozenset({"position", *_COUNTS})
"""The names of all that is read of an inbox."""


@dataclass(frozen=True, slots=True, eq=False)
class ListReader:
    """Makes snapshots, and the state of their inbox, of the last columns of rows.

    Each row repeats the state, and 100 rows of eight such columns take a tenth of what the list costs. So only those
    that are asked for are read.
    """

    snapshot_reader: SnapshotReader
    columns: str
    """The columns that a statement selects at its end: of `inbox`, of the rows, `listed`, and of their senders."""
    inner_columns: str
    """The columns of the statement of the rows."""
    inbox: str
    """The table of inboxes, with its alias."""
    join: str
    """What joins the senders."""
    state_values: Callable[[Sequence[Any]], tuple[Any, ...]]
    """Takes the columns of the state from a row, and NULL for those that are not read."""
    id_of: Callable[[Sequence[Any]], Any]
    """Takes the id of the notification from a row."""

    @property
    def may_be_binary(self) -> bool:
        """Whether the values are the same if the driver has them in binary form."""
        return self.snapshot_reader.may_be_binary

    def read(self, rows: Sequence[Sequence[Any]]) -> tuple[list[Snapshot], InboxState]:
        """Return the snapshots, the newest first, and the state of the inbox; no rows are no inbox."""
        if not rows:
            return [], EMPTY
        epoch, sequence, fingerprint, *counts = self.state_values(rows[0])
        state = InboxState(Position(epoch, sequence, fingerprint), *counts)
        # An inbox without such notifications is one row, without an id.
        is_empty = self.id_of(rows[0]) is None
        return [] if is_empty else self.snapshot_reader.snapshots(rows), state


def list_reader(alias: str, fields: frozenset[str] | None) -> ListReader:
    """Return what reads lists of a database: these fields of snapshots and of the inbox's state, or all.

    The others mean nothing.
    """
    return _list_reader(reader_for(alias, fields), fields)


@lru_cache(maxsize=64)
def _list_reader(reader: SnapshotReader, fields: frozenset[str] | None) -> ListReader:
    connection, users = connections[reader.alias], get_user_model()
    wanted = STATE_FIELDS if fields is None else fields & STATE_FIELDS
    state = [name for name in _COUNTS if name in wanted]
    if "position" in wanted:
        state = [*_POSITION, *state]
    last = len(state) + reader.width
    places = [state.index(name) - last if name in state else -1 for name in _POSITION + _COUNTS]
    join = ""
    if reader.sender is not None:
        key = users._meta.pk.column
        join = f' LEFT JOIN {table_of(connection, users)} AS sender ON sender."{key}" = listed."sender_id"'
    return ListReader(
        reader,
        ", ".join([*(f'inbox."{name}"' for name in state), reader.sql("listed", "sender")]),
        reader.notification.inner_sql(),
        f"{table_of(connection, Inbox)} AS inbox",
        join,
        itemgetter(*places),
        itemgetter(-reader.width),
    )
