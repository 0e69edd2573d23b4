"""Advances: the positions that a subscription limited by types is sent beside its events.

Events of other types are left out, so the client's position stays where it was. If it stayed for long, the log would be
pruned past it, and the client would be reset although it was connected all the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from live_inbox.delivery.position import Position
from live_inbox.events import Event, Reset

ADVANCE_SECONDS = 30.0
"""The longest that a subscription's position stays behind events that were left out."""

ADVANCE_EVENTS = 100
"""The number of events left out in succession after which the position is sent at once."""


class Advance(Struct, frozen=True, gc=False):
    """The state of an inbox after events that a subscription left out."""

    position: Position
    unread_count: int
    unseen_count: int
    occurred_at: datetime


class Advances:
    """When one subscription is due an Advance. Holds the last event that was left out, and no timer.

    Moments are seconds of any clock.
    """

    __slots__ = ("_count", "_last", "_sent_at", "_types")

    def __init__(self, types: frozenset[str], now: float) -> None:
        self._types = types
        self._sent_at = now
        self._count = 0
        self._last: Event | None = None

    @property
    def due_at(self) -> float | None:
        """When an Advance is due; None if nothing was left out since something was sent."""
        if self._last is None:
            return None
        if self._count >= ADVANCE_EVENTS:
            return self._sent_at
        return self._sent_at + ADVANCE_SECONDS

    def pass_over(self, items: Sequence[Event | Reset], now: float) -> None:
        """Note a batch of items, of which those that concern the subscription are sent now."""
        for item in items:
            if concerns(item, self._types):
                self._sent_at = now
                self._count = 0
                self._last = None
            elif isinstance(item, Event):
                self._count += 1
                self._last = item

    def take(self, now: float) -> Advance | None:
        """Return the Advance that is due, which is then sent; None if none is."""
        due_at, last = self.due_at, self._last
        if due_at is None or last is None or now < due_at:
            return None
        self._sent_at = now
        self._count = 0
        self._last = None
        return Advance(last.position, last.unread_count, last.unseen_count, last.occurred_at)


def concerns(item: Event | Reset, types: frozenset[str] | None) -> bool:
    """Whether a subscription that is limited to these types gets this. Events of the whole inbox always pass."""
    if types is None or isinstance(item, Reset) or item.notification_type is None:
        return True
    return item.notification_type in types
