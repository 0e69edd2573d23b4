"""The log reader: the one task of a hub that reads the database, in batches, for all open inboxes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Generic

from live_inbox import metrics
from live_inbox.batching import pause_after
from live_inbox.delivery.disputes import Disputes
from live_inbox.delivery.hub_config import HubConfig
from live_inbox.delivery.live_stream import Verdict
from live_inbox.delivery.log import (
    UNTOUCHED,
    DeliverySource,
    EntryT,
    Head,
    Log,
    LogRange,
    ResetReason,
    continues,
)
from live_inbox.delivery.open_inbox import OpenInbox
from live_inbox.delivery.position import Position, is_other_event
from live_inbox.delivery.subscription import HubClosed, PositionLost
from live_inbox.faults import Fault

MOST_AT_A_TIME = 1000
"""Inboxes that are opened, and pages that are read, in one round. A round that the database does not answer in time
fails as a whole and is repeated: of ten thousand clients that came back at once, none got anything for a minute."""

COMPARED_AT_A_TIME = 2000
"""Streams that are compared with the log in one round. In between, the event loop delivers: 25,000 at once took it
85 ms."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """The part of the log that a live stream lacks: what follows its own head, up to that of the log."""

    inbox: str
    after: Position
    head: Position


@dataclass(slots=True)
class _Read(Generic[EntryT]):
    """A subscriber's request for a page of the log."""

    inbox: str
    after: Position
    answer: asyncio.Future[list[EntryT]]
    is_retry: bool = False

    def resolve(self, answer: list[EntryT] | Exception) -> None:
        """Set the answer, unless the subscriber waits no longer."""
        if self.answer.done():
            return
        if isinstance(answer, Exception):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)


