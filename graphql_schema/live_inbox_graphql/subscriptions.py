"""The subscription. It depends on the feed, the caller, `after` and `types` only."""

# mypy: allow-untyped-decorators
# (Strawberry declares what its decorators return as Any.)

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated

import strawberry

from live_inbox.clock import clock
from live_inbox.delivery.position import Position
from live_inbox.events import Event, Reset
from live_inbox.feed import Feed, OpenFeed, current_feed
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.scopes import Right, require
from live_inbox_graphql.advances import Advances, concerns
from live_inbox_graphql.arguments import parse_position, parse_types
from live_inbox_graphql.callers import caller_in
from live_inbox_graphql.context import Context, Info
from live_inbox_graphql.events import NotificationEvent, to_graphql
from live_inbox_graphql.fields import coded_errors

OnPosition = Callable[[str], None]
"""`Context.on_position`."""
OnFeed = Callable[[OpenFeed], None]
"""`Context.on_feed`."""


@strawberry.type(description="The subscription.")
class Subscription:
    # Not a generator itself: errors in the arguments must be reported before there is a stream.
    @strawberry.subscription(
        description="Every change of the caller's inbox, once and in order, whichever device or service made "
        "it. To miss nothing: query `notifications { position ... }`, subscribe after that position, store the "
        "position of each event, and after a lost connection subscribe after the latest one."
    )
    async def notification_events(
        self,
        info: Info,
        after: Annotated[
            str | None,
            strawberry.argument(
                description="The position of the last event that the client has applied. Without it, the "
                "subscription begins with the next event."
            ),
        ] = None,
        types: Annotated[
            list[str] | None,
            strawberry.argument(
                description="Only events of notifications of these types. AllNotificationsRead and InboxReset "
                "concern the whole inbox and are always sent. A PositionAdvanced is sent now and then when events were "
                "left out."
            ),
        ] = None,
    ) -> AsyncGenerator[NotificationEvent, None]:
        context = info.context
        if isinstance(context, Context):
            # Served by us: errors get their codes in the end, and the socket's admission ends with the token.
            if context.feed is None:
                raise RuntimeError("this transport has no feed")
            caller = await caller_in(context)
            after = context.last_event_id or after
            note = context.on_position, context.on_feed
            return _events(context.feed, caller, after, types, *note)
        with coded_errors():
            caller = await caller_in(context)
            return _until_expiry(_events(await current_feed(), caller, after, types), caller)


def _events(
    feed: Feed,
    caller: Caller,
    after: str | None,
    types: list[str] | None,
    on_position: OnPosition | None = None,
    on_feed: OnFeed | None = None,
) -> AsyncGenerator[NotificationEvent, None]:
    require(caller.scopes, Right.READ)
    position = parse_position(after, field="after")
    only_types = parse_types(types, field="types")
    return events_of(feed, caller.user_id, position, only_types, on_position, on_feed)


async def _until_expiry(
    events: AsyncGenerator[NotificationEvent, None], caller: Caller
) -> AsyncGenerator[NotificationEvent, None]:
    """Yield the events while the caller's token is valid; then raise the error UNAUTHENTICATED, `expired`."""
    remaining = None if caller.expires_at is None else max(caller.expires_at - clock.time(), 0)
    loop = asyncio.get_running_loop()
    deadline = None if remaining is None else loop.time() + remaining
    with coded_errors():
        async with aclosing(events):
            while True:
                event = await _next_before(deadline, events)
                if event is None:
                    return
                yield event


async def _next_before(
    deadline: float | None, events: AsyncGenerator[NotificationEvent, None]
) -> NotificationEvent | None:
    try:
        async with asyncio.timeout_at(deadline) as limit:
            return await anext(events, None)
    except TimeoutError:
        if limit.expired():
            raise AuthenticationFailed(Reason.EXPIRED) from None
        raise


async def events_of(
    feed: Feed,
    inbox: str,
    after: Position | None,
    types: frozenset[str] | None,
    on_position: OnPosition | None = None,
    on_feed: OnFeed | None = None,
) -> AsyncGenerator[NotificationEvent, None]:
    """Yield the events of an inbox as GraphQL objects. Raises HubClosed when the server stops."""
    note = on_position or _ignore
    async with feed.open(inbox, after) as items:
        if on_feed is not None:
            on_feed(items)
        if on_position is not None:
            on_position(str(items.position))
        if types is None:
            async for item in items:
                event = to_graphql(item)
                note(event.position)
                yield event
        else:
            async for event in _events_of_types(items, types):
                note(event.position)
                yield event


def _ignore(position: str) -> None:
    """Stand for `on_position` on transports that need no positions."""


async def _events_of_types(
    items: OpenFeed, types: frozenset[str]
) -> AsyncGenerator[NotificationEvent, None]:
    time = asyncio.get_running_loop().time
    advances = Advances(types, time())
    while True:
        try:
            item = await _item_before(advances.due_at, items)
        except StopAsyncIteration:
            return
        if item is not None:
            advances.pass_over([item], time())
            if concerns(item, types):
                yield to_graphql(item)
        advance = advances.take(time())
        if advance is not None:
            yield to_graphql(advance)


async def _item_before(deadline: float | None, items: OpenFeed) -> Event | Reset | None:
    try:
        async with asyncio.timeout_at(deadline) as limit:
            return await anext(items)
    except TimeoutError:
        if limit.expired():
            return None
        raise
