"""The record of a bulk send with an idempotency key: its row, and who has been dealt with.

Both are written in the transaction of each chunk, so they say exactly whom the bulk send has reached, wherever it was
killed. The keys of the notifications (`bulk_keys.py`) say less: a notification may have been deleted since, and who had
turned the type off never had one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from django.contrib.auth import get_user_model
from django.db.models import F
from django.db.models.functions import Now

from live_inbox import database
from live_inbox.errors import Conflict
from live_inbox.models import BulkSend, BulkSendChunk

Outcomes = Mapping[Any, int | None]
"""The ids of the notifications that recipients got, by recipient; None for those who had turned the type off."""


class Overtaken(Exception):
    """Raised in the transaction of a chunk when the record has changed since it was read: read it again."""


class BulkRecord:
    """The record of one bulk send, as this call has last read or written it."""

    def __init__(self, *, sender_id: Any, key: str, digest: str) -> None:
        """`digest` is that of what the call was given."""
        self._sender_id = sender_id
        self._key = key
        self._digest = digest
        self.recipients = 0
        """How many recipients this call has."""
        self._id: int | None = None
        self._chunks = 0
        self.outcomes = dict[Any, int | None]()
        """Everybody who has been dealt with, by this call and others."""

    def read(self) -> bool:
        """Read what other calls have recorded since; return whether that is anything.

        Raises Conflict if those calls were given something else.
        """
        before = self._id, self._chunks
        # The row comes with its first chunk. If there is none, housekeeping has removed it.
        self._id, self._chunks = None, 0
        to_python = get_user_model()._meta.pk.to_python
        for id, number, digest, outcomes in _chunks(self._sender_id, self._key):
            if digest != self._digest:
                raise Conflict("This idempotency key was used for another notification.")
            self._id, self._chunks = id, number
            self.outcomes |= {to_python(key): sent for key, sent in orjson.loads(outcomes)}
        return (self._id, self._chunks) != before

    def claim(self) -> int:
        """Lock the row until the transaction ends, and count one chunk more; return its id.

        Comes before the inboxes are locked: calls with one key wait for each other here, and then do not deadlock.
        Raises Overtaken if another call was faster, and IntegrityError if that was the first chunk.
        """
        if self._id is None:
            row = database.queryset(BulkSend).create(
                sender_id=self._sender_id,
                idempotency_key=self._key,
                given_digest=self._digest,
                recipients=self.recipients,
                chunks=1,
                started_at=Now(),
                changed_at=Now(),
            )
            return row.pk
        as_read = database.queryset(BulkSend).filter(pk=self._id, chunks=self._chunks)
        if not as_read.update(chunks=F("chunks") + 1, recipients=self.recipients, changed_at=Now()):
            raise Overtaken
        return self._id

    def write(self, id: int, outcomes: Outcomes) -> None:
        """Write what became of a chunk's recipients, in the transaction that has claimed it."""
        suppressed = sum(sent is None for sent in outcomes.values())
        document = orjson.dumps([*outcomes.items()], default=str).decode()
        database.queryset(BulkSendChunk).create(
            bulk_send_id=id,
            number=self._chunks + 1,
            sent=len(outcomes) - suppressed,
            suppressed=suppressed,
            outcomes=document,
        )

    def committed(self, id: int, outcomes: Outcomes) -> None:
        """Remember a chunk of this call, after its transaction."""
        self._id = id
        self._chunks += 1
        self.outcomes |= outcomes


@database.reading
def _chunks(sender_id: Any, key: str) -> list[tuple[int, int, str, str]]:
    """Return the chunks that are recorded, with the id of their bulk send and the digest of what it was given."""
    rows = database.queryset(BulkSendChunk).filter(
        bulk_send__sender=sender_id, bulk_send__idempotency_key=key
    )
    columns = ("bulk_send_id", "number", "bulk_send__given_digest", "outcomes")
    return list(rows.order_by("number").values_list(*columns))


def outcomes_of(
    recipients: Iterable[Any], had: Mapping[Any, int], sent: Mapping[Any, int]
) -> Outcomes:
    """Return what became of a chunk's recipients: some had the notification, others have it now or do not want it."""
    return {each: sent.get(each, had.get(each)) for each in recipients}
