"""What the services return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from live_inbox.delivery.position import Position
from live_inbox.models import Inbox, Notification, ScheduledSend


@dataclass(frozen=True, slots=True)
class Sent:
    """The result of a send: a notification, unless the recipient does not want that type.

    `replayed` says that the idempotency key was seen before and this is the first result. `scheduled` is the send that
    waits for its `deliver_at`; then there is no notification yet.
    """

    notification: Notification | None
    suppressed: bool = False
    replayed: bool = False
    scheduled: ScheduledSend | None = None


@dataclass(frozen=True, slots=True)
class SentMany:
    """How many recipients of a bulk send got the notification by this call, had turned its type off, got it by an
    earlier call with the same key, or were skipped because they have been deleted.

    `suppressed` counts those whom earlier calls have passed over, too: they do not get it later. `notification_ids` has
    the id of each copy, by the recipient's primary key, also of one that has been deleted since; those who are
    suppressed or skipped are absent. `skipped_recipients` are the primary keys of those who were skipped. `scheduled`
    counts those whose notification waits for its `deliver_at`, by this call or an earlier one. `campaign_id` names the
    bulk send for `campaign`, `cancel_campaign` and `recall_campaign`; None without an idempotency key.
    """

    sent: int
    suppressed: int
    replayed: int = 0
    skipped: int = 0
    notification_ids: Mapping[Any, int] = field(default_factory=dict, compare=False, repr=False)
    skipped_recipients: frozenset[Any] = field(default=frozenset(), compare=False, repr=False)
    scheduled: int = 0
    scheduled_recipients: frozenset[Any] = field(default=frozenset(), compare=False, repr=False)
    campaign_id: int | None = field(default=None, compare=False, repr=False)

    @property
    def reached(self) -> int:
        """How many recipients have the notification, by this call or an earlier one."""
        return self.sent + self.replayed


@dataclass(frozen=True, slots=True)
class Changed:
    """A notification after a change; `changed` is false if it was so already."""

    notification: Notification
    changed: bool
    unread_count: int
    total_count: int
    unseen_count: int
    position: Position


@dataclass(frozen=True, slots=True)
class AllRead:
    """An inbox after a mark-all-read; `count` is how many became read. See BulkChanged for the rest."""

    count: int
    unread_count: int
    total_count: int
    unseen_count: int
    position: Position
    has_more: bool = False
    undo_token: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """An inbox after its list was opened; `count` is how many are unseen no more."""

    count: int
    unread_count: int
    total_count: int
    unseen_count: int
    position: Position


@dataclass(frozen=True, slots=True)
class BulkChanged:
    """An inbox after a bulk change, or after one was undone; `count` is how many notifications were changed.

    `has_more` says that there may be more to change: the same call goes on. `undo_token` undoes what was changed,
    within UNDO_SECONDS; None if nothing was, or nothing can be undone.
    """

    count: int
    unread_count: int
    total_count: int
    unseen_count: int
    position: Position
    has_more: bool = False
    undo_token: str | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """An inbox after a notification was deleted. `undo_token` undoes it, if that was asked for."""

    notification_id: int
    unread_count: int
    total_count: int
    unseen_count: int
    position: Position
    undo_token: str | None = None


def changed_result(inbox: Inbox, notification: Notification, changed: bool) -> Changed:
    """Return the result of a change of one notification of a locked inbox."""
    return Changed(
        notification,
        changed,
        inbox.unread_count,
        inbox.total_count,
        inbox.unseen_count,
        inbox.position,
    )
