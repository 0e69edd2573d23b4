"""The subscription. It depends on the feed, the caller, `after` and `types` only."""

# mypy: allow-untyped-decorators
# (Strawberry declares what its decorators return as Any.)

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from live_inbox.delivery.position import Position
from live_inbox.feed import Feed
from live_inbox_graphql.arguments import parse_position, parse_types
from live_inbox_graphql.context import Info, caller_of
from live_inbox_graphql.events import NotificationEvent, concerns, to_graphql


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
                "concern the whole inbox and are always sent."
            ),
        ] = None,
    ) -> AsyncGenerator[NotificationEvent, None]:
        caller = caller_of(info)
        feed = info.context.feed
        if feed is None:
            raise RuntimeError("this transport has no feed")
        position = parse_position(after, field="after")
        return events_of(feed, caller.user_id, position, parse_types(types, field="types"))


async def events_of(
    feed: Feed, inbox: str, after: Position | None, types: frozenset[str] | None
) -> AsyncGenerator[NotificationEvent, None]:
    """Yield the events of an inbox as GraphQL objects. Raises HubClosed when the server stops."""
    async with feed.open(inbox, after) as items:
        async for item in items:
            if concerns(item, types):
                yield to_graphql(item)