class LogReader(Generic[EntryT]):
    """Anchors new streams, reconciles streams with the log, and reads pages for subscribers that lag.

    Requests are collected while a read is under way and served together, so that a thousand clients that resume at
    once become a handful of queries, and of more than MOST_AT_A_TIME the first are served first. After each round that
    succeeds, `on_round` is called, with whether all streams have been compared.
    """

    def __init__(
        self,
        log: Log[EntryT],
        open_inboxes: dict[str, OpenInbox[EntryT]],
        *,
        config: HubConfig,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
        on_round: Callable[[bool], None] = lambda is_reconciliation: None,
        on_delivered: Callable[[EntryT, DeliverySource], None] = lambda entry, source: None,
    ) -> None:
        self._clock = clock
        self._log = log
        self._open_inboxes = open_inboxes
        self._config = config
        self._sleep = sleep
        self._opening: set[str] = set()
        self._on_round = on_round
        self._on_delivered = on_delivered
        # In the order in which they were asked for, so that all have their turn.
        self._to_reconcile: dict[str, None] = {}
        self._uncompared: set[str] | None = None
        """What the reconciliation that is under way has still to compare; None while none is."""
        self._recovered = 0
        self._reads: list[_Read[EntryT]] = []
        self._disputes = Disputes(log, open_inboxes)
        self._work = asyncio.Event()
        self._fault = Fault("inbox log", metrics.LOG_FAULTS)
        self._reconciliations = {
            has_found: metrics.RECONCILIATIONS.labels("found" if has_found else "nothing")
            for has_found in (False, True)
        }

    # -- requests -----------------------------------------------------------------------------------------

    def open(self, inbox: str) -> None:
        """Anchor the stream of a newly opened inbox, soon."""
        self._opening.add(inbox)
        self._work.set()

    def is_opening(self, inbox: str) -> bool:
        """Whether the stream of an inbox is to be anchored by a read that has not begun yet."""
        return inbox in self._opening

    def reconcile(self, inboxes: Iterable[str]) -> None:
        """Compare the streams of inboxes with the log, soon."""
        self._to_reconcile.update(dict.fromkeys(inboxes))
        self._work.set()

    def dispute(self, entry: EntryT) -> None:
        """Have the log decide about an entry that contradicts its stream, soon."""
        self._disputes.add(entry)
        self._work.set()

    def reconcile_all(self) -> None:
        """Compare all streams with the log, soon: COMPARED_AT_A_TIME in each round. There may be none."""
        if self._uncompared is None:
            self._uncompared, self._recovered = set(self._open_inboxes), 0
        self.reconcile(self._open_inboxes)

    async def read(self, inbox: str, after: Position) -> list[EntryT]:
        """Return a page of the log after a position. Raises PositionLost, or HubClosed at the end."""
        answer: asyncio.Future[list[EntryT]] = asyncio.get_running_loop().create_future()
        self._request(_Read(inbox, after, answer))
        return await answer

    def _request(self, read: _Read[EntryT]) -> None:
        self._reads.append(read)
        self._work.set()

    def close(self) -> None:
        """End every pending read with HubClosed. `run` must have ended."""
        for read in self._reads:
            read.resolve(HubClosed())
        self._reads.clear()

    # -- serving them -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve requests until cancelled; those under way are then pending again."""
        while True:
            await self._work.wait()
            self._work.clear()
            opening = set(islice(self._opening, MOST_AT_A_TIME))
            self._opening -= opening
            to_reconcile = self._next_to_reconcile()
            reads, self._reads = self._reads[:MOST_AT_A_TIME], self._reads[MOST_AT_A_TIME:]
            if is_more := bool(self._opening or self._reads or self._to_reconcile):
                self._work.set()
            began = self._clock()
            try:
                await self._serve(opening, to_reconcile, reads)
                self._on_round(self._has_compared_all(opening | to_reconcile))
                # Thousands of clients that come back come within seconds; without a pause, each read would be for
                # the few that came during the one before.
                if not is_more and (pause := pause_after(len(opening) + len(reads))):
                    await self._sleep(pause)
            except asyncio.CancelledError:
                self._reads += reads
                raise
            except Exception as error:
                self._fault.report(error)
                self._opening |= {inbox for inbox in opening if inbox in self._open_inboxes}
                self._to_reconcile = dict.fromkeys(to_reconcile) | self._to_reconcile
                self._reads += [read for read in reads if not read.answer.done()]
                # A failure that took long has been waited for enough.
                pause = min(1.0, self._config.reconcile_seconds)
                await self._sleep(max(0.0, pause - (self._clock() - began)))
                self._work.set()

    def _next_to_reconcile(self) -> set[str]:
        """Take the next streams that are to be compared."""
        for inbox in self._opening:
            # It is compared when it is opened.
            self._to_reconcile.pop(inbox, None)
        chosen = list(islice(self._to_reconcile, COMPARED_AT_A_TIME))
        for inbox in chosen:
            del self._to_reconcile[inbox]
        return set(chosen)

    def _has_compared_all(self, compared: set[str]) -> bool:
        """Note what a round has compared; return whether this was the end of a reconciliation."""
        if self._uncompared is None:
            return False
        self._uncompared -= compared
        if self._uncompared:
            return False
        self._uncompared = None
        self._reconciliations[self._recovered > 0].inc()
        return True

    async def _serve(
        self, opening: set[str], to_reconcile: set[str], reads: list[_Read[EntryT]]
    ) -> None:
        """Compare with the heads in the database, then fetch everything that is missing in one batch."""
        reads = [read for read in reads if not read.answer.done()]
        # The inboxes of reads too: no subscriber may enter a stream that the same head has proved wrong.
        names = opening | to_reconcile | {read.inbox for read in reads}
        compared = {
            inbox: open_inbox for inbox in names if (open_inbox := self._open_inboxes.get(inbox))
        }
        known = {
            inbox: open_inbox.stream.head
            for inbox, open_inbox in compared.items()
            if open_inbox.stream.is_anchored
        }
        if compared or reads:
            await self._serve_from_heads(opening, compared, known, reads)
        if self._disputes:
            self.reconcile(await self._disputes.settle())

    async def _serve_from_heads(
        self,
        opening: set[str],
        compared: dict[str, OpenInbox[EntryT]],
        known: dict[str, Position],
        reads: list[_Read[EntryT]],
    ) -> None:
        heads = await self._log.heads(compared.keys() | {read.inbox for read in reads})
        gaps: list[_Gap] = []
        for inbox, open_inbox in compared.items():
            head = heads.get(inbox, UNTOUCHED)
            if self._reconcile_head(inbox, open_inbox, head, known.get(inbox)):
                gaps.append(_Gap(inbox, open_inbox.stream.head, head.position))
        pending = [
            read for read in reads if not self._resolve_read(read, heads.get(read.inbox, UNTOUCHED))
        ]
        if gaps or pending:
            await self._fetch(gaps, pending)
        self._fault.recovered()
        for inbox in compared.keys() & opening:
            compared[inbox].wanted.clear()
            compared[inbox].ready.set()

    def _reconcile_head(
        self, inbox: str, open_inbox: OpenInbox[EntryT], head: Head, known: Position | None
    ) -> bool:
        """Bring a stream in line with the head in the database; return whether events have to be fetched."""
        stream = open_inbox.stream
        if known is None:
            # At most one page, too: a subscriber without a position begins at the end of what has been read.
            longest = min(self._config.run_length, self._config.page_length)
            if not stream.anchor(open_inbox.beginning(head, longest=longest)):
                self.reconcile({inbox})
        elif _went_back(known, head) or stream.head.sequence < head.first_sequence - 1:
            open_inbox.restart_at(head.position)
        stream.begin_epoch(head.position.epoch)
        return stream.head.sequence < head.position.sequence

    def _resolve_read(self, read: _Read[EntryT], head: Head) -> bool:
        """Answer a read that the head alone can answer; return whether it has an answer."""
        loss = head.loss(read.after)
        if loss is not None:
            read.resolve(PositionLost(loss))
        elif read.after.sequence == head.position.sequence:
            read.resolve([])
        return read.answer.done()

    async def _fetch(self, gaps: list[_Gap], reads: list[_Read[EntryT]]) -> None:
        ranges = [LogRange(gap.inbox, gap.after.sequence) for gap in gaps]
        ranges += [LogRange(read.inbox, read.after.sequence) for read in reads]
        pages = await self._log.read(ranges, limit=self._config.page_length)
        metrics.LOG_READS.inc(len(ranges))
        for gap, page in zip(gaps, pages, strict=False):
            self._fill(gap, page)
        for read, page in zip(reads, pages[len(gaps) :], strict=True):
            self._resolve_with_page(read, page)

    def _resolve_with_page(self, read: _Read[EntryT], page: list[EntryT]) -> None:
        """Answer a read with the part of its page that follows without a hole.

        A page that continues another event than that of the position is of a log that has gone on differently. Nothing
        follows when the log has lost its beginning since the head was read: the read is repeated, and the
        next head shows the loss. If it does not, there is a hole where the head promises none, and events are lost.
        """
        following = _contiguous(page, read.after)
        if following and not continues(following[0], read.after):
            read.resolve(PositionLost(ResetReason.EPOCH))
        elif following:
            metrics.REPLAY_EVENTS.observe(len(following))
            read.resolve(following)
        elif read.is_retry:
            read.resolve(PositionLost(ResetReason.EXPIRED))
        else:
            read.is_retry = True
            self._request(read)

    def _fill(self, gap: _Gap, page: list[EntryT]) -> None:
        open_inbox = self._open_inboxes.get(gap.inbox)
        if open_inbox is None:
            return
        if (
            page
            and page[0].sequence == gap.after.sequence + 1
            and not continues(page[0], gap.after)
        ):
            # The log was restored or failed over, and has gone on differently from what this stream holds.
            open_inbox.restart_at(gap.head)
            return
        appended = [entry for entry in page if open_inbox.stream.offer(entry) is Verdict.APPENDED]
        if appended:
            recovered = open_inbox.count_unannounced(appended)
            self._recovered += recovered
            metrics.EVENTS_RECOVERED.inc(recovered)
            open_inbox.wake()
            source = DeliverySource.LOG if recovered else DeliverySource.DOORBELL
            self._on_delivered(page[-1], source)
        if open_inbox.stream.head.sequence >= gap.head.sequence:
            return
        if appended:
            self.reconcile({gap.inbox})
        else:
            # A hole where the head promises none: the stream goes on behind it, and each subscriber reads the log
            # and learns what is lost.
            open_inbox.restart_at(gap.head)


def _went_back(known: Position, head: Head) -> bool:
    """Whether the database has lost what was known, and so committed, before the head was read."""
    now = head.position
    if known.is_origin:
        return False
    if known.epoch != now.epoch or known.sequence > now.sequence:
        return True
    return known.sequence == now.sequence and is_other_event(known.fingerprint, now.fingerprint)


def _contiguous(page: list[EntryT], after: Position) -> list[EntryT]:
    """Return the part of a page that follows a position without a hole, in the same epoch."""
    following: list[EntryT] = []
    epoch = after.epoch or (page[0].epoch if page else after.epoch)
    for sequence, entry in enumerate(page, after.sequence + 1):
        if entry.sequence != sequence or entry.epoch != epoch:
            break
        following.append(entry)
    return following
