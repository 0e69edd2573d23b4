"""The sockets of one peer, what is published to them, and what that costs."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.content import WARM_UP
from benchmarks.delivery_counter import NEVER, DeliveryCounter, Receiver, Stream
from benchmarks.figures import late
from benchmarks.meter import Meter
from benchmarks.peers.peer import SocketPeer
from benchmarks.publishing import NullPublisher, Publisher
from benchmarks.sockets import Socket, open_sockets

WARM_UP_BATCH = 50
"""Streams that are warmed up at a time: fewer than a channel layer drops messages from."""
WARM_UP_TRIES = 20
WARM_UP_SECONDS = 3.0
SILENCE_SECONDS = 10.0
"""How long nothing may come before what has not come counts as lost."""
TICK_SECONDS = 0.002
CLOSED_SHARE = 0.6
"""Of the events that there are: what the first of the two measurements may use up."""
SEED = 5


class ClientPool:
    """Subscribed sockets, spread evenly over the peer's streams."""

    def __init__(self, peer: SocketPeer) -> None:
        self.peer = peer
        self.publisher: Publisher = NullPublisher()
        self.delivery_counter = DeliveryCounter()
        self.streams = [Stream() for _ in range(peer.streams)]
        self.sockets: list[Socket] = []
        self._published = 0

    @property
    def fan(self) -> int:
        """How many sockets each event goes to."""
        return len(self.sockets) // len(self.streams)

    async def open(self, sockets: int, *, prerecord: int) -> None:
        """Open sockets, and have each show that it is live. `prerecord` as in `Peer.publisher`."""
        streams = [number % len(self.streams) for number in range(sockets)]
        receivers = [Receiver(self.delivery_counter, self.streams[stream]) for stream in streams]
        client_protocols = [self.peer.client_protocol(stream) for stream in streams]
        pairs = list(zip(client_protocols, receivers, strict=True))
        self.sockets = await open_sockets(self.peer.address, pairs)
        self.publisher = await self.peer.publisher(prerecord=prerecord)
        await self._warm_up(dict(zip(receivers, streams, strict=True)))

    async def _warm_up(self, streams: dict[Receiver, int]) -> None:
        for _ in range(WARM_UP_TRIES):
            cold = sorted(
                {streams[each] for each in self.delivery_counter.receivers if not each.is_warm}
            )
            if not cold:
                return
            for begin in range(0, len(cold), WARM_UP_BATCH):
                batch = set(cold[begin : begin + WARM_UP_BATCH])
                for stream in batch:
                    self.publisher.publish(stream, WARM_UP)
                waiting = [
                    each for each in self.delivery_counter.receivers if streams[each] in batch
                ]
                await _until(partial(_all_warm, waiting), WARM_UP_SECONDS)
        raise RuntimeError(f"{self.peer.name}: sockets that are subscribed get no events.")

    async def close(self) -> None:
        """Close all sockets and stop publishing."""
        for socket in self.sockets:
            socket.close()
        await self.publisher.close()

    def meter(self) -> Meter:
        """Read the processor time used so far."""
        return Meter.read(self.peer, self.publisher.pids)

    async def closed_loop(
        self, *, seconds: float, in_flight: int, batch: int = 1
    ) -> dict[str, float]:
        """Publish as fast as events arrive: so many are on their way at any time. Return the figures.

        A batch of them is published each time as many have arrived.
        """
        turns = self._turns(int(CLOSED_SHARE * self.publisher.limit))
        delivery_counter, fan = self.delivery_counter, self.fan
        deadline = time.perf_counter() + seconds
        ended = asyncio.Event()

        def refill() -> None:
            delivery_counter.wake_at = NEVER
            if time.perf_counter() > deadline:
                ended.set()
                return
            while self._published * fan - delivery_counter.delivered <= (in_flight - 1) * fan:
                stream = next(turns, None)
                if stream is None:
                    ended.set()
                    return
                self._publish(stream, time.perf_counter())
            delivery_counter.wake_at = (self._published - in_flight + batch) * fan

        before = self.meter()
        began = delivery_counter.delivered
        delivery_counter.wake = refill
        refill()
        await _until(ended.is_set, seconds + SILENCE_SECONDS)
        delivery_counter.wake_at = NEVER
        await self.drained()
        return self.meter().figures(before, delivery_counter.delivered - began)

    async def open_loop(self, *, seconds: float, rate: float) -> dict[str, float]:
        """Publish at a steady rate, whatever arrives. Return how late deliveries were: milliseconds.

        An event is late from the moment at which it was due, whatever delayed its publication.
        """
        self.delivery_counter.latencies = []
        begin = time.perf_counter()
        turns = self._turns(self.publisher.limit)
        due = 0
        while due < rate * seconds:
            now = time.perf_counter()
            while begin + due / rate <= now and due < rate * seconds:
                stream = next(turns, None)
                if stream is None:
                    due = int(rate * seconds) + 1
                    break
                self._publish(stream, begin + due / rate)
                due += 1
            await asyncio.sleep(TICK_SECONDS)
        await self.drained()
        latencies, self.delivery_counter.latencies = self.delivery_counter.latencies, None
        return late(latencies)

    def counts(self) -> dict[str, float]:
        """Return what became of all deliveries so far. Raise RuntimeError if some came before they were published."""
        if any(receiver.is_ahead for receiver in self.delivery_counter.receivers):
            raise RuntimeError(f"{self.peer.name}: events came before they were published.")
        counts = self.delivery_counter.counts()
        return {
            "delivered": counts.delivered,
            "lost": counts.lost,
            "doubled": counts.doubled,
            "disordered": counts.disordered,
        }

    def _publish(self, stream: int, moment: float) -> None:
        self._published += 1
        self.publisher.publish(stream, self.streams[stream].publish(moment))

    def _turns(self, limit: int) -> Iterator[int]:
        """Yield streams in a random order that is fair; end when one has got so many events."""
        order = list(range(len(self.streams)))
        chance = random.Random(SEED)
        while True:
            chance.shuffle(order)
            for stream in order:
                if self.streams[stream].published >= limit:
                    return
                yield stream

    async def drained(self) -> None:
        """Return when everything has come, or nothing has for a while."""
        seen = -1
        while self.delivery_counter.outstanding and self.delivery_counter.delivered > seen:
            seen = self.delivery_counter.delivered
            await _until(partial(self._has_news, seen), SILENCE_SECONDS)

    def _has_news(self, seen: int) -> bool:
        return self.delivery_counter.delivered > seen or not self.delivery_counter.outstanding


def _all_warm(receivers: list[Receiver]) -> bool:
    return all(receiver.is_warm for receiver in receivers)


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Return when a condition holds, or when the time is over."""
    deadline = time.perf_counter() + seconds
    # Asked now and then: an event would cost something at every delivery.
    while not condition() and time.perf_counter() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(TICK_SECONDS)
