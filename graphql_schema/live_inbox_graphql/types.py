"""The object types: users, notifications, their list, preferences."""

from __future__ import annotations

from datetime import datetime

import strawberry

from live_inbox import selectors, services
from live_inbox.events import Person, Snapshot
from live_inbox_graphql import cursors, ids
from live_inbox_graphql.scalars import JSON


@strawberry.type(description="Somebody who has an inbox, as others see them.")
class User:
    id: strawberry.ID = strawberry.field(description="`user:` and the primary key.")
    username: str = strawberry.field(description="The name that the user signs in with.")
    name: str = strawberry.field(description="The full name; empty if it is not known.")

    @classmethod
    def of(cls, person: Person) -> User:
        """Return the user for a person in an event."""
        return cls(id=ids.user_id(person.id), username=person.username, name=person.name)


@strawberry.type(description="Something that a user was told.")
class Notification:
    id: strawberry.ID = strawberry.field(
        description="The notification's number. Within an inbox, later notifications have larger ones."
    )
    type: str = strawberry.field(
        description="What it is about: a slug such as `general` or `approval`."
    )
    title: str = strawberry.field(description="One line.")
    message: str = strawberry.field(description="The text; may be empty.")
    link: str | None = strawberry.field(
        description="Where it leads: a path on the site or an http(s) address."
    )
    data: JSON = strawberry.field(description="What the sender added for programs: a JSON object.")
    read: bool = strawberry.field(description="Whether the user has marked it as read.")
    read_at: datetime | None = strawberry.field(description="When it was marked as read.")
    created_at: datetime = strawberry.field(description="When it was sent.")
    expires_at: datetime | None = strawberry.field(
        description="When it disappears by itself, with a `NotificationDeleted`; null if it never does."
    )
    sender: User | None = strawberry.field(
        description="Who sent it; null if that was the system or a user who is gone."
    )

    @classmethod
    def of(cls, snapshot: Snapshot) -> Notification:
        """Return the notification for a snapshot. Makes no query."""
        return cls(
            id=ids.notification_id(snapshot.id),
            type=snapshot.type,
            title=snapshot.title,
            message=snapshot.message,
            link=snapshot.link or None,
            data=JSON(snapshot.data),
            read=snapshot.read,
            read_at=snapshot.read_at,
            created_at=snapshot.created_at,
            expires_at=snapshot.expires_at,
            sender=None if snapshot.sender is None else User.of(snapshot.sender),
        )


@strawberry.type(description="A notification in a list, with its place there.")
class NotificationEdge:
    cursor: str = strawberry.field(description="The place, for `after` and `before`. Opaque.")
    node: Notification = strawberry.field(description="The notification.")


@strawberry.type(description="Where a page lies in the list, as Relay defines it.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether older notifications follow.")
    has_previous_page: bool = strawberry.field(
        description="Whether newer notifications come before."
    )
    start_cursor: str | None = strawberry.field(
        description="The cursor of the page's newest notification; null on an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the page's oldest notification; null on an empty page."
    )


@strawberry.type(
    description="A page of the list of notifications, newest first, and the inbox at the very moment that "
    "the page was read."
)
class NotificationConnection:
    edges: list[NotificationEdge] = strawberry.field(
        description="The notifications with their cursors."
    )
    nodes: list[Notification] = strawberry.field(description="The notifications alone.")
    page_info: PageInfo = strawberry.field(description="Where the page lies in the list.")
    total_count: int = strawberry.field(
        description="How many notifications the whole inbox holds, whatever the page and the filter."
    )
    unread_count: int = strawberry.field(
        description="How many notifications of the whole inbox are unread, whatever the page and the filter."
    )
    position: str = strawberry.field(
        description="The position of the inbox at the moment of the page. Subscribing to "
        "`notificationEvents(after: ...)` with it continues the page without a gap and without a repetition."
    )

    @classmethod
    def of(cls, page: selectors.Page) -> NotificationConnection:
        """Return the connection for a page."""
        nodes = [Notification.of(services.snapshot(row)) for row in page.notifications]
        places = [cursors.encode(row.pk) for row in page.notifications]
        return cls(
            edges=[
                NotificationEdge(cursor=cursor, node=node)
                for cursor, node in zip(places, nodes, strict=True)
            ],
            nodes=nodes,
            page_info=PageInfo(
                has_next_page=page.has_older,
                has_previous_page=page.has_newer,
                start_cursor=places[0] if places else None,
                end_cursor=places[-1] if places else None,
            ),
            total_count=page.inbox.total_count,
            unread_count=page.inbox.unread_count,
            position=str(page.inbox.position),
        )


@strawberry.type(description="What a user wants of one type of notification.")
class NotificationPreference:
    type: str = strawberry.field(description="The type of notification.")
    enabled: bool = strawberry.field(
        description="Whether notifications of this type are delivered."
    )
    required: bool = strawberry.field(description="Whether this type cannot be turned off.")
