"""The input types."""

from __future__ import annotations

from datetime import datetime

import strawberry

from live_inbox_graphql.scalars import JSON


@strawberry.input(description="Which notifications a list shows. Conditions are joined by `and`.")
class NotificationFilter:
    types: list[str] | None = strawberry.field(
        default=None, description="Only notifications of these types; an empty list matches none."
    )
    read: bool | None = strawberry.field(
        default=None, description="Only notifications that are read, or only those that are not."
    )


@strawberry.input(description="A notification to send.")
class SendInput:
    recipient_id: strawberry.ID = strawberry.field(
        description="Whose inbox it goes to: a user's id or plain primary key."
    )
    title: str = strawberry.field(description="One line, of 200 characters at most.")
    message: str = strawberry.field(default="", description="The text, of 4000 characters at most.")
    type: str = strawberry.field(
        default="general",
        description="What it is about: a slug of letters, digits, `-`, `_` and `.`.",
    )
    data: JSON | None = strawberry.field(
        default=None,
        description="Anything that the recipient's programs need: a JSON object of bounded size.",
    )
    link: str | None = strawberry.field(
        default=None, description="Where it leads: a path on the site or an http(s) address."
    )
    expires_at: datetime | None = strawberry.field(
        default=None,
        description="When it is to disappear by itself: a moment yet to come. A few seconds later, it is "
        "deleted as if the recipient had done so.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="A string of your choice that makes it safe to send again: the same key with the same "
        "content returns the first result, with other content it is a CONFLICT.",
    )


@strawberry.input(description="What you want of one type of notification.")
class NotificationPreferenceInput:
    type: str = strawberry.field(description="The type of notification.")
    enabled: bool = strawberry.field(
        description="Whether notifications of this type are delivered. Required types cannot be turned off."
    )
