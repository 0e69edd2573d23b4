"""A project's type has the name of one of ours."""

from __future__ import annotations

import strawberry

import live_inbox_graphql


@strawberry.type
class Notification:
    """The project's own."""

    text: str


@strawberry.type
class Query(live_inbox_graphql.Query):
    """With a field of that type."""

    mine: list[Notification]


schema = strawberry.Schema(query=Query, types=live_inbox_graphql.EVENT_TYPES)
