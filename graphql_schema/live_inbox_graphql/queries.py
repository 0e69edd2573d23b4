"""The queries. Each crosses to the database once."""

# mypy: allow-untyped-decorators
# (Strawberry declares what its decorators return as Any.)

from __future__ import annotations

from typing import Annotated

import strawberry

from live_inbox import selectors, services
from live_inbox.database_threads import in_database_thread
from live_inbox.identity.callers import Caller, refresh_caller
from live_inbox_graphql import ids
from live_inbox_graphql.arguments import parse_types
from live_inbox_graphql.context import Info, caller_of
from live_inbox_graphql.inputs import NotificationFilter
from live_inbox_graphql.pagination import Window, window
from live_inbox_graphql.types import (
    Notification,
    NotificationConnection,
    NotificationPreference,
    User,
)


@strawberry.type(description="The queries. All of them read the caller's own inbox.")
class Query:
    @strawberry.field(description="The caller.")
    async def viewer(self, info: Info) -> User:
        return await in_database_thread(_viewer, caller_of(info))

    @strawberry.field(
        description="A page of the inbox, newest first, with the counts and the position of the inbox in the "
        "same database snapshot. Without arguments, the newest 20."
    )
    async def notifications(
        self,
        info: Info,
        first: Annotated[
            int | None,
            strawberry.argument(
                description="The size of the page, counted from the newest. Not with `last`."
            ),
        ] = None,
        after: Annotated[
            str | None,
            strawberry.argument(description="Only notifications older than this cursor."),
        ] = None,
        last: Annotated[
            int | None,
            strawberry.argument(
                description="The size of the page, counted from the oldest. Not with `first`."
            ),
        ] = None,
        before: Annotated[
            str | None,
            strawberry.argument(description="Only notifications newer than this cursor."),
        ] = None,
        filter: Annotated[
            NotificationFilter | None,
            strawberry.argument(description="Only notifications that match this filter."),
        ] = None,
    ) -> NotificationConnection:
        caller = caller_of(info)
        asked = window(first=first, after=after, last=last, before=before)
        chosen = filter or NotificationFilter()
        types = parse_types(chosen.types, field="filter.types")
        return await in_database_thread(_page, caller.user_id, asked, types, chosen.read)

    @strawberry.field(
        description="One notification of the inbox. If the inbox has none with this id, the field is null and "
        "there is an error with the code NOT_FOUND."
    )
    async def notification(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The notification's id.")],
    ) -> Notification | None:
        return await in_database_thread(_notification, caller_of(info).user_id, id)

    @strawberry.field(
        description="The declared types, and those that the caller has turned on or off, sorted by type. "
        "Types that are not listed are delivered."
    )
    async def notification_preferences(self, info: Info) -> list[NotificationPreference]:
        return await in_database_thread(_preferences, caller_of(info).user_id)


def _viewer(caller: Caller) -> User:
    return User.of(services.person(refresh_caller(caller).user))


def _page(
    user_id: str, asked: Window, types: frozenset[str] | None, read: bool | None
) -> NotificationConnection:
    page = selectors.page(
        user_id=user_id,
        limit=asked.limit,
        older_than=asked.older_than,
        newer_than=asked.newer_than,
        from_oldest=asked.from_oldest,
        types=types,
        read=read,
    )
    return NotificationConnection.of(page)


def _notification(user_id: str, id: str) -> Notification:
    number = ids.parse_notification_id(id)
    found = selectors.notification(user_id=user_id, notification_id=number)
    return Notification.of(services.snapshot(found))


def _preferences(user_id: str) -> list[NotificationPreference]:
    return [NotificationPreference.of(state) for state in selectors.preferences(user_id=user_id)]
