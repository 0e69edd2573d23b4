"""What all chunks of one bulk send share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from live_inbox.services.bulk_progress import BulkProgress
from live_inbox.services.bulk_record import BulkRecord, Outcomes
from live_inbox.services.recipient_content import Contents


@dataclass(frozen=True, slots=True)
class BulkCall:
    """One call of `send_many`, validated: what it sends, in whose name, and how far it has come."""

    contents: Contents
    digest: str | None
    sender: Any
    keys: Mapping[Any, str | None]
    now: datetime | None
    record: BulkRecord | None
    progress: BulkProgress

    def split(self, chunk: Sequence[Any], skipped: Collection[Any]) -> tuple[Outcomes, list[Any]]:
        """Return what became of those of a chunk who have been dealt with, also by other calls, and who is left."""
        known = {} if self.record is None else self.record.outcomes
        earlier = {each: known[each] for each in chunk if each in known and each not in skipped}
        return earlier, [each for each in chunk if each not in earlier and each not in skipped]
