"""A device that applies events, and whose state is compared with the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User

from live_inbox import selectors, services
from live_inbox.delivery.log import LogRange
from live_inbox.events import Event, Kind, Snapshot
from live_inbox.models import Inbox, Notification


@dataclass(frozen=True)
class Screen:
    """The state of an inbox on a device."""

    notifications: dict[int, Snapshot]
    unread_count: int
    total_count: int


def truth(user: User) -> Screen:
    """Return the state of the inbox from the rows of the database."""
    rows = Notification.objects.select_related("sender").filter(recipient=user)
    shown = {row.pk: services.snapshot(row) for row in rows}
    unread = sum(not snapshot.read for snapshot in shown.values())
    return Screen(shown, unread, len(shown))


class Device:
    """An open device of a user."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._position = selectors.inbox_state(user_id=user.pk).position
        self._screen = truth(user)

    def receive(self) -> list[Event]:
        """Apply the events since the last call, compare the state with the database, and return the events."""
        place = LogRange(str(self._user.pk), self._position.sequence)
        (events,) = selectors.events([place], limit=10_000)
        for event in events:
            self._screen = _after(self._screen, event)
            self._position = event.position
        assert self._screen == truth(self._user)
        state = selectors.inbox_state(user_id=self._user.pk)
        assert (state.unread_count, state.total_count) == (
            self._screen.unread_count,
            self._screen.total_count,
        )
        assert state.position == self._position
        return events

    def receive_kinds(self) -> list[Kind]:
        """Do the same, and return the kinds of the events."""
        return [event.kind for event in self.receive()]


def inbox_row(user: User) -> Mapping[str, object] | None:
    """Return the whole row of an inbox, to check that it is unchanged."""
    return Inbox.objects.filter(pk=user.pk).values().first()


def _after(screen: Screen, event: Event) -> Screen:
    shown = dict(screen.notifications)
    for removed in event.removes:
        del shown[removed]
    if event.notification is not None:
        shown[event.notification.id] = event.notification
    elif event.through_rank is not None:
        for row in Notification.objects.filter(pk__in=shown, pk__lte=event.through_rank):
            shown[row.pk] = services.snapshot(row)
    return Screen(shown, event.unread_count, event.total_count)
