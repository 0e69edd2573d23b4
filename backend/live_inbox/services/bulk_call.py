"""What all chunks of one bulk send share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from live_inbox.services.bulk_progress import BulkProgress
from live_inbox.services.bulk_record import BulkRecord
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
