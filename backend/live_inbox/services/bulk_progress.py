"""How far a bulk send has come, for its result and for the error that ends it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db import OperationalError

from live_inbox.services.results import SentMany


class SendManyInterrupted(OperationalError):
    """Raised when the database fails in the middle of a bulk send, which has reached only some of its recipients.

    `progress` counts those who are known to have it: the transaction under way at that moment, of 500 recipients at
    most, may have been committed as well. `remaining` is how many are left. With an idempotency key, the same call
    reaches those who do not have it yet. The cause is the database's error.
    """

    def __init__(self, progress: SentMany, *, remaining: int, has_key: bool) -> None:
        done = progress.sent + progress.replayed
        again = (
            "The same call with the same idempotency key reaches the others, and nobody twice."
            if has_key
            else "It had no idempotency key: the same call would reach all of them again."
        )
        super().__init__(
            f"The database failed when {done} recipients had the notification and {remaining} were left. {again}"
        )
        self.progress = progress
        self.remaining = remaining


class BulkProgress:
    """The recipients of a bulk send that are dealt with so far."""

    def __init__(
        self, recipients: int, *, replayed: Mapping[Any, int], skipped: Collection[Any]
    ) -> None:
        self._recipients = recipients
        self._sent: dict[Any, int] = {}
        self._replayed = dict(replayed)
        self._skipped = set(skipped)
        self._suppressed = 0

    def add(
        self,
        chunk: Collection[Any],
        *,
        sent: Mapping[Any, int],
        replayed: Mapping[Any, int],
        skipped: Collection[Any],
    ) -> None:
        """Add a chunk that has been committed. Who is in none of the others does not want the type."""
        self._sent |= sent
        self._replayed |= replayed
        self._skipped |= set(skipped)
        self._suppressed += len(chunk) - len(sent) - len(replayed) - len(skipped)

    @property
    def remaining(self) -> int:
        """How many recipients are not dealt with."""
        done = len(self._sent) + len(self._replayed) + len(self._skipped) + self._suppressed
        return self._recipients - done

    def result(self) -> SentMany:
        """Return the counts, and the ids of the notifications."""
        return SentMany(
            sent=len(self._sent),
            suppressed=self._suppressed,
            replayed=len(self._replayed),
            skipped=len(self._skipped),
            notification_ids=self._sent | self._replayed,
            skipped_recipients=frozenset(self._skipped),
        )
