"""The queries. Each crosses to the database once at most."""

# mypy: allow-untyped-decorators
# (Strawberry declares what its decorators return as Any.)

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any, cast

import strawberry
from strawberry.relay import Node

from live_inbox import selectors, services
from live_inbox.errors import NotFound
from live_inbox.identity.callers import Caller, refresh_caller
from live_inbox.selectors.preferences_for_caller import (
    channels_for_caller,
    preferences_for_caller,
    types_for_caller,
)
from live_inbox_graphql import campaigns, ids
from live_inbox_graphql.context import Info
from live_inbox_graphql.count_types import NotificationCounts
from live_inbox_graphql.fields import for_caller
from live_inbox_graphql.inputs import NotificationFilter
from live_inbox_graphql.pagination import window
from live_inbox_graphql.types import (
    InboxUser,
    Notification,
    NotificationChannel,
    NotificationConnection,
    NotificationPreference,
    NotificationType,
)


@strawberry.type(description="The queries. All of them read the caller's own inbox.")
class Query:
    @strawberry.field(description="The caller.")
    def viewer(self, info: Info) -> InboxUser:
        return for_caller(info, _viewer)

    @strawberry.field(
        description="A page of a folder, newest first, with the counts and the position of the inbox in the "
        "same database snapshot. Without arguments, the newest 20."
    )
    def notifications(
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
        arguments = {"first": first, "after": after, "last": last, "before": before}
        return for_caller(info, _page, arguments, filter or NotificationFilter())

    @strawberry.field(
        description="How many notifications of each type and category are in the folder `INBOX`, in one database "
        "snapshot."
    )
    def notification_counts(self, info: Info) -> NotificationCounts:
        return for_caller(info, _counts)

    @strawberry.field(
        description="One notification of the inbox. If the inbox has none with this id, the field is null and "
        "there is an error with the code NOT_FOUND."
    )
    def notification(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The notification's id.")],
    ) -> Notification | None:
        return for_caller(info, _notification, id)

    @strawberry.field(
        description="An object by its id, for the stores of clients such as Relay's: a notification of the inbox. "
        "Null if the inbox has none with this id."
    )
    def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The id of the object.")],
    ) -> Node | None:
        return for_caller(info, _node, id)

    @strawberry.field(
        description="The declared types, and those that the caller has turned on or off, sorted by type. "
        "Types that are not listed are delivered."
    )
    def notification_preferences(self, info: Info) -> list[NotificationPreference]:
        return for_caller(info, _preferences)

    @strawberry.field(
        description="The types of notification that the site declares, in its order, with what the caller wants of "
        "each: also of those that they have never had."
    )
    def notification_types(self, info: Info) -> list[NotificationType]:
        return for_caller(info, _types)

    @strawberry.field(
        description="The channels by which notifications reach users: the inbox, then those that the site declares, in "
        "its order."
    )
    def notification_channels(self, info: Info) -> list[NotificationChannel]:
        return for_caller(info, _channels)

    @strawberry.field(description="The topics that the caller is subscribed to, sorted.")
    def topics(self, info: Info) -> list[str]:
        return for_caller(info, campaigns.topics)

    @strawberry.field(
        description="How far a campaign has come, which the caller has started or may view by permission. If there is "
        "none, the field is null and there is an error with the code NOT_FOUND."
    )
    def campaign(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The campaign's id.")],
    ) -> campaigns.Campaign | None:
        return for_caller(info, campaigns.campaign, id)


def _viewer(caller: Caller) -> InboxUser:
    return InboxUser.of(services.person(refresh_caller(caller).user))


def _page(
    caller: Caller, arguments: dict[str, Any], filter: NotificationFilter
) -> NotificationConnection:
    asked = window(**arguments)
    page = selectors.page(
        user_id=caller.user_id,
        limit=asked.limit,
        older_than=asked.older_than,
        newer_than=asked.newer_than,
        from_oldest=asked.from_oldest,
        filter=filter.as_list_filter(),
    )
    return NotificationConnection.of(page)


def _counts(caller: Caller) -> NotificationCounts:
    return NotificationCounts.of(selectors.type_counts(user_id=caller.user_id))


def _notification(caller: Caller, id: str) -> Notification:
    number = ids.parse_notification_id(id)
    found = selectors.notification(user_id=caller.user_id, notification_id=number)
    return Notification.of(services.snapshot(found))


def _node(caller: Caller, id: str) -> Node | None:
    try:
        found = _notification(caller, id)
    except NotFound:
        return None
    # Of an instance of the interface, Strawberry takes the class's own name, which a name converter may have changed.
    return cast("Node", strawberry.cast(Notification, SimpleNamespace(**vars(found))))


def _preferences(caller: Caller) -> list[NotificationPreference]:
    return [NotificationPreference.of(state) for state in preferences_for_caller(caller)]


def _types(caller: Caller) -> list[NotificationType]:
    return [NotificationType.of(state) for state in types_for_caller(caller)]


def _channels(caller: Caller) -> list[NotificationChannel]:
    return [NotificationChannel.of(channel) for channel in channels_for_caller(caller)]
