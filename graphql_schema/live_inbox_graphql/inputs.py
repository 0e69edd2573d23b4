"""The input types."""

from __future__ import annotations

import strawberry

from live_inbox_graphql.types import NotificationFolder


@strawberry.input(description="A filter of notifications. All conditions must hold.")
class NotificationFilter:
    types: list[str] | None = strawberry.field(
        default=None, description="Only notifications of these types; an empty list matches none."
    )
    read: bool | None = strawberry.field(
        default=None, description="Only read notifications, or only unread ones."
    )
    folder: NotificationFolder = strawberry.field(
        default=NotificationFolder.INBOX, description="The folder that is listed."
    )
    pinned_only: bool = strawberry.field(
        default=False, description="Only pinned notifications of the folder."
    )


@strawberry.input(description="Whether to receive notifications of one type.")
class NotificationPreferenceInput:
    type: str = strawberry.field(description="The type of notification.")
    enabled: bool = strawberry.field(
        description="Whether notifications of this type are delivered. Required types cannot be turned off."
    )
