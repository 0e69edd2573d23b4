"""The feed: how the APIs subscribe to the events of inboxes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from importlib import import_module
from operator import length_hint
from typing import Self, TypeVar
from weakref import WeakKeyDictionary

from django.db import DatabaseError, InterfaceError

from live_inbox import log_context, metrics, selectors, tracing
from live_inbox.clock import clock
from live_inbox.database_threads import in_database_thread
from live_inbox.delivery.batch import Batch
from live_inbox.delivery.hub import Hub, PositionLost, Subscription
from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import Position
from live_inbox.events import Event, Reset
from live_inbox.faults import Fault

EventHub = Hub[Event]
Item = Event | Reset
AnswerT = TypeVar("AnswerT")
Deliver = Callable[[Batch[Event] | Batch[Reset]], Awaitable[None] | None]
"""Delivers a batch to a client. None: the client has room for more. Otherwise await what is returned before the next
batch (backpressure)."""


class Feed:
    """Opens the events of inboxes to subscribers, each event once and in order."""

    def __init__(self, hub: EventHub) -> None:
        self._hub = hub
        self._fault = Fault("inbox state", metrics.LOG_FAULTS)
        # From 0 on: of a series that begins with 1, Prometheus sees no growth.
        for reason in ResetReason:
            metrics.RESETS.labels(reason.value)

    @asynccontextmanager
    async def open(self, inbox: str, after: Position | None = None) -> AsyncIterator[OpenFeed]:
        """Subscribe to an inbox after a position or, without one, from now on.

        Once entered, nothing committed later is missed, so a list that is read within the block joins without
        a gap. Raises HubClosed when the server stops.
        """
        async with self._hub.subscribe(inbox, after) as subscription:
            opened = OpenFeed(subscription, self._fault)
            try:
                yield opened
            finally:
                opened.end_span()

    async def follow(self, inbox: str, after: Position | None = None) -> Following:
        """Subscribe to an inbox without a task that reads it: see Following. The guarantee is that of `open`."""
        subscription = await self._hub.open(inbox, after)
        return Following(subscription, OpenFeed(subscription, self._fault))


class OpenFeed:
    """An async iterator over the events of one inbox.

    A position that cannot be resumed is answered with a Reset, after which the events go on. It never ends
    because of a lost doorbell, a slow reader or a database that is away for a while; it raises HubClosed when
    the server stops.
    """

    __slots__ = ("_events", "_fault", "_span", "_subscription")

    def __init__(self, subscription: Subscription[Event], fault: Fault) -> None:
        self._subscription = subscription
        self._fault = fault
        self._events: Iterator[Event] = iter(())
        self._span: tracing.MessageSpan | None = None

    @property
    def position(self) -> Position:
        """The position up to which events have been fetched: at first, where the feed begins."""
        return self._subscription.position

    @property
    def delivered_through(self) -> int:
        """The sequence of the last event that was returned."""
        return self.position.sequence - length_hint(self._events)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        self.end_span()
        event = next(self._events, None)
        while event is None:
            items = await self._answer(self._subscription.take)
            if isinstance(items, Reset):
                return items
            self._events = iter(items)
            event = next(self._events, None)
        if event.traceparent is not None:
            self._span = tracing.delivering([event.traceparent], 1, _current_api())
        return event

    def end_span(self) -> None:
        """End the span of the last event: whoever asks for the next one has written it."""
        if self._span is not None:
            self._span.end()
            self._span = None

    async def fetch(self) -> list[Batch[Event]] | list[Batch[Reset]]:
        """Return a page from the log, or the reset that takes its place; nothing if the log has no more."""
        page = await self._answer(self._subscription.fetch)
        return [Batch([page], page.position)] if isinstance(page, Reset) else page

    async def _answer(self, ask: Callable[[], Awaitable[AnswerT]]) -> AnswerT | Reset:
        """Read from the subscription; when its position is lost, move it to the inbox as it is now."""
        while True:
            try:
                return await ask()
            except PositionLost as lost:
                reason = lost.reason
            try:
                return await self._reset(reason)
            except (DatabaseError, InterfaceError) as error:
                # The database has just gone away, and the subscription has not moved: `ask` waits until it is back.
                self._fault.report(error)

    async def _reset(self, reason: ResetReason) -> Reset:
        """Move a lost subscription to the inbox as it is now, and return the reset that reports it."""
        inbox = self._subscription.inbox
        state = await in_database_thread(selectors.inbox_state, user_id=inbox)
        self._fault.recovered()
        self._subscription.restart(state.position)
        metrics.RESETS.labels(reason.value).inc()
        return Reset(
            position=state.position,
            reason=reason,
            unread_count=state.unread_count,
            unseen_count=state.unseen_count,
            occurred_at=clock.now(),
        )


class Following:
    """Pushes everything that happens in an inbox to one client: the same items as OpenFeed yields, without a task.

    As long as the client has room and nothing has to be read from the log, the hub calls `on_events`, which delivers
    new events synchronously. A task exists only while this subscriber lags.

    Call `start` once, and `stop` at the end; after that nothing is delivered.
    """

    __slots__ = (
        "_api",
        "_catching_up",
        "_deliver",
        "_failed",
        "_feed",
        "_is_stopped",
        "_pending",
        "_subscription",
    )

    def __init__(self, subscription: Subscription[Event], feed: OpenFeed) -> None:
        self._subscription = subscription
        self._feed = feed
        self._deliver: Deliver = _discard
        self._failed: Callable[[Exception], None] = _raise
        self._catching_up: asyncio.Task[None] | None = None
        self._is_stopped = False
        # Of a page of the log, what a client that lags has still to be sent.
        self._pending: Sequence[Batch[Event] | Batch[Reset]] = ()
        self._api = _current_api()

    @property
    def position(self) -> Position:
        """The position up to which events have been fetched: at first, where it begins."""
        return self._subscription.position

    @property
    def delivered_through(self) -> int:
        """The sequence of the last event that was delivered."""
        return self.position.sequence - sum(len(batch.items) for batch in self._pending)

    def start(self, deliver: Deliver, failed: Callable[[Exception], None]) -> None:
        """Begin to deliver. `failed` is called at most once, and ends it: HubClosed, or what `deliver` raised."""
        self._deliver = deliver
        self._failed = failed
        self._subscription.add_listener(self)
        self.on_events()

    def stop(self) -> None:
        """Deliver nothing any more. Calling it twice does no harm."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self._subscription.remove_listener(self)
        self._subscription.close()
        if self._catching_up is not None:
            self._catching_up.cancel()

    def write_between_batches(self, write: Callable[[], Awaitable[None] | None]) -> None:
        """Call what writes to the client something beside the events, unless the client lags or this is stopped.

        It returns what `deliver` returns, and is waited for in the same way. Must not raise.
        """
        if self._catching_up is not None or self._is_stopped:
            return
        room = write()
        if room is not None:
            self._catching_up = asyncio.create_task(self._catch_up(room))

    def on_events(self) -> None:
        """Deliver new events."""
        if self._catching_up is not None or self._is_stopped:
            return
        room = None
        try:
            batch = self._subscription.ready()
            if batch is not None:
                if not batch.items:
                    return
                # Of what is not traced, no span costs a call.
                is_traced = batch.traceparents is not None
                room = self._deliver_traced(batch) if is_traced else self._deliver(batch)
                if (room is None and batch.is_last) or self._is_over():
                    return
        except Exception as error:
            self._fail(error)
            return
        self._catching_up = asyncio.create_task(self._catch_up(room))

    async def _catch_up(self, room: Awaitable[None] | None) -> None:
        """Deliver until nothing is left, waiting for the client and for the log where necessary."""
        try:
            if room is not None:
                await room
            while not self._is_over():
                batch = self._subscription.ready()
                if batch is None:
                    await self._deliver_all(await self._feed.fetch())
                elif batch.items:
                    batches = [batch]
                    del batch
                    await self._deliver_all(batches)
                else:
                    return
        except Exception as error:
            self._fail(error)
        finally:
            self._catching_up = None

    async def _deliver_all(self, batches: list[Batch[Event]] | list[Batch[Reset]]) -> None:
        """Deliver batches, and keep none that was delivered: waiting for a client that does not read may take long."""
        self._pending = batches
        while batches and not self._is_over():
            room = self._deliver_traced(batches.pop(0))
            if room is not None:
                await room

    def _deliver_traced(self, batch: Batch[Event] | Batch[Reset]) -> Awaitable[None] | None:
        """Deliver a batch; with a span, if what it has is traced."""
        if batch.traceparents is None:
            return self._deliver(batch)
        span = tracing.delivering(batch.traceparents, len(batch.items), self._api)
        if span is None:
            return self._deliver(batch)
        try:
            room = self._deliver(batch)
        except Exception as error:
            span.end(type(error).__name__)
            raise
        span.end(backpressure=room is not None)
        return room

    def _is_over(self) -> bool:
        """Return whether it was stopped; the batch just delivered may have been the reason."""
        return self._is_stopped

    def _fail(self, error: Exception) -> None:
        self.stop()
        self._failed(error)


def _current_api() -> str | None:
    context = log_context.current()
    return None if context is None else context.api


def _discard(batch: Batch[Event] | Batch[Reset]) -> None:
    """Stand for `deliver` before the start."""


def _raise(error: Exception) -> None:
    raise error


@lru_cache(maxsize=1)
def _running() -> WeakKeyDictionary[asyncio.AbstractEventLoop, Feed]:
    """Return the feed of each event loop on which an inbox runs."""
    return WeakKeyDictionary()


@contextmanager
def serving(feed: Feed) -> Iterator[None]:
    """Let `current_feed` return this feed on the running event loop while in the block."""
    loop = asyncio.get_running_loop()
    _running()[loop] = feed
    try:
        yield
    finally:
        _running().pop(loop, None)


async def current_feed() -> Feed:
    """Return the feed of the inbox that runs on this event loop; start one if there is none.

    For code that is served by others, such as Strawberry's consumers.
    """
    loop = asyncio.get_running_loop()
    if loop not in _running():
        # Not imported: the application is composed of layers above this one.
        await import_module("live_inbox.application").start_inbox()
    return _running()[loop]
