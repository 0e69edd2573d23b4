"""Disputes: doorbells that contradict a live stream, about which the log decides."""

from __future__ import annotations

from typing import Generic

from live_inbox import metrics
from live_inbox.delivery.log import UNTOUCHED, EntryT, Log, LogRange
from live_inbox.delivery.open_inbox import OpenInbox
from live_inbox.faults import RecurringFault


class Contradiction(Exception):
    """Says, in the server's log, who was wrong."""


class Disputes(Generic[EntryT]):
    """Compares contradicted entries of live streams with the log.

    The log holds what the stream holds: then the doorbell was wrong, and nothing changes. Otherwise the stream has
    carried what was never committed, or was taken back by a restore. It begins anew, and all its subscribers get a
    reset, because each of them may have received the wrong entry.
    """

    def __init__(self, log: Log[EntryT], open_inboxes: dict[str, OpenInbox[EntryT]]) -> None:
        self._log = log
        self._open_inboxes = open_inboxes
        self._open: set[tuple[str, int]] = set()
        self._faults = {
            wrong: RecurringFault(f"{wrong} of an inbox", metrics.CONTRADICTIONS.labels(wrong))
            for wrong in ("doorbell", "stream")
        }

    def __bool__(self) -> bool:
        return bool(self._open)

    def add(self, entry: EntryT) -> None:
        """Have the log decide about the entry of this sequence, at the next `settle`."""
        self._open.add((entry.inbox, entry.sequence))

    async def settle(self) -> set[str]:
        """Read the log, and let it decide. Returns the inboxes whose streams have begun anew.

        Raises what reading raises; the disputes then stay open.
        """
        disputed = sorted(self._open)
        heads = await self._log.heads({inbox for inbox, _ in disputed})
        ranges = [LogRange(inbox, sequence - 1) for inbox, sequence in disputed]
        pages = await self._log.read(ranges, limit=1)
        metrics.LOG_READS.inc(len(ranges))
        self._open.difference_update(disputed)
        restarted: set[str] = set()
        for (inbox, sequence), page in zip(disputed, pages, strict=True):
            open_inbox = self._open_inboxes.get(inbox)
            held = None if open_inbox is None else open_inbox.stream.held(sequence)
            if open_inbox is None or held is None:
                continue
            if any(held.is_same(entry) for entry in page):
                self._report("doorbell", inbox, sequence)
                continue
            self._report("stream", inbox, sequence)
            open_inbox.restart_in_doubt(heads.get(inbox, UNTOUCHED).position)
            restarted.add(inbox)
        return restarted

    def _report(self, wrong: str, inbox: str, sequence: int) -> None:
        self._faults[wrong].report(
            Contradiction(f"event {sequence} of inbox {inbox} is another one in the log")
        )
