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
from live_inbox.bulk_states import BulkState
from live_inbox.errors import Conflict
from live_inbox.models import BulkSend, BulkSendChunk

Outcomes = Mapping[Any, int | None]
"""The ids of the notifications that recipients got, by recipient; None for those who had turned the type off."""


class Overtaken(Exception):
    """Raised in the transaction of a chunk when the record has changed since it was read: read it again."""


class BulkCancelled(Conflict):
    """Raised when a bulk send has been cancelled or recalled: nobody else gets the notification."""

    def __init__(self) -> None:
        super().__init__("This bulk send has been cancelled.")


_GOES_ON = (BulkState.RUNNING, BulkState.DONE)
"""The states in which a call may send to further recipients."""


class BulkRecord:
    """The record of one bulk send, as this call has last read or written it."""

    def __init__(self, *, sender_id: Any, key: str, digest: str, title: str) -> None:
        """`digest` is that of what the call was given, and `title` what people know it by."""
        self._sender_id = sender_id
        self._key = key
        self._digest = digest
        self._title = title
        self.recipients = 0
        """How many recipients this call has."""
        self.id: int | None = None
        """That of the row; None until the first chunk has been committed."""
        self._chunks = 0
        self._state = ""
        self.outcomes = dict[Any, int | None]()
        """Everybody who has been dealt with, by this call and others."""

    def read(self) -> bool:
        """Read what other calls have recorded since; return whether that is anything.

        Raises Conflict if those calls were given something else, and BulkCancelled.
        """
        before = self.id, self._chunks
        # The row comes with its first chunk. If there is none, housekeeping has removed it.
        self.id, self._chunks = None, 0
        to_python = get_user_model()._meta.pk.to_python
        for row in _rows(self._sender_id, self._key):
            self.id, digest, self._state, number, outcomes = row
            if digest != self._digest:
                raise Conflict("This idempotency key was used for another notification.")
            if self._state not in _GOES_ON:
                raise BulkCancelled
            if number is not None:
                self._chunks = number
                self.outcomes |= {to_python(key): sent for key, sent in orjson.loads(outcomes)}
        return (self.id, self._chunks) != before

    def claim(self) -> int:
        """Lock the row until the transaction ends, and count one chunk more; return its id.

        Comes before the inboxes are locked: calls with one key wait for each other here, and then do not deadlock.
        Raises Overtaken if another call was faster, and IntegrityError if that was the first chunk.
        """
        if self.id is None:
            row = database.queryset(BulkSend).create(
                sender_id=self._sender_id,
                idempotency_key=self._key,
                given_digest=self._digest,
                title=self._title,
                recipients=self.recipients,
                chunks=1,
                started_at=Now(),
                changed_at=Now(),
            )
            return row.pk
        self._continue(self.id, chunks=F("chunks") + 1)
        return self.id

    def hold(self) -> tuple[int, bool]:
        """Lock the row until the transaction ends, for recipients who are dealt with later.

        Returns its id, and whether there was none: then it begins with a chunk without recipients. Raises what `claim`
        raises.
        """
        if self.id is None:
            id = self.claim()
            self.write(id, {})
            return id, True
        self._continue(self.id)
        self._state = BulkState.RUNNING
        return self.id, False

    def _continue(self, id: int, **changes: Any) -> None:
        """Lock the row by an update. Raises Overtaken unless it is as it was read."""
        as_read = database.queryset(BulkSend).filter(pk=id, chunks=self._chunks, state__in=_GOES_ON)
        if not as_read.update(
            recipients=self.recipients, state=BulkState.RUNNING, changed_at=Now(), **changes
        ):
            raise Overtaken

    def write(self, id: int, outcomes: Outcomes) -> None:
        """Write what became of a chunk's recipients, in the transaction that has claimed it."""
        write_chunk(id, self._chunks + 1, outcomes)

    def committed(self, id: int, outcomes: Outcomes) -> None:
        """Remember a chunk of this call, after its transaction."""
        self.id = id
        self._state = BulkState.RUNNING
        self._chunks += 1
        self.outcomes |= outcomes

    def finish(self) -> None:
        """Note that a call has dealt with all of its recipients. Another one may still have more."""
        if self.id is not None and self._state != BulkState.DONE:
            own = database.queryset(BulkSend).filter(pk=self.id, state=BulkState.RUNNING)
            own.update(state=BulkState.DONE)


def add_chunk(bulk_send: BulkSend, outcomes: Outcomes) -> None:
    """Count and write one chunk more of a bulk send whose row is locked by this transaction."""
    write_chunk(bulk_send.pk, bulk_send.chunks + 1, outcomes)
    row = database.queryset(BulkSend).filter(pk=bulk_send.pk)
    row.update(chunks=F("chunks") + 1, changed_at=Now())


@database.reading
def _rows(sender_id: Any, key: str) -> list[tuple[int, str, str, int | None, str]]:
    """Return the id of the bulk send, the digest of what it was given and its state, with each chunk of it.

    A campaign that has not begun has one row, with None for the chunk.
    """
    rows = database.queryset(BulkSend).filter(sender=sender_id, idempotency_key=key)
    columns = ("pk", "given_digest", "state", "chunk_rows__number", "chunk_rows__outcomes")
    return list(rows.order_by("chunk_rows__number").values_list(*columns))


def write_chunk(bulk_send_id: int, number: int, outcomes: Outcomes, *, failed: int = 0) -> None:
    """Write what became of a chunk's recipients, in the transaction that has dealt with them."""
    suppressed = sum(sent is None for sent in outcomes.values())
    document = orjson.dumps([*outcomes.items()], default=str).decode()
    database.queryset(BulkSendChunk).create(
        bulk_send_id=bulk_send_id,
        number=number,
        sent=len(outcomes) - suppressed,
        suppressed=suppressed,
        failed=failed,
        outcomes=document,
    )


def outcomes_of(
    recipients: Iterable[Any], had: Mapping[Any, int], sent: Mapping[Any, int]
) -> Outcomes:
    """Return what became of a chunk's recipients: some had the notification, others have it now or do not want it."""
    return {each: sent.get(each, had.get(each)) for each in recipients}
