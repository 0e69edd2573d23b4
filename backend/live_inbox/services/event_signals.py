"""Sends the Django signals of recorded events. Without receivers it costs a look at a list for each call."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth import get_user_model
from django.dispatch import Signal

from live_inbox import signals
from live_inbox.events import Event, Kind
from live_inbox.models import Notification


def has_receivers(events: Sequence[Event]) -> bool:
    """Whether anybody receives a signal of any of these events."""
    kinds = {event.kind for event in events}
    return any(signal.has_listeners(Notification) for kind in kinds for signal in _signals_of(kind))


def send_signals(events: Sequence[Event]) -> None:
    """Send the signals of committed events, in their order; those of a bulk send together first.

    A receiver that raises an exception is logged by Django, and the next one is called.
    """
    added = [event for event in events if event.kind is Kind.ADDED]
    if added:
        signals.notifications_sent.send_robust(Notification, events=added)
    to_python = get_user_model()._meta.pk.to_python
    for event in events:
        _signal_of(event.kind).send_robust(
            Notification,
            event=event,
            user_id=to_python(event.inbox),
            notification=event.notification,
        )


def _signals_of(kind: Kind) -> tuple[Signal, ...]:
    own = _signal_of(kind)
    return (own, signals.notifications_sent) if kind is Kind.ADDED else (own,)


def _signal_of(kind: Kind) -> Signal:
    match kind:
        case Kind.ADDED:
            return signals.notification_sent
        case Kind.READ:
            return signals.notification_read
        case Kind.UNREAD:
            return signals.notification_unread
        case Kind.ALL_READ:
            return signals.all_notifications_read
        case Kind.DELETED:
            return signals.notification_deleted
        case Kind.EXPIRED:
            return signals.notification_expired
        case Kind.RECALLED:
            return signals.notification_recalled
        case Kind.ARCHIVED:
            return signals.notification_archived
        case Kind.UNARCHIVED:
            return signals.notification_unarchived
        case Kind.SNOOZED:
            return signals.notification_snoozed
        case Kind.RETURNED:
            return signals.notification_returned
        case Kind.PINNED:
            return signals.notification_pinned
        case Kind.UNPINNED:
            return signals.notification_unpinned
        case Kind.ACTION:
            return signals.notification_action_performed
        case Kind.EDITED:
            return signals.notification_edited
        case Kind.SEEN:
            return signals.notifications_seen
        case Kind.GROUPED:
            return signals.notification_grouped
        case Kind.UNGROUPED:
            return signals.notification_ungrouped
        case Kind.RESTORED:
            return signals.notification_restored
        case Kind.MANY_READ | Kind.MANY_ARCHIVED | Kind.MANY_DELETED:
            return signals.notifications_changed
        case Kind.OTHER_CHANGE | Kind.OTHER:
            raise ValueError(f"{kind} is what events of a newer version are read as")
