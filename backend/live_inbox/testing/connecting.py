"""Devices without a server: clients of the real feed, in the process of the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import get_user_model
from django.db import connections

from live_inbox import database, selectors
from live_inbox.database_log import DatabaseLog
from live_inbox.database_threads import in_thread_of_caller
from live_inbox.delivery.hub import Hub, HubConfig
from live_inbox.delivery.position import Position
from live_inbox.events import Event, Kind, Reset, Snapshot, decode
from live_inbox.feed import Feed, OpenFeed
from live_inbox.identity.callers import Caller
from live_inbox.testing.sent import key_of
from live_inbox_graphql.context import Context
from live_inbox_graphql.schema import configured_schema

Item = Event | Reset
T = TypeVar("T")

WITHIN_SECONDS = 5.0
"""How long a device waits for an event before the test fails."""

_LOOK_SECONDS = 0.02
"""Between looks into the log, while a device waits: in a transaction that is never committed, no doorbell rings."""


class Device:
    """A connected device of a user. It receives each event once and in order, as the APIs do."""

    def __init__(self, inbox: str, hub: Hub[Event], feed: OpenFeed) -> None:
        self._inbox = inbox
        self._hub = hub
        self._feed = feed
        self.position = feed.position
        """The position of the last event that it has received: `connect(user, after=...)` resumes there."""

    async def next(self, *, within: float = WITHIN_SECONDS) -> Item:
        """Return the next event, or the reset in its place; fail if there is none within some seconds."""
        item: Item = await _wait(self._hub, self._feed.__anext__, within)
        self.position = item.position
        return item

    async def next_event(self, *kinds: Kind, within: float = WITHIN_SECONDS) -> Event:
        """Return the next event of these kinds, or of any kind; pass over others."""
        while True:
            item = await self.next(within=within)
            if isinstance(item, Event) and (not kinds or item.kind in kinds):
                return item

    async def next_added(self, *, within: float = WITHIN_SECONDS) -> Snapshot:
        """Return the next notification that arrives; pass over other events."""
        return _snapshot(await self.next_event(Kind.ADDED, within=within))

    async def received(self) -> list[Item]:
        """Return everything that has happened since the last event, without waiting for more."""
        heads = await sync_to_async(selectors.heads)([self._inbox])
        head = heads[self._inbox].position
        items: list[Item] = []
        while self.position.sequence < head.sequence or self.position.epoch != head.epoch:
            items.append(await self.next())
        return items


class SyncDevice:
    """The same for synchronous tests. It does not wait: what is not there yet will not come."""

    def __init__(self, user: Any, position: Position) -> None:
        self._user = user
        self._pending: list[Item] = []
        self._read = position

    @property
    def position(self) -> Position:
        """The position after everything that was read from the log."""
        return self._read

    def received(self) -> list[Item]:
        """Return everything that has happened since the last event that was returned."""
        items = self._pending + async_to_sync(self._fetch)()
        self._pending = []
        return items

    def next(self) -> Item:
        """Return the next event, or the reset in its place; fail if there is none."""
        self._pending = self.received()
        if not self._pending:
            raise AssertionError("There is no event.")
        return self._pending.pop(0)

    def next_event(self, *kinds: Kind) -> Event:
        """Return the next event of these kinds, or of any kind; pass over others."""
        while True:
            item = self.next()
            if isinstance(item, Event) and (not kinds or item.kind in kinds):
                return item

    def next_added(self) -> Snapshot:
        """Return the next notification that has arrived; pass over other events."""
        return _snapshot(self.next_event(Kind.ADDED))

    async def _fetch(self) -> list[Item]:
        async with connect(self._user, after=self._read) as device:
            items = await device.received()
            self._read = device.position
        return items


class connect:
    """Connect a device of a user, from now on or after a position.

    `async with connect(user) as device:` gives a Device, `with connect(user) as device:` a SyncDevice. `user` may be
    a primary key.
    """

    def __init__(self, user: Any, *, after: Position | None = None) -> None:
        self._user = user
        self._after = after
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Device:
        inbox = str(key_of(self._user))
        async with AsyncExitStack() as stack:
            hub = await stack.enter_async_context(_running_hub())
            feed = await stack.enter_async_context(Feed(hub).open(inbox, self._after))
            self._stack = stack.pop_all()
        return Device(inbox, hub, feed)

    async def __aexit__(self, *details: Any) -> None:
        await self._stack.aclose()

    def __enter__(self) -> SyncDevice:
        after = self._after
        if after is None:
            after = selectors.inbox_state(user_id=key_of(self._user)).position
        return SyncDevice(self._user, after)

    def __exit__(self, *details: Any) -> None:
        """End: there is nothing to close."""


class GraphQLDevice:
    """A running GraphQL subscription of a user."""

    def __init__(self, hub: Hub[Event], results: AsyncGenerator[Any, None]) -> None:
        self._hub = hub
        self._results = results

    async def next(self, *, within: float = WITHIN_SECONDS) -> dict[str, Any]:
        """Return the data of the next result; fail if it has errors, or does not come within some seconds."""
        try:
            result = await _wait(self._hub, self._results.__anext__, within)
        except StopAsyncIteration:
            raise AssertionError("The subscription has ended.") from None
        if result.errors:
            raise AssertionError(f"The subscription has failed: {result.errors}")
        return dict(result.data)


class _FeedAfter(Feed):
    """A feed whose "now" is a position."""

    def __init__(self, hub: Hub[Event], beginning: Position) -> None:
        super().__init__(hub)
        self._beginning = beginning

    @asynccontextmanager
    async def open(self, inbox: str, after: Position | None = None) -> AsyncIterator[OpenFeed]:
        """Subscribe after a position or, without one, after the beginning."""
        async with super().open(inbox, self._beginning if after is None else after) as feed:
            yield feed


@asynccontextmanager
async def subscribe(
    user: Any, query: str, variables: Mapping[str, Any] | None = None
) -> AsyncIterator[GraphQLDevice]:
    """Run a GraphQL subscription as a user, without a socket and a token. `user` may be a primary key.

    Without a position in the variables it begins here, not with the first `next`.
    """
    key = key_of(user)
    load = sync_to_async(get_user_model()._base_manager.using(database.alias()).get)
    async with _running_hub() as hub:
        beginning = (await sync_to_async(selectors.inbox_state)(user_id=key)).position
        context = Context(Caller(await load(pk=key)), _FeedAfter(hub, beginning))
        with in_thread_of_caller():
            results = await configured_schema().stream(query, dict(variables or {}), context)
        try:
            yield GraphQLDevice(hub, results)
        finally:
            await results.aclose()


@asynccontextmanager
async def _running_hub() -> AsyncIterator[Hub[Event]]:
    """Run a hub that uses the connections of the test."""
    # Devices look themselves while they wait; queries in between could surprise assertNumQueries.
    config = HubConfig(reconcile_seconds=3600.0)
    hub: Hub[Event] = Hub(DatabaseLog(), layer=None, decode=decode, config=config)
    with in_thread_of_caller():
        await hub.start()
    try:
        yield hub
    finally:
        await hub.stop()
        await sync_to_async(_close_connections)()


def _close_connections() -> None:
    """Close connections that are in no transaction: the test database could not be dropped in the end."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


async def _wait(hub: Hub[Event], call: Callable[[], Awaitable[T]], within: float) -> T:
    """Await a call, and have the hub look into the log meanwhile; raise AssertionError when it takes too long."""
    with in_thread_of_caller():
        waiting = asyncio.ensure_future(call())
    try:
        async with asyncio.timeout(within):
            while not waiting.done():
                hub.reconcile()
                await asyncio.wait({waiting}, timeout=_LOOK_SECONDS)
    except TimeoutError:
        raise AssertionError(f"There was no event within {within} seconds.") from None
    finally:
        if not waiting.done():
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
    return waiting.result()


def _snapshot(event: Event) -> Snapshot:
    assert event.notification is not None
    return event.notification
