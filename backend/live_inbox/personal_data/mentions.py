"""What is stored of a user among the notifications, the log and the sends of others.

The notifications stay, for they are their recipients' own. They lose their sender, and the actors and the target that
are the user, with an event for the devices. Their events in the log lose the same in that transaction, and keep their
sequences and fingerprints, so positions stay valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import orjson
from django.db.models import Q, QuerySet

from live_inbox import database
from live_inbox.events import Kind
from live_inbox.models import (
    MAY_REPEAT_CONTENT,
    InboxEvent,
    Notification,
    ScheduledSend,
    UndoStep,
)
from live_inbox.personal_data.scanning import candidates, paged
from live_inbox.personal_data.subject import DataSubject
from live_inbox.services.changing import save_fields
from live_inbox.services.counting import NONE
from live_inbox.services.event_recording import event_of, record
from live_inbox.services.inbox_rows import advance, lock_all, save_all
from live_inbox.services.removing import can_lose, remove, rows_in_locked_inboxes
from live_inbox.snapshots import snapshot
from live_inbox.sql_rows import table_of

T = TypeVar("T")

BATCH = 100
"""Notifications, or events, that one transaction changes. Their inboxes are locked meanwhile."""

_SAVED = ("sender", "idempotency_key", "given_digest", "actor", "target", "group_actors")


def sent_by(subject: DataSubject) -> QuerySet[Notification]:
    """Return what the subject has sent to others."""
    sent = database.queryset(Notification).filter(sender=subject.key)
    return sent.exclude(recipient=subject.key)


def naming(subject: DataSubject) -> Iterator[Notification]:
    """Yield the notifications of others that name the subject as an actor or as their target."""
    columns = ("actor", "target", "group_actors")
    for row in candidates(Notification, subject, columns):
        if row.recipient_id != subject.key and subject.without_mentions(_parts_of(row)):
            yield row


def events_naming(subject: DataSubject) -> Iterator[InboxEvent]:
    """Yield the events in the logs of others that name the subject."""
    for event in candidates(InboxEvent, subject, ("payload",)):
        if event.inbox_id != subject.key and _shown_without(subject, event) is not None:
            yield event


def undo_steps_naming(subject: DataSubject) -> Iterator[UndoStep]:
    """Yield what others may still undo that has a deleted notification which names the subject."""
    # They are few, because they live for seconds, and large.
    for step in paged(database.queryset(UndoStep).exclude(inbox=subject.key), size=5):
        if _names_in_undo(subject, step):
            yield step


def scheduled_naming(subject: DataSubject) -> Iterator[ScheduledSend]:
    """Yield what is scheduled by others for others and names the subject."""
    for row in candidates(ScheduledSend, subject, ("content",)):
        is_own = subject.key in (row.recipient_id, row.sender_id)
        if not is_own and subject.without_mentions(row.content):
            yield row


def forget_sent(subject: DataSubject) -> Iterator[int]:
    """Take the subject from what they have sent; yield how many notifications each transaction has changed."""
    return _in_batches(paged(sent_by(subject)), lambda rows: _anonymize(subject, rows))


def forget_named(subject: DataSubject) -> Iterator[int]:
    """Take the subject from the notifications that name them, likewise."""
    return _in_batches(naming(subject), lambda rows: _anonymize(subject, rows))


def delete_sent(subject: DataSubject) -> Iterator[int]:
    """Delete what the subject has sent, as a recall does; yield how many notifications each transaction has deleted."""
    return _in_batches(paged(sent_by(subject)), lambda rows: _recall(subject, rows))


def forget_in_log(subject: DataSubject) -> Iterator[int]:
    """Take the subject from the events of others, also of notifications that name nobody any more."""
    return _in_batches(events_naming(subject), lambda events: _forget_events(subject, events))


def forget_in_undo_steps(subject: DataSubject) -> Iterator[int]:
    """Delete what others can undo and names the subject: such a deletion is final then."""

    def forget(steps: Sequence[UndoStep]) -> int:
        keys = [step.pk for step in steps]
        return database.queryset(UndoStep).filter(pk__in=keys).delete()[0]

    return _in_batches(undo_steps_naming(subject), forget)


def forget_in_scheduled(subject: DataSubject) -> Iterator[int]:
    """Take the subject from what is scheduled by others for others."""
    return _in_batches(scheduled_naming(subject), lambda rows: _forget_scheduled(subject, rows))


def _in_batches(rows: Iterable[T], change: Callable[[Sequence[T]], int]) -> Iterator[int]:
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield change(batch)


@database.transactional
def _anonymize(subject: DataSubject, found: Sequence[Notification]) -> int:
    inboxes = lock_all({row.recipient_id for row in found})
    # Read again under the lock: others may have changed or deleted them.
    rows = database.queryset(Notification).filter(
        pk__in=[row.pk for row in found], recipient__in=list(inboxes)
    )
    changed, events = [], []
    for row in rows.select_related("sender").order_by("recipient_id", "pk"):
        left = subject.without_mentions(_parts_of(row))
        if not left:
            continue
        if "sender" in left:
            # Keys are unique for each sender, and may say whose they are.
            left |= {"idempotency_key": None, "given_digest": None}
        for name, value in left.items():
            setattr(row, name, value)
        numbered = advance(inboxes[row.recipient_id], NONE)
        events.append(
            event_of(
                Kind.EDITED,
                numbered,
                None,
                notification=snapshot(row),
                notification_id=row.pk,
            )
        )
        changed.append(row)
    if changed:
        save_all(inboxes.values())
        save_fields(_SAVED, changed)
        _write_without(subject, _events_of(changed))
        record(events)
    return len(changed)


@database.transactional
def _recall(subject: DataSubject, found: Sequence[Notification]) -> int:
    inboxes = lock_all({row.recipient_id for row in found})
    ids = [row.pk for row in found]
    of_inbox = rows_in_locked_inboxes(ids, list(inboxes), sender=subject.key)
    # An inbox with wrong counts is left alone, as a recall leaves it.
    free = [user for user, own in of_inbox.items() if can_lose(inboxes[user], own)]
    rows = [row for user in free for row in of_inbox[user]]
    if rows:
        record(remove(inboxes, rows, Kind.RECALLED, None))
    return len(rows)


@database.transactional
def _forget_events(subject: DataSubject, found: Sequence[InboxEvent]) -> int:
    lock_all({event.inbox_id for event in found})
    events = database.queryset(InboxEvent).filter(pk__in=[event.pk for event in found])
    return _write_without(subject, events)


def _events_of(rows: Sequence[Notification]) -> QuerySet[InboxEvent]:
    """Return the events with the content of notifications, which the indexes find: see `services.erasing`."""
    ids = [row.pk for row in rows]
    users = [row.recipient_id for row in rows]
    about = Q(inbox__in=users, notification_id__in=ids) & MAY_REPEAT_CONTENT
    for row in rows:
        about |= Q(inbox=row.recipient_id, sequence=row.added_sequence)
    return database.queryset(InboxEvent).filter(about)


def _write_without(subject: DataSubject, events: QuerySet[InboxEvent]) -> int:
    """Take the subject from the payloads of events whose inboxes are locked; return of how many."""
    connection = database.connection()
    payload: Any = InboxEvent._meta.get_field("payload")
    rows = []
    for event in events.order_by("pk"):
        shown = _shown_without(subject, event)
        if shown is not None:
            left = {**event.payload, "notification": shown}
            rows.append([payload.get_db_prep_save(left, connection), event.pk])
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table_of(connection, InboxEvent)} SET payload = %s WHERE id = %s", rows
        )
    return len(rows)


@database.transactional
def _forget_scheduled(subject: DataSubject, found: Sequence[ScheduledSend]) -> int:
    rows = database.queryset(ScheduledSend).select_for_update(skip_locked=True)
    count = 0
    for row in rows.filter(pk__in=[each.pk for each in found]).order_by("pk"):
        left = subject.without_mentions(row.content)
        if left:
            row.content = {**row.content, **left}
            row.save(update_fields=["content"], using=database.alias())
            count += 1
    return count


def _parts_of(row: Notification) -> Mapping[str, Any]:
    return {
        "sender": None if row.sender_id is None else {"id": row.sender_id},
        "actor": row.actor,
        "target": row.target,
        "group_actors": row.group_actors,
    }


def _shown_without(subject: DataSubject, event: InboxEvent) -> dict[str, Any] | None:
    """Return the notification of an event without the subject; None if it does not name them."""
    shown = event.payload.get("notification")
    left = {} if shown is None else subject.without_mentions(shown)
    return {**shown, **left} if left else None


def _names_in_undo(subject: DataSubject, step: UndoStep) -> bool:
    """Whether what a step keeps of deleted notifications names the subject. Of other changes, it has numbers alone."""
    rows = [row for row in orjson.loads(step.content) if isinstance(row, dict)]
    return any(
        subject.is_key(row.get("sender_id")) or subject.without_mentions(row) for row in rows
    )
