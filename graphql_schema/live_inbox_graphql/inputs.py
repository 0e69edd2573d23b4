"""The input types."""

from __future__ import annotations

from dataclasses import fields

import strawberry
from strawberry.utils.str_converters import to_camel_case

from live_inbox.notification_channels import IN_APP
from live_inbox.selectors import ListFilter
from live_inbox_graphql.arguments import list_filter
from live_inbox_graphql.types import NotificationFolder, NotificationPriority


@strawberry.input(description="A filter of notifications. All conditions must hold.")
class NotificationFilter:
    types: list[str] | None = strawberry.field(
        default=None, description="Only notifications of these types; an empty list matches none."
    )
    read: bool | None = strawberry.field(
        default=None, description="Only read notifications, or only unread ones."
    )
    categories: list[str] | None = strawberry.field(
        default=None,
        description="Only notifications of the declared types of these categories; an empty list matches none.",
    )
    priorities: list[NotificationPriority] | None = strawberry.field(
        default=None,
        description="Only notifications of these priorities; an empty list matches none.",
    )
    seen: bool | None = strawberry.field(
        default=None,
        description="Only what is read or had come before the last `markSeen`; or only unread notifications that came "
        "since, as `unseenCount` counts them.",
    )
    text: str | None = strawberry.field(
        default=None,
        description="Only notifications that have these words in the title or the message: parts of words, in upper or "
        "lower case. At most 100 characters and 8 words.",
    )
    folder: NotificationFolder = strawberry.field(
        default=NotificationFolder.INBOX, description="The folder that is listed."
    )
    group_of: strawberry.ID | None = strawberry.field(
        default=None,
        description="Only what is folded under this notification, whatever `folder` says.",
    )
    pinned_only: bool = strawberry.field(
        default=False, description="Only pinned notifications of the folder."
    )

    def as_list_filter(self) -> ListFilter:
        """Return the filter as lists take it; raise InvalidInput for one that cannot be fulfilled."""
        return list_filter(**{name: getattr(self, name) for name in FILTER_FIELDS.values()})


FILTER_FIELDS = {to_camel_case(field.name): field.name for field in fields(NotificationFilter)}
"""The fields of a filter in Python, by their names in the schema."""


@strawberry.input(description="Whether to receive notifications of one type by one channel.")
class NotificationPreferenceInput:
    type: str = strawberry.field(description="The type of notification.")
    enabled: bool = strawberry.field(
        description="Whether notifications of this type are delivered. What is required cannot be turned off."
    )
    channel: str = strawberry.field(
        default=IN_APP,
        description="The channel: the inbox, or another one of `notificationChannels`.",
    )
