"""Repair: compares every inbox with its rows, and corrects what differs.

The services keep counts and logs exact, so every difference comes from outside: SQL by hand, a fixture, a restored
backup, a broken disk. Then it is unknown what devices have received. So a wrong count or a broken log is not corrected
silently: the inbox gets a new epoch and an empty log, and every device, open or returning, reloads
(`ResetReason.EPOCH`). Open sockets get the reset at the hub's next reconciliation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, F, Max, Min, Q, Sum

from live_inbox import database
from live_inbox.events import Folder, Kind
from live_inbox.maintenance import log_comparison
from live_inbox.maintenance.findings import HARMLESS, Finding, Flaw
from live_inbox.models import (
    UNREAD,
    Inbox,
    InboxEvent,
    Notification,
    new_epoch,
    new_fingerprint,
    rank,
)
from live_inbox.services.erasing import erase
from live_inbox.services.inbox_rows import lock
from live_inbox.sql_rows import key_value, table_of

BATCH = 250
"""Users whose inboxes one set of queries compares, or one transaction gives new epochs."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one user, counted."""

    notifications: int = 0
    """Those of the folder `inbox`."""
    unread: int = 0
    unseen: int = 0
    archived: int = 0
    snoozed: int = 0
    last_added: int = 0
    last_old_id: int | None = None
    """The largest id of a notification from before the log."""
    events: int = 0
    events_below: int = 0
    events_above: int = 0
    last_event: int = 0
    first_added_id: int | None = None
    """The smallest id of a notification that the log added."""
    fingerprints_before: int | None = None
    """The fingerprint that the first event of the log names as that of the event before it."""
    fingerprints_added: int | None = None
    """The sum of the differences between the fingerprints of events and those that they name."""
    least_fingerprint: int | None = None
    not_as_added: int = 0
    not_removed: int = 0
    removed: int = 0
    not_erased: int = 0
    read_state: int = 0
    folders: int = 0

    @property
    def in_all_folders(self) -> int:
        """Its notifications in all folders."""
        return self.notifications + self.archived + self.snoozed

    @property
    def last_fingerprint(self) -> int | None:
        """The fingerprint at the end of the log if each event names that of the event before; None if unknown.

        If one names another, this is no event's fingerprint.
        """
        if self.fingerprints_before is None or not self.least_fingerprint:
            return None
        return self.fingerprints_before + (self.fingerprints_added or 0)

    @property
    def misplaced_id(self) -> tuple[int, int]:
        """The first id of the log, and a larger one from before the log: ids grow with sequences. Else, zeros."""
        if self.last_old_id is None or self.first_added_id is None:
            return 0, 0
        return (
            (self.first_added_id, self.last_old_id)
            if self.last_old_id > self.first_added_id
            else (0, 0)
        )


def check_inboxes(
    *, fix: bool = False, user_ids: Iterable[Any] | None = None, batch: int = BATCH
) -> Iterator[Finding]:
    """Yield the problems of the inboxes of all users, or of some; with `fix`, corrected already.

    Can run while the inboxes are in use: the queries of a batch are not one snapshot, so a difference is checked
    again under the inbox's lock, and only then reported.
    """
    for users in _batches(user_ids, batch):
        for user_id, findings in _examine(users).items():
            if findings:
                yield from _settle(user_id, fix=fix)


def renew_epochs(*, batch: int = BATCH) -> int:
    """Give every inbox a new epoch, and return their number. For use after a backup was restored.

    A restored inbox has lost its newest events, and would give their sequences to other ones. A device that received
    the lost events would take the new ones for known. With a new epoch, its position is recognised as outdated, and
    it reloads. The restored log is correct as far as it goes, so it stays.
    """
    return sum(_renew(users) for users in _batches(None, batch))


@database.transactional
def _renew(users: Sequence[Any]) -> int:
    return renew_locked(users)


def renew_locked(users: Sequence[Any]) -> int:
    """Lock the inboxes of these users within a transaction, give them new epochs, and return their number."""
    # In the order of users, as every writer that locks several inboxes, so that none of them deadlock.
    inboxes = database.queryset(Inbox).select_for_update(no_key=True).filter(pk__in=users)
    found = list(inboxes.order_by("pk").values_list("pk", flat=True))
    _save_epochs(found)
    return len(found)


