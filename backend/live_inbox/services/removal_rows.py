"""The rows of notifications that are removed: what is needed of them, read under the locks of their inboxes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from live_inbox.models import Notification


class RemovalRow(NamedTuple):
    """What is needed of a notification to remove it, read under the lock of its inbox."""

    id: int
    user_id: Any
    type: str
    read_at: datetime | None
    added_sequence: int
    folder: str
    returned_rank: int | None
    snoozed_until: datetime | None
    group_root: int | None

    @classmethod
    def of(cls, notification: Notification) -> RemovalRow:
        """Return that of a notification."""
        return cls(*(getattr(notification, name) for name in REMOVAL_COLUMNS))

    @property
    def read(self) -> bool:
        """Whether it is read."""
        return self.read_at is not None

    @property
    def rank(self) -> int:
        """See `Notification.rank`."""
        return self.id if self.returned_rank is None else self.returned_rank


REMOVAL_COLUMNS = tuple(
    "recipient_id" if name == "user_id" else name for name in RemovalRow._fields
)
"""The columns of a RemovalRow, for `values_list`."""
