"""Bulk changes: mark as read, archive or delete all notifications that a filter has.

Each CHUNK notifications are a transaction with one event, which names them. So a change of 100,000 holds no lock for
long; if it is interrupted, the same call goes on. Within a transaction of the caller's, all of it is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import Any, NamedTuple

from live_inbox import database
from live_inbox.delivery.position import Position
from live_inbox.errors import InvalidInput
from live_inbox.events import Folder, Kind
from live_inbox.listing.filters import EVERYTHING, ListFilter
from live_inbox.listing.list_statements import Stretch
from live_inbox.models import Inbox, Notification
from live_inbox.services.counting import NONE, Counts, counts_of
from live_inbox.services.erasing import Gone, erase
from live_inbox.services.event_recording import event_of, record
from live_inbox.services.group_members import members_of
from live_inbox.services.inbox_rows import allocate_sequence, lock, moment_of
from live_inbox.services.results import BulkChanged
from live_inbox.services.undo_steps import Undo
from live_inbox.services.up_to import check_up_to
from live_inbox.sql_rows import key_value
from live_inbox.statement_rows import rows_of_statement

CHUNK = 500
"""Notifications that one transaction changes."""

MOST = 10_000
"""Notifications that one call of a client changes."""


def mark_all_read_of(
    *,
    user_id: Any,
    filter: ListFilter,
    up_to: Position | None = None,
    most: int | None = None,
    undoable: bool = False,
    now: datetime | None = None,
) -> BulkChanged:
    """Mark as read what a filter has and had arrived at a position; nothing if the filter has read ones only.

    With `most`, it stops after so many. Raises InvalidInput for a position that is not of this inbox, and for a filter
    that nothing can fulfil.
    """
    if filter.read is not True:
        filter = replace(filter, read=False)
        return _change(Kind.MANY_READ, user_id, filter, up_to, most, undoable, now)
    nothing = replace(filter, types=frozenset())
    return _change(Kind.MANY_READ, user_id, nothing, up_to, most, undoable, now)


def archive_all(
    *,
    user_id: Any,
    filter: ListFilter = EVERYTHING,
    up_to: Position | None = None,
    most: int | None = None,
    undoable: bool = False,
    now: datetime | None = None,
) -> BulkChanged:
    """Move what a filter has to the archive, likewise. Raises InvalidInput for a filter of another folder."""
    if filter.folder is not Folder.INBOX:
        raise InvalidInput("Only what is in the inbox can be archived at once.", field="folder")
    return _change(Kind.MANY_ARCHIVED, user_id, filter, up_to, most, undoable, now)


def delete_all(
    *,
    user_id: Any,
    filter: ListFilter = EVERYTHING,
    up_to: Position | None = None,
    most: int | None = None,
    undoable: bool = False,
    now: datetime | None = None,
) -> BulkChanged:
    """Delete what a filter has, likewise, and what is folded under it. With `undoable`, see `delete`."""
    return _change(Kind.MANY_DELETED, user_id, filter, up_to, most, undoable, now)


class _Row(NamedTuple):
    """What is needed of a notification to change it."""

    id: int
    returned_rank: int | None
    read: bool
    arrival: int
    added_sequence: int
    folder: str
    group_root: int | None
    snoozed_until: datetime | None = None

    @property
    def rank(self) -> int:
        return self.id if self.returned_rank is None else self.returned_rank


_COLUMNS = (
    '"id", "returned_rank", "read_at" IS NOT NULL, COALESCE("returned_sequence", "added_sequence"),'
    ' "added_sequence", "folder", "group_root"'
)


@dataclass(slots=True)
class _Progress:
    """How far a bulk change has come, and the inbox after its last transaction."""

    kind: Kind
    filter: ListFilter
    up_to: Position | None
    undo: Undo | None
    now: datetime | None
    count: int = 0
    below: int | None = None
    """The rank below which it goes on."""
    is_complete: bool = False
    inbox: Inbox | None = None


def _change(
    kind: Kind,
    user_id: Any,
    filter: ListFilter,
    up_to: Position | None,
    most: int | None,
    undoable: bool,
    now: datetime | None,
) -> BulkChanged:
    filter.check()
    undo = Undo.new() if undoable else None
    progress = _Progress(kind, filter, up_to, undo, now)
    while not progress.is_complete and (most is None or progress.count < most):
        left = CHUNK if most is None else min(CHUNK, most - progress.count)
        progress = _chunk(user_id, progress, left)
    if undo is not None and progress.count:
        undo.keep(user_id, now or database.now())
    inbox = progress.inbox
    return BulkChanged(
        progress.count,
        0 if inbox is None else inbox.unread_count,
        0 if inbox is None else inbox.total_count,
        0 if inbox is None else inbox.unseen_count,
        Position("", 0) if inbox is None else inbox.position,
        not progress.is_complete,
        undo.token if undo is not None and progress.count else None,
    )


@database.transactional
def _chunk(user_id: Any, progress: _Progress, limit: int) -> _Progress:
    """Change the next notifications; return the progress. The one passed stays as it is: this may be repeated."""
    inbox = lock(user_id)
    if progress.inbox is None:
        check_up_to(inbox, progress.up_to)
    elif inbox is None or (progress.up_to is not None and inbox.epoch != progress.inbox.epoch):
        # The position says nothing of an inbox that was made anew meanwhile.
        return replace(progress, is_complete=True)
    if inbox is None:
        return replace(progress, is_complete=True)
    found, below = _next_rows(user_id, progress, limit)
    newest = progress.up_to
    rows = [row for row in found if newest is None or row.arrival <= newest.sequence]
    if rows:
        _apply(inbox, rows, progress)
    return replace(
        progress,
        count=progress.count + len(rows),
        below=below,
        is_complete=below is None,
        inbox=inbox,
    )


def _next_rows(user_id: Any, progress: _Progress, limit: int) -> tuple[list[_Row], int | None]:
    """Return the next rows, and the rank below which the search goes on; None at the end."""
    connection = database.connection()
    key = key_value(connection, user_id)
    stretch = Stretch(key, progress.filter, connection.vendor, progress.below)
    last = None
    if stretch.is_examined:
        text, parameters = stretch.last_examined()
        ((last,),) = rows_of_statement(connection, text, parameters, is_binary=False)
        if last is not None:
            stretch = replace(stretch, newer_than=last - 1)
    text, parameters = stretch.rows(_COLUMNS, limit)
    found = rows_of_statement(connection, text, parameters, is_binary=False)
    rows = [_Row(id, rank, bool(read), *others) for id, rank, read, *others in found]
    return rows, rows[-1].rank if len(rows) == limit else last


def _apply(inbox: Inbox, rows: Sequence[_Row], progress: _Progress) -> None:
    """Change rows of a locked inbox, its counts and what is kept to undo it, and record the event."""
    kind, moment = progress.kind, progress.now or moment_of(inbox)
    ids = [row.id for row in rows]
    gone = [Gone(inbox.pk, row.id, row.added_sequence) for row in rows]
    if kind is Kind.MANY_DELETED:
        gone += [Gone(row.user_id, row.id, row.added_sequence) for row in members_of(rows)]
        ids = [each.notification_id for each in gone]
    notifications = Notification.unguarded.using(database.alias()).filter(pk__in=ids)
    if progress.undo is not None:
        deleted = notifications if kind is Kind.MANY_DELETED else None
        progress.undo.add(inbox, kind, ids, deleted, moment)
    match kind:
        case Kind.MANY_READ:
            notifications.update(read_at=moment)
            after = [row._replace(read=True) for row in rows]
        case Kind.MANY_ARCHIVED:
            notifications.update(folder=Folder.ARCHIVE.value, snoozed_until=None)
            after = [row._replace(folder=Folder.ARCHIVE.value) for row in rows]
        case Kind.MANY_DELETED:
            notifications.delete()
            erase(gone)
            after = []
        case _:
            raise AssertionError(kind)
    change = _sum(inbox, after).minus(_sum(inbox, rows))
    numbered = allocate_sequence(inbox, change)
    record([event_of(kind, numbered, moment, count=len(ids), notification_ids=ids)])


def _sum(inbox: Inbox, rows: Sequence[_Row]) -> Counts:
    return reduce(Counts.plus, (counts_of(row, inbox.seen_through) for row in rows), NONE)