def _save_epochs(users: Sequence[Any]) -> None:
    connection = database.connection()
    table = table_of(connection, Inbox)
    rows = [(new_epoch(), key_value(connection, user_id)) for user_id in users]
    with connection.cursor() as cursor:
        # Much faster than bulk_update while the inboxes are locked.
        cursor.executemany(f"UPDATE {table} SET epoch = %s WHERE user_id = %s", rows)


def _batches(user_ids: Iterable[Any] | None, batch: int) -> Iterator[list[Any]]:
    """Yield the primary keys of users in batches; all users in order, at the same cost at any size of the table."""
    if user_ids is not None:
        given = iter(user_ids)
        while chunk := list(islice(given, batch)):
            yield chunk
        return
    users = get_user_model()._base_manager.using(database.alias())
    keys = users.order_by("pk").values_list("pk", flat=True)
    chunk = list(keys[:batch])
    while chunk:
        yield chunk
        chunk = list(keys.filter(pk__gt=chunk[-1])[:batch])


# -- comparing -------------------------------------------------------------------------------------------


def _examine(users: Sequence[Any]) -> dict[Any, list[Finding]]:
    """Compare the inboxes of these users with their rows: six queries for any number of them."""
    inboxes = database.queryset(Inbox).in_bulk(users)
    rows = _rows(users)
    return {user_id: _compare(user_id, inboxes.get(user_id), rows[user_id]) for user_id in users}


def _rows(users: Sequence[Any]) -> dict[Any, _Rows]:
    parts = (
        _aggregates_of_notifications(users),
        _aggregates_of_events(users),
        log_comparison.not_as_added(users),
        log_comparison.not_as_last_event(users),
    )
    rows = {}
    for user_id in users:
        counted: dict[str, Any] = {}
        for part in parts:
            counted |= part.get(user_id, {})
        rows[user_id] = _Rows(**counted)
    return rows


def _aggregates_of_notifications(users: Sequence[Any]) -> dict[Any, dict[str, Any]]:
    rows = database.queryset(Notification).filter(recipient__in=users)
    query = rows.alias(place=rank()).order_by().values("recipient_id")
    in_inbox = Q(folder=Folder.INBOX.value)
    found: Iterable[Any] = query.annotate(
        notifications=Count("pk", filter=in_inbox),
        unread=Count("pk", filter=in_inbox & UNREAD),
        unseen=Count(
            "pk",
            filter=in_inbox & UNREAD & Q(place__gt=F("recipient__live_inbox__seen_through")),
        ),
        archived=Count("pk", filter=Q(folder=Folder.ARCHIVE.value)),
        snoozed=Count("pk", filter=Q(folder=Folder.SNOOZED.value)),
        last_added=Max("added_sequence"),
        last_old_id=Max(
            "pk", filter=Q(added_sequence__lt=F("recipient__live_inbox__first_sequence"))
        ),
    )
    return {row.pop("recipient_id"): row for row in found}


def _aggregates_of_events(users: Sequence[Any]) -> dict[Any, dict[str, Any]]:
    rows = database.queryset(InboxEvent).filter(inbox__in=users)
    query = rows.order_by().values("inbox_id")
    below = Q(sequence__lt=F("inbox__first_sequence"))
    above = Q(sequence__gt=F("inbox__last_sequence"))
    is_first = Q(sequence=F("inbox__first_sequence"))
    added = F("fingerprint") - F("previous_fingerprint")
    found: Iterable[Any] = query.annotate(
        events=Count("pk", filter=~below & ~above),
        events_below=Count("pk", filter=below),
        events_above=Count("pk", filter=above),
        last_event=Max("sequence"),
        fingerprints_before=Max("previous_fingerprint", filter=is_first),
        fingerprints_added=Sum(added, filter=~below & ~above),
        least_fingerprint=Min("fingerprint", filter=~below & ~above),
        first_added_id=Min("notification_id", filter=Q(kind=Kind.ADDED) & ~below),
    )
    return {row.pop("inbox_id"): row for row in found}


