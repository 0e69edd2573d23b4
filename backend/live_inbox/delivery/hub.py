"""The hub: one process's receiver of doorbells, and the live streams of the inboxes that are open here."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol

from live_inbox import metrics
from live_inbox.batching import pause_after
from live_inbox.delivery.batch import Batch, in_batches
from live_inbox.delivery.groups import GroupLayer, Groups
from live_inbox.delivery.live_stream import LiveStream, Verdict
from live_inbox.delivery.log import UNTOUCHED, EntryT, Head, Log, LogRange, Loss
from live_inbox.delivery.position import Position
from live_inbox.faults import Fault

logger = logging.getLogger(__name__)

# Finding the counter of a label costs more than counting.
_HEARD = {verdict: metrics.DOORBELLS_HEARD.labels(verdict.name.lower()) for verdict in Verdict}


class ChannelLayer(GroupLayer, Protocol):
    """The part of the Channels layer interface that a hub uses."""

    async def receive(self, channel: str) -> dict[str, Any]: ...


class HubClosed(Exception):
    """Raised from `Subscription.take` when the hub stops: the process is going away."""


class PositionLost(Exception):
    """Raised from `Subscription.take` when the position cannot be resumed; the stream goes on after a reset."""

    def __init__(self, reason: Loss) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class HubRules:
    """The numbers that shape a hub."""

    run_length: int = 128
    """Events that a live stream keeps for subscribers that lag or come back, at least."""
    page_length: int = 128
    """Events read from the log at a time for one subscriber. One that does not read its socket holds that many."""
    batch_length: int = 32
    """Events that are told at a time, at most. Between portions, it is looked whether the client has room for more:
    this bounds what the server holds for one that comes back after a long time and does not read."""
    reconcile_seconds: float = 2.0
    """How long a lost doorbell can go unnoticed."""
    linger_seconds: float = 10.0
    """How long a stream stays after its last subscriber has left: clients that reconnect find it warm. Its events
    stay as long, and up to twice that."""
    layer_seconds: float = 2.0
    """How long the channel layer may take to answer before it counts as down."""


class Listener(Protocol):
    """Somebody who is to be told that there may be something new."""

    def on_events(self) -> None:
        """Look at the subscription. Called on the event loop; must neither wait nor fail."""


@dataclass(slots=True)
class _Tap(Generic[EntryT]):
    """An open inbox: its live stream and who waits for it."""

    stream: LiveStream[EntryT]
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    wanted: set[Position] = field(default_factory=set)
    subscribers: int = 0
    unused_since: float = 0.0
    # In the order of their coming. A dictionary, because a set of a thousand is slow to change while it is used.
    listeners: dict[Listener, None] = field(default_factory=dict)

    def wake(self) -> None:
        """Let everybody who listens look at the stream."""
        self.stream.share()
        for listener in tuple(self.listeners):
            listener.on_events()
        self.stream.put_away()


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A stretch of the log that a live stream lacks: what follows a sequence, up to the head."""

    inbox: str
    after: int
    head: Position


@dataclass(slots=True)
class _Read(Generic[EntryT]):
    """A subscriber's request for a page of the log."""

    inbox: str
    after: Position
    answer: asyncio.Future[list[EntryT]]
    asked_again: bool = False


