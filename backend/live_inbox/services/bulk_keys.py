"""The keys of the notifications of a bulk send, made from its idempotency key and their recipients.

They keep a recipient from having the notification twice when the record of the bulk send is gone (`bulk_record.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from live_inbox import database
from live_inbox.content import Content
from live_inbox.errors import Conflict
from live_inbox.models import Notification
from live_inbox.services.recipient_content import Contents

LOOKUP = 5000
"""Keys that one query looks for. SQLite allows 32,766 parameters."""


def key_of_recipient(bulk_key: str, recipient_id: Any) -> str:
    """Return the key of one recipient's notification. A hash, so that it fits into the column."""
    digest = hashlib.sha256(f"{bulk_key}\n{recipient_id}".encode()).hexdigest()
    return f"bulk:{digest}"


@database.reading
def already_sent(
    sender_id: Any, keys: Mapping[Any, str | None], contents: Contents, digest: str | None
) -> dict[Any, int]:
    """Return the ids of the notifications that recipients have by these keys, by recipient.

    Raises Conflict if one of them comes from a send that was given something else.
    """
    wanted = [key for key in keys.values() if key is not None]
    found = {}
    for start in range(0, len(wanted), LOOKUP):
        rows = database.queryset(Notification).filter(
            sender=sender_id, idempotency_key__in=wanted[start : start + LOOKUP]
        )
        for row in rows:
            # An imported notification has no digest.
            if row.given_digest != digest and Content.of(row) not in contents.distinct:
                raise Conflict("This idempotency key was used for another notification.")
            found[row.recipient_id] = row.pk
    return found
