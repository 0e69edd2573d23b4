"""The rows of inboxes: their locks, their next sequences and their counts.

An event takes its sequence from its inbox's row, in the transaction of the change, and the row stays locked until that
transaction ends. So within an inbox, commits are in the order of sequences, and there are no holes: a reader that has
seen 7 and sees 9 knows that 8 exists. (A serial column or a timestamp cannot promise that: two transactions take 8 and
9, the second commits first, and a reader at 9 never sees 8.)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import F, QuerySet
from django.utils import timezone

from live_inbox import database
from live_inbox.composed_queries import fetch
from live_inbox.delivery.position import FINGERPRINTS
from live_inbox.errors import NotFound
from live_inbox.models import (
    Inbox,
    Notification,
    NotificationPreference,
    new_epoch,
    new_fingerprint,
)
from live_inbox.notification_channels import IN_APP
from live_inbox.services.counting import Counts
from live_inbox.sql_rows import key_type, key_value, rows_of, table_of
from live_inbox.storable import is_storable_integer

_CHOSEN = (
    f"EXISTS (SELECT 1 FROM {NotificationPreference._meta.db_table} AS preference"
    " WHERE preference.user_id = given.user_id AND preference.type = %s"
    f" AND preference.channel = '{IN_APP}' AND"
)
_NOT_OFF = f"NOT {_CHOSEN} NOT preference.enabled)"
_ON = f"{_CHOSEN} preference.enabled)"


def wanted_by_user(type: str | None, *, is_on: bool) -> tuple[str, list[str]]:
    """Return the condition that the user of a row `given` wants a type in the inbox, and its parameters.

    Those who have chosen nothing want it if `is_on`. Everybody wants None: what cannot be turned off.
    """
    if type is None:
        return "TRUE", []
    return _NOT_OFF if is_on else _ON, [type]


@dataclass(frozen=True, slots=True)
class SequencedInbox:
    """An inbox right after its next sequence has been taken."""

    user_id: Any
    epoch: str
    sequence: int
    unread_count: int
    total_count: int
    at: datetime
    """The database's time at that moment, or when the row was locked."""
    fingerprint: int = 0
    previous_fingerprint: int = 0
    unseen_count: int = 0
    stored_count: int = 0
    """Its notifications in all folders."""


NEW_INBOX_COLUMNS = (
    "(user_id, epoch, last_sequence, first_sequence, unread_count, total_count, unseen_count,"
    " archived_count, snoozed_count, seen_through, fingerprint)"
)
NEW_INBOX_COUNTS = "1, 1, 1, 1, 1, 0, 0, 0"
"""What the columns between the epoch and the fingerprint are in an inbox with one notification, which is new."""


def or_one_more(table: str) -> str:
    """Return the clause that counts one more new notification in an inbox that is there already."""
    return (
        " ON CONFLICT (user_id) DO UPDATE SET"
        f" last_sequence = {table}.last_sequence + 1,"
        f" unread_count = {table}.unread_count + 1,"
        f" total_count = {table}.total_count + 1,"
        f" unseen_count = {table}.unseen_count + 1,"
        f" fingerprint = ({table}.fingerprint + excluded.fingerprint) %% {FINGERPRINTS}"
    )


def allocate_sequences(
    user_ids: Collection[Any], *, if_wanted: str | None = None, is_on: bool = True
) -> list[SequencedInbox]:
    """Take the next sequence of each inbox for one new, unread notification; create missing inboxes.

    With a type, skips the inboxes of users who have turned it off; without `is_on`, also of those who have chosen
    nothing. One statement for all inboxes. The rows are locked in the order of the users, as everywhere, so bulk sends
    that overlap wait for each other and do not deadlock.
    """
    connection = database.connection()
    table = table_of(connection, Inbox)
    given, document = rows_of(
        connection,
        {"place": "integer", "user_id": key_type(connection), "epoch": "text"},
        (
            (place, key_value(connection, user_id), new_epoch())
            for place, user_id in enumerate(sorted(user_ids))
        ),
    )
    # SQLite needs the condition to tell ON CONFLICT from a join.
    wanted, of_type = wanted_by_user(if_wanted, is_on=is_on)
    added = new_fingerprint()
    time = ", clock_timestamp()" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} {NEW_INBOX_COLUMNS} SELECT user_id, epoch, {NEW_INBOX_COUNTS}, {added}"
            f" FROM {given} WHERE {wanted} ORDER BY place{or_one_more(table)}"
            " RETURNING user_id, epoch, last_sequence, unread_count, total_count, fingerprint, unseen_count,"
            f" total_count + archived_count + snoozed_count{time}",
            [document, *of_type],
        )
        found = cursor.fetchall()
    own_time = timezone.now()
    to_python = get_user_model()._meta.pk.to_python
    numbered = [
        SequencedInbox(
            to_python(user_id),
            epoch,
            sequence,
            unread_count,
            total_count,
            at[0] if at else own_time,
            fingerprint,
            (fingerprint - added) % FINGERPRINTS,
            unseen_count,
            stored_count,
        )
        for user_id, epoch, sequence, unread_count, total_count, fingerprint, unseen_count, stored_count, *at in found
    ]
    return sorted(numbered, key=lambda n: n.user_id)


def lock(user_id: Any) -> Inbox | None:
    """Return the inbox, locked until the transaction ends; None if it does not exist yet."""

    def locking() -> QuerySet[Inbox]:
        return _timed(database.queryset(Inbox).select_for_update(no_key=True)).filter(pk=user_id)

    found = fetch("locked inbox", locking, [key_value(database.connection(), user_id)])
    return found[0] if found else None


