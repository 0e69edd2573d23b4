"""How far a bulk send has come, for its result and for the errors that end it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db import OperationalError

from live_inbox.errors import InvalidInput
from live_inbox.services.bulk_record import BulkCancelled, Outcomes
from live_inbox.services.results import SentMany


class SendManyInterrupted(OperationalError):
    """Raised when the database fails in the middle of a bulk send, which has reached only some of its recipients.

    `progress` counts those who are known to have it: the transaction under way at that moment, of 500 recipients at
    most, may have been committed as well. `remaining` is how many are left. With an idempotency key, the same call
    reaches those who have not been dealt with. The cause is the database's error.
    """

    def __init__(self, progress: SentMany, *, remaining: int, has_key: bool) -> None:
        again = (
            "The same call with the same idempotency key reaches the others, and nobody twice."
            if has_key
            else "It had no idempotency key: the same call would reach all of them again."
        )
        super().__init__(
            f"The database failed when {progress.reached} recipients had the notification and {remaining} were left."
            f" {again}"
        )
        self.progress = progress
        self.remaining = remaining


class SenderDeleted(InvalidInput):
    """Raised when the sender of a bulk send has been deleted in the middle of it.

    `progress` counts those who have the notification, and `remaining` is how many are left. The same call is refused,
    because there is no such sender; without a sender, it is another bulk send.
    """

    def __init__(self, progress: SentMany, *, remaining: int) -> None:
        super().__init__(
            f"The sender was deleted when {progress.reached} recipients had the notification and {remaining}"
            " were left.",
            field="sender_id",
        )
        self.progress = progress
        self.remaining = remaining


class SendManyCancelled(BulkCancelled):
    """Raised when somebody has cancelled or recalled a bulk send in the middle of it.

    `progress` counts those who got the notification before that, and `remaining` is how many do not get it.
    """

    def __init__(self, progress: SentMany, *, remaining: int) -> None:
        super().__init__()
        self.message = (
            f"The bulk send was cancelled when {progress.reached} recipients had the notification and {remaining}"
            " were left."
        )
        self.args = (self.message,)
        self.progress = progress
        self.remaining = remaining


class BulkProgress:
    """The recipients of a bulk send that are dealt with so far."""

    def __init__(
        self,
        recipients: int,
        *,
        earlier: Outcomes,
        skipped: Collection[Any],
        scheduled: Collection[Any] = (),
    ) -> None:
        self._recipients = recipients
        self._scheduled = set(scheduled)
        self._sent: dict[Any, int] = {}
        self._replayed: dict[Any, int] = {}
        self._skipped = set(skipped)
        self._suppressed = 0
        self._add_earlier(earlier)

    def add(
        self,
        *,
        sent: Mapping[Any, int],
        suppressed: int,
        earlier: Outcomes,
        skipped: Collection[Any],
        scheduled: Collection[Any] = (),
    ) -> None:
        """Add a chunk that has been committed. `earlier` are those of it whom other calls have dealt with."""
        self._scheduled |= set(scheduled)
        self._sent |= sent
        self._suppressed += suppressed
        self._skipped |= set(skipped)
        self._add_earlier(earlier)

    def _add_earlier(self, outcomes: Outcomes) -> None:
        had = {recipient: sent for recipient, sent in outcomes.items() if sent is not None}
        self._replayed |= had
        self._suppressed += len(outcomes) - len(had)

    @property
    def remaining(self) -> int:
        """How many recipients are not dealt with."""
        done = len(self._sent) + len(self._replayed) + len(self._skipped) + self._suppressed
        return self._recipients - done - len(self._scheduled)

    def result(self) -> SentMany:
        """Return the counts, and the ids of the notifications."""
        return SentMany(
            sent=len(self._sent),
            suppressed=self._suppressed,
            replayed=len(self._replayed),
            skipped=len(self._skipped),
            notification_ids=self._sent | self._replayed,
            skipped_recipients=frozenset(self._skipped),
            scheduled=len(self._scheduled),
            scheduled_recipients=frozenset(self._scheduled),
        )
