"""The subscription. What it depends on is the feed, the caller, `after` and `types`, and nothing else."""

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
from live_inbox_graphql.events import NotificationEvent, concerns, present


@strawberry.type(description="What can be followed.")
class Subscription:
    # Not a generator itself: what is wrong with the arguments must be said before there is a stream.
    @strawberry.subscription(
        description="Every change of the caller's inbox, once and in order, whichever device or service made "
        "it. To miss nothing: read `notifications { position ... }`, subscribe after that position, keep the "
        "position of each event that comes, and subscribe after the latest one when the connection was lost."
    )
    async def notification_events(
        self,
        info: Info,
        after: Annotated[
            str | None,
            strawberry.argument(
                description="The position of the last change that the client knows of. Without it, only "
                "what happens from now on is told."
            ),
        ] = None,
        types: Annotated[
            list[str] | None,
            strawberry.argument(
                description="Only tell of notifications of these types. AllNotificationsRead and InboxReset "
                "are about the whole inbox and always told."
            ),
        ] = None,
    ) -> AsyncGenerator[NotificationEvent, None]:
        caller = caller_of(info)
        feed = info.context.feed
        if feed is None:
            raise RuntimeError("this transport has no feed")
        position = parse_position(after, field="after")
        return told(feed, caller.user_id, position, parse_types(types, field="types"))


async def told(
    feed: Feed, inbox: str, after: Position | None, types: frozenset[str] | None
) -> AsyncGenerator[NotificationEvent, None]:
    """Yield the events of an inbox as they are told. Ends with HubClosed when the server stops."""
    async with feed.open(inbox, after) as items:
        async for item in items:
            if concerns(item, types):
                yield present(item)
