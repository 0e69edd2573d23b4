"""The object types of counts by type and by category."""

from __future__ import annotations

import strawberry

from live_inbox.selectors import TypeCounts
from live_inbox.selectors.counts_by_type import Count

_EXACT = "Whether the numbers are exact. Of each type, 1000 are counted; a larger number is at least so much."


@strawberry.type(description="How many notifications of a type are in the folder `INBOX`.")
class NotificationTypeCount:
    type: str = strawberry.field(description="The type.")
    total: int = strawberry.field(description="The number of notifications.")
    unread: int = strawberry.field(description="The number of unread ones.")
    unseen: int = strawberry.field(
        description="The number of unread ones that came since `markSeen`."
    )
    is_exact: bool = strawberry.field(description=_EXACT)

    @classmethod
    def of(cls, count: Count) -> NotificationTypeCount:
        """Return the object for the numbers of a type."""
        return cls(
            type=count.name,
            total=count.total,
            unread=count.unread,
            unseen=count.unseen,
            is_exact=count.is_exact,
        )


@strawberry.type(description="How many notifications of a category are in the folder `INBOX`.")
class NotificationCategoryCount:
    category: str | None = strawberry.field(
        description="The category; null for types without one, and those that are not declared."
    )
    total: int = strawberry.field(description="The number of notifications.")
    unread: int = strawberry.field(description="The number of unread ones.")
    unseen: int = strawberry.field(
        description="The number of unread ones that came since `markSeen`."
    )
    is_exact: bool = strawberry.field(description=_EXACT)

    @classmethod
    def of(cls, count: Count) -> NotificationCategoryCount:
        """Return the object for the numbers of a category."""
        return cls(
            category=count.name or None,
            total=count.total,
            unread=count.unread,
            unseen=count.unseen,
            is_exact=count.is_exact,
        )


@strawberry.type(
    description="How many notifications of each type and category are in the folder `INBOX`."
)
class NotificationCounts:
    types: list[NotificationTypeCount] = strawberry.field(
        description="Those that there are, sorted: the first 100 types."
    )
    categories: list[NotificationCategoryCount] = strawberry.field(
        description="The categories of these types, sorted; first what has none."
    )

    @classmethod
    def of(cls, counts: TypeCounts) -> NotificationCounts:
        """Return the object for the counts of an inbox."""
        return cls(
            types=[NotificationTypeCount.of(each) for each in counts.types],
            categories=[NotificationCategoryCount.of(each) for each in counts.categories],
        )
