"""A device that applies events, and whose state is compared with the database."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.auth.models import User

from live_inbox.events import Event, Kind
from live_inbox.models import Inbox
from tests.domain.replica import Replica, log_of


class Device:
    """An open device of a user."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._replica = Replica.read(user.pk)

    def receive(self) -> list[Event]:
        """Apply the events since the last call, compare the state with the database, and return the events."""
        events = log_of(self._user.pk, after=self._replica.position.sequence)
        self._replica.apply_all(events)
        assert self._replica == Replica.read(self._user.pk)
        return events

    def receive_kinds(self) -> list[Kind]:
        """Do the same, and return the kinds of the events."""
        return [event.kind for event in self.receive()]


def inbox_row(user: User) -> Mapping[str, object] | None:
    """Return the whole row of an inbox, to check that it is unchanged."""
    return Inbox.objects.filter(pk=user.pk).values().first()
