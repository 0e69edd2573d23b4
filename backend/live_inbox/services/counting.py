"""What a notification counts for in its inbox.

Every change is the difference between what its notification counted for before and what it does after. So the counts
stay exact whatever the change, and reading them costs the same at any size.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from live_inbox.events import Folder
from live_inbox.models import Inbox


class Counts(NamedTuple):
    """Numbers of notifications, or differences of such numbers."""

    unread: int = 0
    """Unread ones of the folder `inbox`."""
    total: int = 0
    """All of the folder `inbox`."""
    unseen: int = 0
    """Those of the unread ones that came after the list was last opened."""
    archived: int = 0
    snoozed: int = 0

    def plus(self, other: Counts) -> Counts:
        """Return the sums."""
        return Counts(*map(int.__add__, self, other))

    def minus(self, other: Counts) -> Counts:
        """Return the differences."""
        return Counts(*map(int.__sub__, self, other))


NONE = Counts()

_ELSEWHERE = {
    Folder.ARCHIVE.value: Counts(archived=1),
    Folder.SNOOZED.value: Counts(snoozed=1),
    # The one that it is folded under stands for it.
    Folder.GROUPED.value: NONE,
}


class Countable(Protocol):
    """A notification, or its row."""

    @property
    def folder(self) -> str: ...
    @property
    def read(self) -> bool: ...
    @property
    def rank(self) -> int: ...


def counts_of(notification: Countable, seen_through: int, *, read: bool | None = None) -> Counts:
    """Return what a notification counts for in an inbox that has been seen up to this rank.

    With `read`, what it would count for if it were read, or unread.
    """
    elsewhere = _ELSEWHERE.get(notification.folder)
    if elsewhere is not None:
        return elsewhere
    if notification.read if read is None else read:
        return Counts(total=1)
    return Counts(unread=1, total=1, unseen=int(notification.rank > seen_through))


def counts_of_inbox(inbox: Inbox) -> Counts:
    """Return the counts that an inbox has."""
    return Counts(
        inbox.unread_count,
        inbox.total_count,
        inbox.unseen_count,
        inbox.archived_count,
        inbox.snoozed_count,
    )
