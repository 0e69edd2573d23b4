"""What was sent, read from the log: so a savepoint that is rolled back takes what was sent in it away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import msgspec
from django.contrib.auth import get_user_model
from django.db.models import Max, QuerySet

from live_inbox import database
from live_inbox.events import Kind, Snapshot
from live_inbox.models import InboxEvent
from live_inbox.services.users import user_key


@dataclass(frozen=True, slots=True)
class SentNotification:
    """A notification as it was sent. `notification` has all of its fields, the properties the usual ones."""

    recipient: Any
    """The user."""
    notification: Snapshot

    @property
    def type(self) -> str:
        """Its type."""
        return self.notification.type

    @property
    def title(self) -> str:
        """Its title."""
        return self.notification.title

    @property
    def message(self) -> str:
        """Its message."""
        return self.notification.message

    @property
    def link(self) -> str:
        """Its link."""
        return self.notification.link

    @property
    def data(self) -> dict[str, Any]:
        """Its data."""
        return self.notification.data

    def has(self, **content: Any) -> bool:
        """Whether its fields have these values. `sender` is a user, a user's key, or None."""
        return all(_value(self.notification, name, value) for name, value in content.items())


class SentNotifications(Sequence[SentNotification]):
    """The notifications that were sent since this object was made, in their order. Each use reads them anew.

    It has those of every way to send, and of other processes. Those that are deleted later, or expire, go: nothing
    keeps their content.
    """

    def __init__(self) -> None:
        self._after = 0
        self.clear()

    def clear(self) -> None:
        """Forget what was sent until now."""
        newest = database.queryset(InboxEvent).aggregate(newest=Max("pk"))["newest"]
        self._after = newest or 0

    def to(self, user: Any) -> list[SentNotification]:
        """Return those to one user, given as a user or as a primary key."""
        return self._read(self._events().filter(inbox=key_of(user)))

    @property
    def titles(self) -> list[str]:
        """Their titles."""
        return [each.title for each in self]

    def __len__(self) -> int:
        return self._events().count()

    def __iter__(self) -> Iterator[SentNotification]:
        return iter(self._read(self._events()))

    @overload
    def __getitem__(self, index: int) -> SentNotification: ...
    @overload
    def __getitem__(self, index: slice) -> list[SentNotification]: ...
    def __getitem__(self, index: int | slice) -> SentNotification | list[SentNotification]:
        return list(self)[index]

    def __repr__(self) -> str:
        return repr(list(self))

    def _events(self) -> QuerySet[InboxEvent]:
        return (
            database.queryset(InboxEvent)
            .filter(pk__gt=self._after, kind=Kind.ADDED, payload__has_key="notification")
            .order_by("pk")
        )

    def _read(self, events: QuerySet[InboxEvent]) -> list[SentNotification]:
        rows = list(events)
        users = (
            get_user_model()
            ._base_manager.using(database.alias())
            .in_bulk({row.inbox_id for row in rows})
        )
        return [
            SentNotification(
                recipient=users[row.inbox_id],
                notification=msgspec.convert(row.payload["notification"], Snapshot),
            )
            for row in rows
        ]


def key_of(user: Any) -> Any:
    """Return the primary key of a user, from the user, the key or its text. Raises InvalidInput for others."""
    return user_key(user, field="user")


def _value(notification: Snapshot, name: str, value: Any) -> bool:
    if name != "sender":
        return bool(getattr(notification, name) == value)
    sender = notification.sender
    return (sender and sender.id) == (None if value is None else str(key_of(value)))