def _compare(user_id: Any, inbox: Inbox | None, rows: _Rows) -> list[Finding]:
    if inbox is None:
        facts = [(Flaw.NO_INBOX, 1 if rows.in_all_folders else 0, 0)]
    else:
        log = inbox.last_sequence - inbox.first_sequence + 1
        is_whole = rows.events == log and not rows.events_above
        end = rows.last_fingerprint if is_whole else None
        facts = [
            (Flaw.UNREAD_COUNT, rows.unread, inbox.unread_count),
            (Flaw.TOTAL_COUNT, rows.notifications, inbox.total_count),
            (Flaw.UNSEEN_COUNT, rows.unseen, inbox.unseen_count),
            (Flaw.ARCHIVED_COUNT, rows.archived, inbox.archived_count),
            (Flaw.SNOOZED_COUNT, rows.snoozed, inbox.snoozed_count),
            (Flaw.LOG_HOLES, log, rows.events),
            (Flaw.LOG_BELOW_FIRST, 0, rows.events_below),
            (Flaw.LOG_ABOVE_LAST, 0, rows.events_above),
            (Flaw.ADDED_SEQUENCE, min(rows.last_added, inbox.last_sequence), rows.last_added),
            (Flaw.NOT_AS_ADDED, 0, rows.not_as_added),
            (Flaw.NOT_REMOVED, 0, rows.not_removed),
            (Flaw.REMOVED, 0, rows.removed),
            (Flaw.NOT_ERASED, 0, rows.not_erased),
            (Flaw.READ_STATE, 0, rows.read_state),
            (Flaw.FOLDERS, 0, rows.folders),
            (Flaw.ID_ORDER, *rows.misplaced_id),
            (Flaw.FINGERPRINTS, inbox.fingerprint if end is None else end, inbox.fingerprint),
        ]
    return [
        Finding(str(user_id), kind, expected, found)
        for kind, expected, found in facts
        if expected != found
    ]


# -- repairing -------------------------------------------------------------------------------------------


@database.transactional
def _settle(user_id: Any, *, fix: bool) -> list[Finding]:
    """Compare again under the inbox's lock; return the problems, corrected with `fix`."""
    inbox = lock(user_id)
    if inbox is None:
        return _settle_lost(user_id, fix=fix)
    rows = _rows([user_id])[user_id]
    findings = _compare(user_id, inbox, rows)
    if fix and findings:
        _repair(inbox, rows, harmless={finding.kind for finding in findings} <= HARMLESS)
    return findings


def _settle_lost(user_id: Any, *, fix: bool) -> list[Finding]:
    """Check again whether the inbox is missing, and create it with `fix`."""
    # One statement, which sees the first notification of an inbox together with the inbox, or neither.
    notifications = database.queryset(Notification)
    lost = notifications.filter(recipient=user_id, recipient__live_inbox__isnull=True)
    if not lost.exists():
        return []
    if fix:
        inboxes = database.queryset(Inbox)
        inboxes.bulk_create([Inbox(user_id=user_id)], ignore_conflicts=True)
        inbox = lock(user_id)
        if inbox is not None:
            _repair(inbox, _rows([user_id])[user_id], harmless=False)
    return [Finding(str(user_id), Flaw.NO_INBOX, expected=1, found=0)]


def _repair(inbox: Inbox, rows: _Rows, *, harmless: bool) -> None:
    """Correct a locked inbox from its rows."""
    log = database.queryset(InboxEvent).filter(inbox=inbox)
    if harmless:
        log.filter(sequence__lt=inbox.first_sequence).delete()
        erase(log_comparison.not_erased(inbox.pk))
        return
    log.delete()
    inbox.epoch = new_epoch()
    # Beyond every sequence in any table, so that none is used twice.
    inbox.last_sequence = max(inbox.last_sequence, rows.last_event, rows.last_added)
    inbox.first_sequence = inbox.last_sequence + 1
    inbox.fingerprint = new_fingerprint()
    inbox.unread_count = rows.unread
    inbox.total_count = rows.notifications
    inbox.unseen_count = rows.unseen
    inbox.archived_count = rows.archived
    inbox.snoozed_count = rows.snoozed
    inbox.save(using=database.alias())