class Hub(Generic[EntryT]):
    """Keeps the live stream of every inbox that has a subscriber in this process.

    There is one task that listens to the channel layer, one that keeps its groups and one that reads the log;
    whatever needs the database (opening a stream, filling a gap, a subscriber that lags, the watch) is put on
    that one reader's desk, so that a thousand clients resuming at once become a handful of queries. There are no
    per-subscriber queues and no per-subscriber tasks.
    """

    def __init__(
        self,
        log: Log[EntryT],
        *,
        layer: ChannelLayer | None,
        decode: Callable[[bytes], EntryT],
        own_doorbell: str = "",
        rules: HubRules | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._log = log
        self._layer = layer
        self._decode = decode
        self.rules = rules or HubRules()
        self._clock = clock
        self._sleep = sleep
        self._taps: dict[str, _Tap[EntryT]] = {}
        self._opening: set[str] = set()
        self._behind: set[str] = set()
        self._reads: list[_Read[EntryT]] = []
        self._age_at = clock() + self.rules.linger_seconds
        self._work = asyncio.Event()
        self._own_doorbell = own_doorbell
        # A name of our own instead of `new_channel()`: with Redis down, each call of that leaves a queue behind.
        self._channel = f"inbox-hub.{uuid.uuid4().hex}"
        self._groups = None
        if layer is not None:
            self._groups = Groups(
                layer,
                self._channel,
                on_joined=self._compare,
                limit_seconds=self.rules.layer_seconds,
                sleep=sleep,
            )
        self._layer_fault = Fault("channel layer (receiving)", metrics.LAYER_FAULTS)
        self._log_fault = Fault("inbox log", metrics.LOG_FAULTS)
        self._tasks: list[asyncio.Task[None]] = []
        self.is_closed = False
        """Whether the hub has been stopped."""

    # -- life ---------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to listen. Returns at once: neither the layer nor the database has to be up."""
        loops = [self._read_forever(), self._watch_forever()]
        if self._layer is not None and self._groups is not None:
            # Listens first: a channel can be put into groups only once somebody has asked to receive from it.
            loops += [self._listen_forever(self._layer), self._groups.keep()]
        self._tasks = [asyncio.create_task(loop, name="hub") for loop in loops]

    async def stop(self) -> None:
        """End every subscription with HubClosed and leave the channel layer."""
        self.is_closed = True
        for task in self._tasks:
            task.cancel()
        # With the reader gone, everything that waits for it is on its desk again.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for tap in self._taps.values():
            tap.ready.set()
            tap.wake()
        for read in self._reads:
            _answer(read, HubClosed())
        self._reads.clear()
        self._taps.clear()
        metrics.OPEN_INBOXES.set(0)
        if self._groups is not None:
            await self._groups.close()

    @asynccontextmanager
    async def subscribe(
        self, inbox: str, after: Position | None = None
    ) -> AsyncIterator[Subscription[EntryT]]:
        """Hold a place in an inbox's stream while in the block. See `open`."""
        subscription = await self.open(inbox, after)
        try:
            yield subscription
        finally:
            subscription.close()

    async def open(self, inbox: str, after: Position | None = None) -> Subscription[EntryT]:
        """Take a place in an inbox's stream, from `after` or, without one, from now on. Close it in the end.

        From the return on, no event that is committed later can be missed: what is read from the database
        afterwards is older than, or the same as, what the subscription gives. Raises HubClosed.
        """
        if self.is_closed:
            raise HubClosed
        tap = self._open(inbox, after)
        is_fresh = inbox in self._opening
        self._take_place(tap)
        try:
            await tap.ready.wait()
            if after is None and not is_fresh:
                await self._catch_up_with_log(inbox, tap)
            if self.is_closed:
                raise HubClosed
        except BaseException:
            self._give_up_place(tap)
            raise
        return Subscription(self, inbox, tap, tap.stream.head if after is None else after)

    def _take_place(self, tap: _Tap[EntryT]) -> None:
        tap.subscribers += 1
        metrics.SUBSCRIPTIONS.inc()

    def _give_up_place(self, tap: _Tap[EntryT]) -> None:
        metrics.SUBSCRIPTIONS.dec()
        tap.subscribers -= 1
        tap.unused_since = self._clock()

    async def _catch_up_with_log(self, inbox: str, tap: _Tap[EntryT]) -> None:
        """Have a stream that was open before read what it has not heard of: "from now on" begins after that."""
        page: Sequence[EntryT] | None = None
        while page is None or len(page) == self.rules.page_length:
            with suppress(PositionLost):  # then the stream has begun anew
                page = await self.read(inbox, tap.stream.head)

    def _open(self, inbox: str, after: Position | None) -> _Tap[EntryT]:
        tap = self._taps.get(inbox)
        if tap is None:
            rules = self.rules
            stream: LiveStream[EntryT] = LiveStream(
                capacity=rules.run_length, batch_length=rules.batch_length
            )
            tap = self._taps[inbox] = _Tap(stream)
            self._opening.add(inbox)
            self._work.set()
            if self._groups is not None:
                self._groups.join(inbox)
            metrics.OPEN_INBOXES.set(len(self._taps))
        if after is not None and not tap.stream.is_anchored:
            tap.wanted.add(after)
        return tap

    # -- doorbells ----------------------------------------------------------------------------------------

    def on_message(self, rung: Mapping[str, Sequence[bytes]]) -> None:
        """Take what a doorbell says: encoded entries by inbox. Safe to call with anything, in any order."""
        heard: list[Verdict] = []
        for inbox, frames in rung.items():
            tap = self._taps.get(inbox)
            if tap is not None:
                heard += self._offer(inbox, tap, frames)
        for verdict, counter in _HEARD.items():
            if count := heard.count(verdict):
                counter.inc(count)

    def _offer(self, inbox: str, tap: _Tap[EntryT], frames: Iterable[bytes]) -> list[Verdict]:
        verdicts: list[Verdict] = []
        for frame in frames:
            try:
                entry = self._decode(frame)
                if entry.inbox != inbox:
                    raise ValueError(f"an entry of inbox {entry.inbox}")
                verdicts.append(tap.stream.offer(entry))
            except Exception:
                logger.exception(
                    "A doorbell for inbox %s could not be read; the log will be.", inbox
                )
                verdicts.append(Verdict.GAP)
        if Verdict.APPENDED in verdicts:
            tap.wake()
        if Verdict.GAP in verdicts or Verdict.FOREIGN in verdicts:
            self._compare({inbox})
        return verdicts

    async def _listen_forever(self, layer: ChannelLayer) -> None:
        while True:
            try:
                message = await layer.receive(self._channel)
            except Exception as error:
                is_again = self._layer_fault.is_on
                self._layer_fault.report(error)
                if is_again:
                    await self._sleep(self.rules.layer_seconds)
            else:
                if self._layer_fault.is_on:
                    self._layer_fault.recovered()
                    # What was rung meanwhile, nobody has heard here.
                    self._compare(self._taps)
                self._listen_to(message)

    def _listen_to(self, message: Mapping[str, Any]) -> None:
        try:
            # What this process rang itself was heard directly.
            if message["from"] != self._own_doorbell:
                self.on_message(message["inboxes"])
        except Exception:
            logger.exception("A message of the channel layer could not be read.")

    # -- the reader's desk --------------------------------------------------------------------------------

    async def _watch_forever(self) -> None:
        while True:
            await self._sleep(self.rules.reconcile_seconds)
            self.reconcile()

    def reconcile(self) -> None:
        """Compare every live stream with the log, and let go of what nobody has used for a while."""
        self._drop_unused()
        if self._clock() >= self._age_at:
            self._age_at = self._clock() + self.rules.linger_seconds
            for tap in self._taps.values():
                tap.stream.age()
        self._compare(self._taps)

    def _compare(self, inboxes: Iterable[str]) -> None:
        """Have these inboxes compared with the log, soon."""
        self._behind.update(inboxes)
        self._work.set()

    async def _read_forever(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            opening, self._opening = self._opening, set()
            behind, self._behind = self._behind, set()
            reads, self._reads = self._reads, []
            try:
                await self._catch_up(opening, behind, reads)
                # Thousands of clients that come back come within seconds; without a pause, each read would be for
                # the few that came during the one before.
                if pause := pause_after(len(opening) + len(reads)):
                    await self._sleep(pause)
            except asyncio.CancelledError:
                self._reads += reads
                raise
            except Exception as error:
                self._log_fault.report(error)
                self._opening |= {inbox for inbox in opening if inbox in self._taps}
                self._behind |= behind
                self._reads += [read for read in reads if not read.answer.done()]
                await self._sleep(min(1.0, self.rules.reconcile_seconds))
                self._work.set()

    async def _catch_up(
        self, opening: set[str], behind: set[str], reads: list[_Read[EntryT]]
    ) -> None:
        """Compare with the heads in the database, then fetch in one batch all that turned out missing."""
        reads = [read for read in reads if not read.answer.done()]
        # The inboxes of reads too: nobody may be let into a stream that the same head has proved wrong.
        asked = opening | behind | {read.inbox for read in reads}
        taps = {inbox: tap for inbox in asked if (tap := self._taps.get(inbox))}
        known = {inbox: tap.stream.head for inbox, tap in taps.items() if tap.stream.is_anchored}
        if not taps and not reads:
            return
        heads = await self._log.heads(taps.keys() | {read.inbox for read in reads})
        missing: list[_Stretch] = []
        for inbox, tap in taps.items():
            head = heads.get(inbox, UNTOUCHED)
            if self._place(inbox, tap, head, known.get(inbox)):
                missing.append(_Stretch(inbox, tap.stream.head.sequence, head.position))
        owed = [read for read in reads if self._is_owed(read, heads.get(read.inbox, UNTOUCHED))]
        if missing or owed:
            await self._fetch(missing, owed)
        self._log_fault.recovered()
        for inbox in taps.keys() & opening:
            taps[inbox].wanted.clear()
            taps[inbox].ready.set()

    def _place(self, inbox: str, tap: _Tap[EntryT], head: Head, known: Position | None) -> bool:
        """Bring the stream's place in line with the head; return whether events have to be fetched."""
        stream = tap.stream
        if known is None:
            if not stream.anchor(self._beginning(tap, head)):
                self._compare({inbox})
        elif self._went_back(known, head) or stream.head.sequence < head.first_sequence - 1:
            stream.anchor(head.position)
            tap.wake()
        return stream.head.sequence < head.position.sequence

    @staticmethod
    def _went_back(known: Position, head: Head) -> bool:
        """Whether the database has forgotten what was known, and so committed, before the head was read."""
        if known.is_origin:
            return False
        return known.epoch != head.position.epoch or known.sequence > head.position.sequence

    def _beginning(self, tap: _Tap[EntryT], head: Head) -> Position:
        """Where a new run begins: early enough for those who wait for it, if one run can serve them."""
        earliest = min(
            (after.sequence for after in tap.wanted if head.loss(after) is None),
            default=head.position.sequence,
        )
        # In one page, too: who comes without a position begins at the end of what has been read.
        if head.position.sequence - earliest > min(self.rules.run_length, self.rules.page_length):
            return head.position
        return Position(head.position.epoch, earliest)

    def _is_owed(self, read: _Read[EntryT], head: Head) -> bool:
        """Answer a read that needs no entries; return whether it does."""
        loss = head.loss(read.after)
        if loss is not None:
            _answer(read, PositionLost(loss))
        elif read.after.sequence == head.position.sequence:
            _answer(read, [])
        return not read.answer.done()

    async def _fetch(self, missing: list[_Stretch], reads: list[_Read[EntryT]]) -> None:
        places = [LogRange(stretch.inbox, stretch.after) for stretch in missing]
        places += [LogRange(read.inbox, read.after.sequence) for read in reads]
        pages = await self._log.read(places, limit=self.rules.page_length)
        metrics.LOG_READS.inc(len(places))
        for stretch, page in zip(missing, pages, strict=False):
            self._fill(stretch, page)
        for read, page in zip(reads, pages[len(missing) :], strict=True):
            self._settle(read, page)

    def _settle(self, read: _Read[EntryT], page: list[EntryT]) -> None:
        """Answer a read with its page, as far as that follows without a hole.

        Nothing follows when the log has lost its beginning since the head was read: the next head will tell. If
        it tells nothing, then there is a hole where it promises none, and what was there is lost.
        """
        following = _unbroken(page, read.after)
        if following:
            _answer(read, following)
        elif read.asked_again:
            _answer(read, PositionLost(Loss.EXPIRED))
        else:
            read.asked_again = True
            self._ask(read)

    def _fill(self, stretch: _Stretch, page: list[EntryT]) -> None:
        tap = self._taps.get(stretch.inbox)
        if tap is None:
            return
        recovered = [tap.stream.offer(entry) for entry in page].count(Verdict.APPENDED)
        if recovered:
            metrics.EVENTS_RECOVERED.inc(recovered)
            tap.wake()
        if tap.stream.head.sequence >= stretch.head.sequence:
            return
        if recovered:
            self._compare({stretch.inbox})
        else:
            # A hole where the head promised none: the stream goes on behind it, and each subscriber asks the
            # log and is told what is lost.
            tap.stream.anchor(stretch.head)
            tap.wake()

    async def read(self, inbox: str, after: Position) -> list[EntryT]:
        """Return a page of the log after a position, together with whoever else asks at this moment."""
        if self.is_closed:
            raise HubClosed
        answer: asyncio.Future[list[EntryT]] = asyncio.get_running_loop().create_future()
        self._ask(_Read(inbox, after, answer))
        return await answer

    def _ask(self, read: _Read[EntryT]) -> None:
        self._reads.append(read)
        self._work.set()

    def _drop_unused(self) -> None:
        horizon = self._clock() - self.rules.linger_seconds
        for inbox, tap in list(self._taps.items()):
            if not tap.subscribers and tap.unused_since <= horizon:
                del self._taps[inbox]
                if self._groups is not None:
                    self._groups.leave(inbox)
        metrics.OPEN_INBOXES.set(len(self._taps))


class Subscription(Generic[EntryT]):
    """One subscriber's own place in a live stream. Holds a position and no queue."""

    __slots__ = ("_generation", "_hub", "_is_open", "_tap", "inbox", "position")

    def __init__(self, hub: Hub[EntryT], inbox: str, tap: _Tap[EntryT], position: Position) -> None:
        self._hub = hub
        self._tap = tap
        self._is_open = True
        self.inbox = inbox
        self.position = position
        # A position that the run does not cover has yet to be compared with the log.
        self._generation = tap.stream.generation if tap.stream.covers(position) else -1

    def add_listener(self, listener: Listener) -> None:
        """Have somebody told each time that there may be something new, until the subscription is closed.

        It belongs to what is told, that `ready` is called once after this: who listens hears of the future only.
        """
        self._tap.listeners[listener] = None

    def remove_listener(self, listener: Listener) -> None:
        """Tell somebody no more."""
        self._tap.listeners.pop(listener, None)

    def close(self) -> None:
        """Give up the place. Whoever listens has to be hushed before. Twice does no harm."""
        if self._is_open:
            self._is_open = False
            self._hub._give_up_place(self._tap)

    def ready(self) -> Batch[EntryT] | None:
        """Move past a portion of the events that are at hand, and return it; it may be empty.

        None: only the log can tell what follows. Call `fetch`. Raises HubClosed at the end.
        """
        if self._hub.is_closed:
            raise HubClosed
        stream, position = self._tap.stream, self.position
        if self._generation != stream.generation:
            return None
        portion = stream.since(position.sequence)
        if portion is not None and portion.items:
            if portion.position.epoch != position.epoch and not position.is_origin:
                return None
            self.position = portion.position
        return portion

    async def fetch(self) -> list[Batch[EntryT]]:
        """Move past a page of events from the log, and return it in portions. None at all: it has no more.

        Raises PositionLost when the log cannot give them all (call `restart`), HubClosed at the end.
        """
        generation = self._tap.stream.generation
        entries = await self._hub.read(self.inbox, self.position)
        self._generation = generation
        page = in_batches(entries, self._hub.rules.batch_length)
        if page:
            self.position = page[-1].position
        return page

    async def take(self) -> Sequence[EntryT]:
        """Wait for the events that follow the position, move past some of them and return them, oldest first.

        Raises PositionLost when the log cannot give them all (call `restart`), HubClosed at the end.
        """
        news = _News()
        self.add_listener(news)
        try:
            while True:
                portion = self.ready()
                if portion is None:
                    entries = [entry for portion in await self.fetch() for entry in portion.items]
                    if entries:
                        return entries
                elif portion.items:
                    return portion.items
                else:
                    await news.come()
        finally:
            self.remove_listener(news)

    def restart(self, position: Position) -> None:
        """Go on after another position: the answer to PositionLost."""
        self.position = position
        self._generation = -1


class _News:
    """A listener that can be waited for."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def on_events(self) -> None:
        """Let it wait no longer."""
        self._event.set()

    async def come(self) -> None:
        """Wait until there may be something new."""
        await self._event.wait()
        self._event.clear()


def _answer(read: _Read[EntryT], answer: list[EntryT] | Exception) -> None:
    if read.answer.done():
        return
    if isinstance(answer, Exception):
        read.answer.set_exception(answer)
    else:
        read.answer.set_result(answer)


def _unbroken(page: list[EntryT], after: Position) -> list[EntryT]:
    """The part of a page that follows a position without a hole, in the same epoch."""
    following: list[EntryT] = []
    epoch = after.epoch or (page[0].epoch if page else after.epoch)
    for sequence, entry in enumerate(page, after.sequence + 1):
        if entry.sequence != sequence or entry.epoch != epoch:
            break
        following.append(entry)
    return following
