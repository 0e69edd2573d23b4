"""A project's field hides one of ours, and there is neither a mutation nor a subscription."""

# mypy: allow-untyped-decorators

from __future__ import annotations

import strawberry

import live_inbox_graphql


@strawberry.type
class Query(live_inbox_graphql.Query):
    """The inbox's, but for its list."""

    @strawberry.field
    def notifications(self) -> list[str]:
        """Return the project's own."""
        return []


schema = strawberry.Schema(query=Query)
