"""The hub: receives doorbells for one process, and keeps the live streams of the inboxes that are open there."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Generic

from live_inbox import metrics, tracing
from live_inbox.delivery.batch import traceparents_of
from live_inbox.delivery.cancelling import cancel_all
from live_inbox.delivery.channel_layer import ChannelLayer, HubLayer
from live_inbox.delivery.channel_listener import ChannelListener
from live_inbox.delivery.doorbell_message import DoorbellCodec
from live_inbox.delivery.groups import Groups
from live_inbox.delivery.hub_config import HubConfig
from live_inbox.delivery.live_stream import LiveStream, Verdict
from live_inbox.delivery.log import DeliverySource, EntryT, Log
from live_inbox.delivery.log_reader import LogReader
from live_inbox.delivery.open_inbox import Listener, OpenInbox
from live_inbox.delivery.position import Position
from live_inbox.delivery.subscription import HubClosed, PositionLost, Subscription
from live_inbox.faults import RecurringFault

__all__ = [
    "ChannelLayer",
    "Hub",
    "HubClosed",
    "HubConfig",
    "Listener",
    "PositionLost",
    "Subscription",
]

_DOUBTS = 10
"""Doorbells of one inbox, between two reconciliations, for which the log is read although no event follows them."""

_TO_READ = {Verdict.GAP, Verdict.FIRST}
"""Verdicts after which the log is read at once."""

# Finding the counter of a label costs more than counting.
_COUNTERS = {
    verdict: metrics.DOORBELLS_RECEIVED.labels(verdict.name.lower()) for verdict in Verdict
}


class Hub(Generic[EntryT]):
    """Keeps the live stream of every inbox that has a subscriber in this process.

    One task receives from the channel layer, one keeps its groups, one reads the log, one starts reconciliation.
    There are no queues and no tasks for single subscribers. `on_empty` is called with an inbox whose doorbell carries
    no events: the account of its user has changed. `codec` authenticates what arrives over the layer. `wall_clock`
    returns unix seconds. `on_round` is called after each round of the log reader, with whether it was a
    reconciliation; `on_delivered` when the listeners of an inbox have been called, with the last of the new events.
    """

    def __init__(
        self,
        log: Log[EntryT],
        *,
        layer: HubLayer | None,
        decode: Callable[[bytes], EntryT],
        own_doorbell: str = "",
        codec: DoorbellCodec | None = None,
        on_empty: Callable[[str], None] | None = None,
        config: HubConfig | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_round: Callable[[bool], None] = lambda is_reconciliation: None,
        on_delivered: Callable[[EntryT, DeliverySource], None] = lambda entry, source: None,
    ) -> None:
        self._decode = decode
        self._on_empty = on_empty
        self._on_delivered = on_delivered
        self.config = config or HubConfig()
        self._clock = clock
        self._sleep = sleep
        self._open_inboxes: dict[str, OpenInbox[EntryT]] = {}
        self._doubts: Counter[str] = Counter()
        self._unreadable = RecurringFault(
            "reading of doorbells", metrics.DOORBELLS_UNREADABLE, clock=clock
        )
        self._reader = LogReader(
            log,
            self._open_inboxes,
            config=self.config,
            sleep=sleep,
            clock=clock,
            on_round=on_round,
            on_delivered=on_delivered,
        )
        self._groups: Groups | None = None
        self._renew_seconds = math.inf
        self._listener: ChannelListener | None = None
        if layer is not None:
            self._connect(layer, log, own_doorbell, codec or DoorbellCodec(), wall_clock)
        self._age_at = clock() + self.config.linger_seconds
        self._renew_at = clock() + self._renew_seconds
        self._tasks: list[asyncio.Task[None]] = []
        self.is_closed = False
        """Whether the hub has been stopped."""

    def _connect(
        self,
        layer: HubLayer,
        log: Log[EntryT],
        own_doorbell: str,
        codec: DoorbellCodec,
        wall_clock: Callable[[], float],
    ) -> None:
        # Unlike `new_channel()`, a name of our own leaves no queue behind when Redis is down. It is unique, so no
        # other deployment on the same Redis has it.
        channel = f"inbox-hub.{uuid.uuid4().hex}"
        groups = self._groups = Groups(
            layer,
            channel,
            deployment=log.deployment,
            on_joined=self._reader.reconcile,
            limit_seconds=self.config.layer_seconds,
            sleep=self._sleep,
        )
        self._renew_seconds = self._groups.renew_seconds
        self._listener = ChannelListener(
            layer,
            channel,
            codec=codec,
            deployment=lambda: groups.deployment,
            own_doorbell=own_doorbell,
            on_batch=self.on_message,
            on_lost=self._renew_groups,
            on_missed=self._reconcile_all,
            retry_seconds=self.config.layer_seconds,
            sleep=self._sleep,
            clock=self._clock,
            wall_clock=wall_clock,
        )

    # -- start and stop -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the tasks. Returns at once: neither the layer nor the database has to be up."""
        loops = [self._reader.run(), self._reconcile_forever()]
        if self._listener is not None and self._groups is not None:
            # The listener first: some layers let a channel into groups only while it is received from.
            loops += [self._listener.run(), self._groups.keep()]
        self._tasks = [asyncio.create_task(loop, name="hub") for loop in loops]

    async def stop(self) -> None:
        """End every subscription with HubClosed and leave the channel layer."""
        self.is_closed = True
        # Once the reader has ended, everything that waits for it is pending again.
        await cancel_all(self._tasks)
        for open_inbox in self._open_inboxes.values():
            open_inbox.ready.set()
            open_inbox.wake()
        self._reader.close()
        self._open_inboxes.clear()
        metrics.OPEN_INBOXES.set(0)
        if self._groups is not None:
            await self._groups.close()

    @property
    def is_layer_failing(self) -> bool:
        """Whether the channel layer has failed to receive, or to join a group, at the last attempt."""
        parts = (self._listener, self._groups)
        return any(part is not None and part.is_failing for part in parts)

    # -- subscriptions ------------------------------------------------------------------------------------

    @asynccontextmanager
    async def subscribe(
        self, inbox: str, after: Position | None = None
    ) -> AsyncIterator[Subscription[EntryT]]:
        """Hold a subscription to an inbox while in the block. See `open`."""
        subscription = await self.open(inbox, after)
        try:
            yield subscription
        finally:
            subscription.close()

    async def open(self, inbox: str, after: Position | None = None) -> Subscription[EntryT]:
        """Subscribe to an inbox from a position or, without one, from now on. Close the subscription in the end.

        From the return on, no event that is committed later can be missed: what is read from the database
        afterwards is older than, or the same as, what the subscription gives. Raises HubClosed.
        """
        if self.is_closed:
            raise HubClosed
        open_inbox = self._open(inbox, after)
        is_fresh = self._reader.is_opening(inbox)
        open_inbox.subscribers += 1
        metrics.SUBSCRIPTIONS.inc()
        try:
            await open_inbox.ready.wait()
            if after is None and not is_fresh:
                await self._catch_up_with_log(inbox, open_inbox)
            if self.is_closed:
                raise HubClosed
        except BaseException:
            self.leave(open_inbox)
            raise
        return Subscription(
            self, inbox, open_inbox, open_inbox.stream.head if after is None else after
        )

    def leave(self, open_inbox: OpenInbox[EntryT]) -> None:
        """Count one subscriber less."""
        metrics.SUBSCRIPTIONS.dec()
        open_inbox.subscribers -= 1
        open_inbox.unused_since = self._clock()

    async def _catch_up_with_log(self, inbox: str, open_inbox: OpenInbox[EntryT]) -> None:
        """Have a stream that was open before read what it lacks: "from now on" begins after that."""
        page: Sequence[EntryT] | None = None
        while page is None or len(page) == self.config.page_length:
            with suppress(PositionLost):  # then the stream has begun anew
                page = await self.read(inbox, open_inbox.stream.head)

    def _open(self, inbox: str, after: Position | None) -> OpenInbox[EntryT]:
        open_inbox = self._open_inboxes.get(inbox)
        if open_inbox is None:
            stream: LiveStream[EntryT] = LiveStream(
                capacity=self.config.run_length, batch_length=self.config.batch_length
            )
            open_inbox = self._open_inboxes[inbox] = OpenInbox(stream)
            self._reader.open(inbox)
            if self._groups is not None:
                self._groups.join(inbox)
            metrics.OPEN_INBOXES.set(len(self._open_inboxes))
        if after is not None and not open_inbox.stream.is_anchored:
            open_inbox.wanted.add(after)
        return open_inbox

    async def read(self, inbox: str, after: Position) -> list[EntryT]:
        """Return a page of the log after a position. Raises PositionLost and HubClosed."""
        if self.is_closed:
            raise HubClosed
        return await self._reader.read(inbox, after)

    # -- doorbells ----------------------------------------------------------------------------------------

    def on_message(self, event_batch: Mapping[str, Sequence[bytes]]) -> None:
        """Process encoded events by inbox, as doorbells carry them. Accepts anything, in any order."""
        verdicts: list[Verdict] = []
        for inbox, entries in event_batch.items():
            open_inbox = self._open_inboxes.get(inbox)
            if open_inbox is not None:
                verdicts += self._offer(inbox, open_inbox, entries)
            if not entries and self._on_empty is not None:
                self._on_empty(inbox)
        for verdict, counter in _COUNTERS.items():
            if count := verdicts.count(verdict):
                counter.inc(count)

    def _offer(
        self, inbox: str, open_inbox: OpenInbox[EntryT], entries: Iterable[bytes]
    ) -> list[Verdict]:
        verdicts: list[Verdict] = []
        appended: EntryT | None = None
        traced: list[EntryT] | None = None
        for encoded in entries:
            try:
                entry = self._decode(encoded)
                if entry.inbox != inbox:
                    raise ValueError(f"an entry of inbox {entry.inbox}")
                if entry.traceparent is not None:
                    traced = [*(traced or ()), entry]
                verdict = open_inbox.stream.offer(entry)
            except Exception as error:
                self._unreadable.report(error)
                verdict = Verdict.GAP
            else:
                if verdict is Verdict.APPENDED:
                    appended = entry
                elif verdict is Verdict.FIRST:
                    open_inbox.announce(entry.sequence)
                elif verdict is Verdict.CONTRADICTED and self._may_doubt(inbox):
                    self._reader.dispute(entry)
            verdicts.append(verdict)
        # Of what is not traced, nothing is measured.
        span = None if traced is None else tracing.receiving(traceparents_of(traced) or ())
        if appended is not None:
            open_inbox.wake()
            self._on_delivered(appended, DeliverySource.DOORBELL)
        if not _TO_READ.isdisjoint(verdicts) or (
            Verdict.FOREIGN in verdicts and self._may_doubt(inbox)
        ):
            self._reader.reconcile({inbox})
        if span is not None:
            span.end(outcome=verdicts[-1].name.lower(), subscribers=open_inbox.subscribers)
        return verdicts

    def _may_doubt(self, inbox: str) -> bool:
        """Count a doorbell that may be an old one, which anybody could send again and again."""
        self._doubts[inbox] += 1
        return self._doubts[inbox] <= _DOUBTS

    # -- reconciliation -----------------------------------------------------------------------------------

    async def _reconcile_forever(self) -> None:
        while True:
            await self._sleep(self.config.reconcile_seconds)
            self.reconcile()

    def reconcile(self) -> None:
        """Compare every live stream with the log, soon; drop what is unused, and renew group memberships when due."""
        self._doubts.clear()
        self._drop_unused()
        if self._clock() >= self._age_at:
            self._age_at = self._clock() + self.config.linger_seconds
            for open_inbox in self._open_inboxes.values():
                open_inbox.stream.age()
        if self._clock() >= self._renew_at:
            self._renew_groups()
        self._reconcile_all()

    def _reconcile_all(self) -> None:
        self._reader.reconcile_all()

    def _renew_groups(self) -> None:
        """Join all groups again on a layer that may have forgotten them: by expiry, or with a restart of its server."""
        self._renew_at = self._clock() + self._renew_seconds
        if self._groups is not None and self._groups.renew_seconds < math.inf:
            self._groups.renew()

    def _drop_unused(self) -> None:
        horizon = self._clock() - self.config.linger_seconds
        for inbox, open_inbox in list(self._open_inboxes.items()):
            if not open_inbox.subscribers and open_inbox.unused_since <= horizon:
                del self._open_inboxes[inbox]
                if self._groups is not None:
                    self._groups.leave(inbox)
        metrics.OPEN_INBOXES.set(len(self._open_inboxes))
