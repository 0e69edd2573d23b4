"""The feed: the async iterator of events that both doors subscribe to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Self

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from backend import metrics
from backend.database_threads import in_database_thread
from backend.delivery.hub import Hub, PositionLost, Subscription
from backend.delivery.log import Loss
from backend.delivery.position import Position
from backend.faults import Fault
from backend.notifications import selectors
from backend.notifications.events import Event, Reset

EventHub = Hub[Event]


class Feed:
    """Opens the events of inboxes to whoever asks, each event once and in order."""

    def __init__(self, hub: EventHub) -> None:
        self._hub = hub
        self._fault = Fault("inbox state", metrics.LOG_FAULTS)

    @asynccontextmanager
    async def open(self, inbox: str, after: Position | None = None) -> AsyncIterator[OpenFeed]:
        """Subscribe to an inbox after a position or, without one, from now on.

        Once entered, nothing committed later is missed, so a list that is read within the block joins without
        a gap. Raises HubClosed when the server stops.
        """
        async with self._hub.subscribe(inbox, after) as subscription:
            yield OpenFeed(subscription, self._fault)


class OpenFeed:
    """An async iterator over the events of one inbox.

    A position that cannot be resumed is answered with a Reset, after which the events go on. It never ends
    because of a lost doorbell, a slow reader or a database that is away for a while; it raises HubClosed when
    the server stops.
    """

    def __init__(self, subscription: Subscription[Event], fault: Fault) -> None:
        self._subscription = subscription
        self._fault = fault
        self._events: Iterator[Event] = iter(())

    @property
    def position(self) -> Position:
        """The position up to which events have been fetched: at first, where the feed begins."""
        return self._subscription.position

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event | Reset:
        event = next(self._events, None)
        if event is not None:
            return event
        while True:
            try:
                self._events = iter(await self._subscription.take())
                return next(self._events)
            except PositionLost as lost:
                reason = lost.reason
            try:
                return await self._reset(reason)
            except (DatabaseError, InterfaceError) as error:
                # It went away just now, and the subscription has not moved: `take` waits until it is back.
                self._fault.report(error)

    async def _reset(self, reason: Loss) -> Reset:
        """Move a lost subscription to the inbox as it is now, and say so."""
        inbox = self._subscription.inbox
        state = await in_database_thread(selectors.inbox_state, user_id=inbox)
        self._fault.over()
        self._subscription.restart(state.position)
        metrics.RESETS.labels(reason.value).inc()
        return Reset(
            position=state.position,
            reason=reason,
            unread_count=state.unread_count,
            occurred_at=timezone.now(),
        )