def _timed(inboxes: QuerySet[Inbox]) -> QuerySet[Inbox]:
    if database.connection().vendor != "postgresql":
        return inboxes
    # To the type checker it is an attribute of the model already.
    time: dict[str, Any] = {"locked_at": database.ClockTimestamp()}
    return inboxes.annotate(**time)


def moment_of(inbox: Inbox) -> datetime:
    """Return the database's time when a locked inbox was locked: that of a change of it."""
    return inbox.locked_at or timezone.now()


def lock_with_notification(user_id: Any, notification_id: int) -> tuple[Inbox, Notification]:
    """Lock an inbox and load one of its notifications; raise NotFound if it has none with this id."""
    if database.connection().vendor == "sqlite":
        # The transaction has locked everything when it began.
        return read_with_notification(user_id, notification_id)
    inbox = lock(user_id)
    if inbox is not None and is_storable_integer(notification_id):
        values = [key_value(database.connection(), user_id), notification_id]
        loading = partial(_own, user_id, notification_id)
        for notification in fetch("notification with sender", loading, values):
            return inbox, notification
    raise NotFound("You have no such notification.")


def read_with_notification(user_id: Any, notification_id: int) -> tuple[Inbox, Notification]:
    """Load an inbox and one of its notifications by one statement, without a lock; raise NotFound likewise."""
    if is_storable_integer(notification_id):

        def loading() -> QuerySet[Notification]:
            columns = {f"inbox_{name}": F(f"recipient__live_inbox__{name}") for name in _COLUMNS}
            found = _own(user_id, notification_id).annotate(**columns)
            return found.filter(recipient__live_inbox__isnull=False)

        values = [key_value(database.connection(), user_id), notification_id]
        for notification in fetch("notification with sender and inbox", loading, values):
            row = [getattr(notification, f"inbox_{name}") for name in _COLUMNS]
            return Inbox.from_db(database.alias(), _COLUMNS, row), notification
    raise NotFound("You have no such notification.")


_COLUMNS = [field.attname for field in Inbox._meta.concrete_fields]


def _own(user_id: Any, notification_id: int) -> QuerySet[Notification]:
    query = database.queryset(Notification).select_related("sender").order_by()
    return query.filter(recipient=user_id, pk=notification_id)


def lock_all(user_ids: Collection[Any]) -> dict[Any, Inbox]:
    """Return those of the inboxes that exist, locked until the transaction ends. Waits; in the order of the users."""
    inboxes = _timed(database.queryset(Inbox).select_for_update(no_key=True))
    return {inbox.pk: inbox for inbox in inboxes.filter(pk__in=user_ids).order_by("pk")}


def lock_skip_locked(user_ids: Collection[Any]) -> dict[Any, Inbox]:
    """Return those of the inboxes that are not locked by others, locked until the transaction ends.

    For work that can be done later: it never waits. Locks in the order of the users, too. On SQLite, a transaction
    locks everything when it begins.
    """
    free = _timed(database.queryset(Inbox).select_for_update(no_key=True, skip_locked=True))
    return {inbox.pk: inbox for inbox in free.filter(pk__in=user_ids).order_by("pk")}


def lock_free(user_ids: Collection[Any]) -> set[Any]:
    """Lock the inboxes that nobody else has locked until the transaction ends; return the users of the others.

    Inboxes that do not exist are left out. For many at a time: who waits for one lock would hold all the others
    meanwhile. On SQLite, a transaction locks everything when it begins.
    """
    if database.connection().vendor != "postgresql":
        return set()
    inboxes = database.queryset(Inbox).filter(pk__in=user_ids)
    skipping = inboxes.select_for_update(no_key=True, skip_locked=True).order_by("pk")
    free = set(skipping.values_list("pk", flat=True))
    if len(free) == len(user_ids):
        return set()
    return set(inboxes.values_list("pk", flat=True)) - free


def allocate_sequence(inbox: Inbox, change: Counts) -> SequencedInbox:
    """Take the next sequence of a locked inbox for one change, and add to its counts."""
    numbered = advance(inbox, change)
    save_all([inbox])
    return numbered


def advance(inbox: Inbox, change: Counts) -> SequencedInbox:
    """Do the same without saving: for several changes, after which the inbox must be saved."""
    previous = inbox.fingerprint
    inbox.last_sequence += 1
    inbox.fingerprint = (previous + new_fingerprint()) % FINGERPRINTS
    inbox.unread_count += change.unread
    inbox.total_count += change.total
    inbox.unseen_count += change.unseen
    inbox.archived_count += change.archived
    inbox.snoozed_count += change.snoozed
    return SequencedInbox(
        inbox.pk,
        inbox.epoch,
        inbox.last_sequence,
        inbox.unread_count,
        inbox.total_count,
        moment_of(inbox),
        inbox.fingerprint,
        previous,
        inbox.unseen_count,
        inbox.stored_count,
    )


def save_all(inboxes: Collection[Inbox]) -> None:
    """Save the sequences and counts of locked inboxes, in statements that are sent together."""
    connection = database.connection()
    rows = [
        (
            inbox.last_sequence,
            inbox.unread_count,
            inbox.total_count,
            inbox.unseen_count,
            inbox.archived_count,
            inbox.snoozed_count,
            inbox.seen_through,
            inbox.fingerprint,
            key_value(connection, inbox.pk),
        )
        for inbox in inboxes
    ]
    with connection.cursor() as cursor:
        # Building Django's bulk_update takes longer than executing all of these.
        cursor.executemany(
            f"UPDATE {table_of(connection, Inbox)} SET last_sequence = %s, unread_count = %s, total_count = %s,"
            " unseen_count = %s, archived_count = %s, snoozed_count = %s, seen_through = %s,"
            " fingerprint = %s WHERE user_id = %s",
            rows,
        )
