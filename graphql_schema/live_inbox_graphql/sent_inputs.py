"""The inputs that change what was sent."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any, cast

import strawberry
from strawberry.scalars import JSON

from live_inbox.content import EDITABLE_BY_CLIENTS, GivenFields
from live_inbox_graphql.types import NotificationPriority, expiry


@strawberry.input(
    description="The new content of a notification that was sent. Name it by one of `id` and `idempotencyKey`. Fields "
    "that are left out stay as they are."
)
class EditInput:
    id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the notification."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="The key with which you have sent it by `send`."
    )
    title: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The new title. Null: from the template of the type.",
    )
    message: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The new text. Null: from the template of the type; empty without one.",
    )
    data: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="A JSON object in place of the present one."
    )
    link: str | None = strawberry.field(
        default=strawberry.UNSET, description="The new link; null for none."
    )
    expires_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="When it is deleted automatically: a time in the future; null for never.",
    )
    expires_in_seconds: int | None = strawberry.field(
        default=None,
        description="The same, as a time from now on, in place of `expiresAt`. A repeated call names the same time.",
    )
    context: JSON | None = strawberry.field(
        default=None,
        description="A JSON object from which the templates of the type make the title and the text that are left out.",
    )
    priority: NotificationPriority | None = strawberry.field(
        default=strawberry.UNSET, description="How much it matters; null for `NORMAL`."
    )

    def content(self) -> GivenFields:
        """Return the content as the service takes it."""
        content: Any = {}
        values = {name: getattr(self, name) for name in (*EDITABLE_BY_CLIENTS, "context")}
        values["expires_at"] = expiry(self.expires_at, self.expires_in_seconds)
        for name, value in values.items():
            if value is not strawberry.UNSET:
                content[name] = value.value if isinstance(value, Enum) else value
        return cast("GivenFields", content)
