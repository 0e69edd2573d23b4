"""A subscription: one subscriber's position in a live stream."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Generic, Protocol

from live_inbox.delivery.batch import Batch, in_batches
from live_inbox.delivery.hub_config import HubConfig
from live_inbox.delivery.log import EntryT, ResetReason
from live_inbox.delivery.open_inbox import Listener, OpenInbox
from live_inbox.delivery.position import Position


class HubClosed(Exception):
    """Raised when the hub has stopped, because the process is shutting down."""


class PositionLost(Exception):
    """Raised when a position cannot be resumed. After `Subscription.restart` the stream goes on."""

    def __init__(self, reason: ResetReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class SubscriptionSource(Protocol[EntryT]):
    """What a subscription needs of its hub."""

    config: HubConfig
    is_closed: bool

    async def read(self, inbox: str, after: Position) -> list[EntryT]:
        """Return a page of the log after a position."""

    def leave(self, open_inbox: OpenInbox[EntryT]) -> None:
        """Count one subscriber less."""


class Subscription(Generic[EntryT]):
    """One subscriber's own place in a live stream. Holds a position and no queue."""

    __slots__ = (
        "_generation",
        "_hub",
        "_is_open",
        "_open_inbox",
        "_seen_generation",
        "inbox",
        "position",
    )

    def __init__(
        self,
        hub: SubscriptionSource[EntryT],
        inbox: str,
        open_inbox: OpenInbox[EntryT],
        position: Position,
    ) -> None:
        self._hub = hub
        self._open_inbox = open_inbox
        self._is_open = True
        self.inbox = inbox
        self.position = position
        # A position that the stream does not cover has yet to be compared with the log.
        stream = open_inbox.stream
        self._generation = stream.generation if stream.covers(position) else -1
        # The generation in which it may have received something, checked or not.
        self._seen_generation = self._generation

    def add_listener(self, listener: Listener) -> None:
        """Have a listener called each time that there may be something new, until the subscription is closed.

        It is called for later events only: call `ready` once after this for those that are there already.
        """
        self._open_inbox.listeners[listener] = None

    def remove_listener(self, listener: Listener) -> None:
        """Call a listener no more. Does nothing if it is none."""
        self._open_inbox.listeners.pop(listener, None)

    def close(self) -> None:
        """End the subscription. Remove its listeners first. Idempotent."""
        if self._is_open:
            self._is_open = False
            self._hub.leave(self._open_inbox)

    def ready(self) -> Batch[EntryT] | None:
        """Return a batch of the events that are in memory, and move past it; it may be empty.

        None: only the log can tell what follows. Call `fetch`. Raises HubClosed.
        """
        if self._hub.is_closed:
            raise HubClosed
        stream, position = self._open_inbox.stream, self.position
        if self._generation != stream.generation:
            return None
        batch = stream.since(position.sequence)
        if batch is not None and batch.items:
            if batch.position.epoch != position.epoch and not position.is_origin:
                return None
            self.position = batch.position
        return batch

    async def fetch(self) -> list[Batch[EntryT]]:
        """Return a page of events from the log in batches, and move past it. An empty list: the log has no more.

        Raises PositionLost when the log cannot give every event (call `restart`), and HubClosed.
        """
        if 0 <= self._seen_generation < self._open_inbox.trusted_generation:
            raise PositionLost(ResetReason.EPOCH)
        stream = self._open_inbox.stream
        generation = stream.generation
        entries = await self._hub.read(self.inbox, self.position)
        page = in_batches(entries, self._hub.config.batch_length)
        if page:
            self.position = page[-1].position
        # The page may be newer than the stream. Until the stream has got there, only the log can tell whether it has
        # gone back to where the stream is.
        self._generation = generation if stream.covers(self.position) else -1
        self._seen_generation = generation
        return page

    async def take(self) -> Sequence[EntryT]:
        """Wait for the events that follow the position, move past some of them and return them, oldest first.

        Raises PositionLost when the log cannot give every event (call `restart`), and HubClosed.
        """
        waiter = EventWaiter()
        self.add_listener(waiter)
        try:
            while True:
                batch = self.ready()
                if batch is None:
                    entries = [entry for batch in await self.fetch() for entry in batch.items]
                    if entries:
                        return entries
                elif batch.items:
                    return batch.items
                else:
                    await waiter.wait()
        finally:
            self.remove_listener(waiter)

    def restart(self, position: Position) -> None:
        """Go on after another position. Called in response to PositionLost."""
        self.position = position
        self._generation = self._seen_generation = -1


class EventWaiter:
    """A listener that a task can wait for."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def on_events(self) -> None:
        """Wake the task."""
        self._event.set()

    async def wait(self) -> None:
        """Wait until there may be something new."""
        await self._event.wait()
        self._event.clear()
