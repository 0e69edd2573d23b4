"""The idempotency key of a bulk send: each recipient's notification has a key of its own, made from it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from live_inbox import database
from live_inbox.content import Content
from live_inbox.errors import Conflict
from live_inbox.models import Notification
from live_inbox.services.languages import Contents


def key_of_recipient(bulk_key: str, recipient_id: Any) -> str:
    """Return the key of one recipient's notification. A hash, so that it fits into the column."""
    digest = hashlib.sha256(f"{bulk_key}\n{recipient_id}".encode()).hexdigest()
    return f"bulk:{digest}"


@database.reading
def already_sent(
    sender_id: Any, keys: Mapping[Any, str | None], contents: Contents
) -> dict[Any, int]:
    """Return the ids of the notifications that recipients have by these keys, by recipient.

    Raises Conflict if one of them has other content.
    """
    wanted = [key for key in keys.values() if key is not None]
    if not wanted:
        return {}
    rows = database.queryset(Notification).filter(sender=sender_id, idempotency_key__in=wanted)
    found = {}
    for row in rows:
        # In any of its languages: the recipient may have changed theirs since.
        if Content.of(row) not in contents.by_language.values():
            raise Conflict("This idempotency key was used for another notification.")
        found[row.recipient_id] = row.pk
    return found
