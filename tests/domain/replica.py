"""A client's model of an inbox: a list that was read once, and every event since applied to it.

With it, each service is held to one sentence: state before + events emitted = state read anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from msgspec.structs import replace

from live_inbox import selectors
from live_inbox.delivery.log import LogRange
from live_inbox.delivery.position import Position
from live_inbox.events import Event, Kind, Snapshot

PAGE = 100


@dataclass
class Replica:
    """What a client knows of an inbox."""

    position: Position
    unread_count: int
    total_count: int
    notifications: dict[int, Snapshot]

    @classmethod
    def read(cls, user_id: Any) -> Self:
        """Read the inbox as a client does that knows nothing: page after page."""
        page = selectors.page(user_id=user_id, limit=PAGE)
        found = list(page.notifications)
        state = page.inbox
        while page.has_older:
            page = selectors.page(user_id=user_id, limit=PAGE, older_than=found[-1].id)
            assert page.inbox == state
            found += page.notifications
        snapshots = {snapshot.id: snapshot for snapshot in found}
        return cls(state.position, state.unread_count, state.total_count, snapshots)

    def apply(self, event: Event) -> None:
        """Do what an event says, and fail if it does not fit what is known."""
        assert event.sequence == self.position.sequence + 1
        assert self.position.is_origin or event.epoch == self.position.epoch
        change = {
            Kind.ADDED: self._add,
            Kind.READ: self._mark,
            Kind.UNREAD: self._mark,
            Kind.DELETED: self._delete,
            Kind.EXPIRED: self._expire,
            Kind.ALL_READ: self._mark_all,
        }[event.kind]
        change(event)
        self.position = event.position
        self.unread_count = event.unread_count
        self.total_count = event.total_count
        self.check()

    def apply_all(self, events: Iterable[Event]) -> None:
        """Do what events say, one after the other."""
        for event in events:
            self.apply(event)

    def check(self) -> None:
        """Fail if the counts are not those of the notifications."""
        assert self.total_count == len(self.notifications)
        assert self.unread_count == sum(not each.read for each in self.notifications.values())

    def _add(self, event: Event) -> None:
        snapshot = _erased(event, None) if event.is_erased else _snapshot_of(event)
        assert snapshot.id > max(self.notifications, default=0), "the newest has the highest id"
        self.notifications[snapshot.id] = snapshot

    def _mark(self, event: Event) -> None:
        assert event.notification_id is not None
        before = self.notifications[event.notification_id]
        read_at = event.occurred_at if event.kind is Kind.READ else None
        if event.is_erased:
            self.notifications[before.id] = _erased(event, read_at)
            return
        snapshot = _snapshot_of(event)
        assert snapshot.read is (event.kind is Kind.READ)
        assert before.read is not snapshot.read
        assert replace(before, read_at=snapshot.read_at) == snapshot
        self.notifications[snapshot.id] = snapshot

    def _delete(self, event: Event) -> None:
        assert event.notification_id is not None
        assert event.notification is None
        assert self.notifications.pop(event.notification_id).type == event.notification_type

    def _expire(self, event: Event) -> None:
        assert event.notification_id is not None
        expired = self.notifications[event.notification_id]
        if expired.title:
            assert expired.expires_at is not None
            assert expired.expires_at <= event.occurred_at
        self._delete(event)

    def _mark_all(self, event: Event) -> None:
        assert event.through_id is not None
        became_read = [
            each
            for each in self.notifications.values()
            if each.id <= event.through_id and not each.read
        ]
        assert len(became_read) == event.count > 0
        for each in became_read:
            self.notifications[each.id] = replace(each, read_at=event.occurred_at)


def _erased(event: Event, read_at: datetime | None) -> Snapshot:
    """Return what is known of a notification that is deleted by a later event."""
    assert event.notification is None
    assert event.notification_id is not None
    assert event.notification_type is not None
    number, type = event.notification_id, event.notification_type
    return Snapshot(number, type, "", "", "", {}, event.occurred_at, read_at, None)


def _snapshot_of(event: Event) -> Snapshot:
    assert event.notification is not None
    assert event.notification_id == event.notification.id
    assert event.notification_type == event.notification.type
    return event.notification


def log_of(user_id: Any, *, after: int = 0) -> list[Event]:
    """Return the log as the hub reads it."""
    found: list[Event] = []
    while page := selectors.events([LogRange(str(user_id), after)], limit=PAGE)[0]:
        found += page
        after = page[-1].sequence
    return found
