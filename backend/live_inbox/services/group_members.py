"""What is folded under the notifications that are shown: see `grouping`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from live_inbox import database
from live_inbox.errors import Conflict
from live_inbox.events import Event, Folder, Kind
from live_inbox.models import Inbox, NegatedRank, Notification, rank
from live_inbox.services.changing import save_fields
from live_inbox.services.counting import counts_of
from live_inbox.services.event_recording import event_of
from live_inbox.services.inbox_rows import advance
from live_inbox.services.removal_rows import REMOVAL_COLUMNS, RemovalRow
from live_inbox.snapshots import snapshot

_KINDS = {
    Folder.INBOX.value: Kind.UNGROUPED,
    Folder.ARCHIVE.value: Kind.ARCHIVED,
    Folder.SNOOZED.value: Kind.SNOOZED,
}
"""The event of a notification that leaves the folder `grouped`, by the folder that it goes to."""


class Row(Protocol):
    """A notification, or what is needed of its row."""

    @property
    def folder(self) -> str: ...
    @property
    def snoozed_until(self) -> datetime | None: ...
    @property
    def group_root(self) -> int | None: ...


def check_not_folded(notification: Notification) -> None:
    """Raise Conflict for a notification that is folded under another one: that one can be moved and pinned."""
    if notification.folder == Folder.GROUPED:
        raise Conflict("This notification is folded under a newer one of its group.")


def members(roots: Collection[int]) -> dict[int, list[RemovalRow]]:
    """Return what is folded in the groups with these roots, the newest first. One statement, none without groups."""
    if not roots:
        return {}
    found: dict[int, list[RemovalRow]] = defaultdict(list)
    rows = database.queryset(Notification).filter(group_root__in=roots, folder=Folder.GROUPED.value)
    newest_first = rows.alias(order=NegatedRank(rank())).order_by("order")
    for row in map(RemovalRow._make, newest_first.values_list(*REMOVAL_COLUMNS)):
        assert row.group_root is not None
        found[row.group_root].append(row)
    return found


def members_of(rows: Iterable[Row]) -> list[RemovalRow]:
    """Return what is folded under these rows."""
    return [each for of_group in members(_roots(rows)).values() for each in of_group]


def unfold(inboxes: Mapping[Any, Inbox], gone: Sequence[Row], now: datetime | None) -> list[Event]:
    """Put the newest notification of its group in the place of each that was deleted; return the events.

    The inboxes are locked. The caller saves them, and records the events.
    """
    places = {row.group_root: row for row in gone if row.folder != Folder.GROUPED}
    newest = [of_group[0].id for of_group in members(_roots(gone)).values()]
    if not newest:
        return []
    found = database.queryset(Notification).select_related("sender").filter(pk__in=newest)
    rows = list(found.order_by("recipient_id", "pk"))
    events = []
    for row in rows:
        place, inbox = places[row.group_root], inboxes[row.recipient_id]
        row.folder, row.snoozed_until = place.folder, place.snoozed_until
        numbered = advance(inbox, counts_of(row, inbox.seen_through))
        events.append(
            event_of(
                _KINDS[place.folder],
                numbered,
                now,
                notification=snapshot(row),
                notification_id=row.pk,
            )
        )
    save_fields(("folder", "snoozed_until"), rows)
    return events


def show_one_of_each_group(rows: Sequence[Notification]) -> None:
    """Put the newest of each group that would have no row in the inbox; `rows` are not saved. Saves nothing.

    What is folded may have been deleted by itself, and what it was folded under afterwards.
    """
    folded = [row for row in rows if row.folder == Folder.GROUPED]
    if not folded:
        return
    of_groups = database.queryset(Notification).filter(
        group_root__in={row.group_root for row in folded}
    )
    others = of_groups.exclude(folder=Folder.GROUPED.value)
    shown = {*others.values_list("group_root", flat=True), *_roots(rows)}
    for row in sorted(folded, key=lambda row: -row.rank):
        if row.group_root not in shown:
            row.folder = Folder.INBOX.value
            shown.add(row.group_root)


def _roots(rows: Iterable[Row]) -> list[int]:
    """Return the groups of which these rows are those that are shown."""
    return [
        row.group_root
        for row in rows
        if row.group_root is not None and row.folder != Folder.GROUPED
    ]
