"""Counts every delivery by the number of its event: delivered, lost, doubled, disordered, and how late."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

NEVER = 1 << 62


class Stream:
    """One recipient's events: what was published, and when."""

    __slots__ = ("published", "sent_at")

    def __init__(self) -> None:
        self.published = 0
        # By number; the first place is that of the warm-up.
        self.sent_at: list[float] = [0.0]

    def publish(self, moment: float) -> int:
        """Note that one more event is on its way and return its number."""
        self.published += 1
        self.sent_at.append(moment)
        return self.published


@dataclass(frozen=True)
class Counts:
    """What became of the deliveries that were due."""

    delivered: int
    lost: int
    doubled: int
    disordered: int

    @property
    def is_perfect(self) -> bool:
        """Whether each came once and in order."""
        return not (self.lost or self.doubled or self.disordered)


class DeliveryCounter:
    """The counts of all sockets of a run."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.delivered = 0
        self.doubled = 0
        self.disordered = 0
        self.clock = clock
        self.receivers: list[Receiver] = []
        self.latencies: list[float] | None = None
        self.wake_at = NEVER
        self.wake: Callable[[], None] = lambda: None

    def counts(self) -> Counts:
        """Return the counts so far; what is still on its way counts as lost."""
        lost = sum(receiver.behind for receiver in self.receivers)
        return Counts(self.delivered, lost, self.doubled, self.disordered)

    @property
    def outstanding(self) -> int:
        """How many deliveries have not come yet."""
        return sum(receiver.behind for receiver in self.receivers)


class Receiver:
    """One socket's place in its stream."""

    __slots__ = ("delivery_counter", "expected", "is_warm", "missing", "stream")

    def __init__(self, delivery_counter: DeliveryCounter, stream: Stream) -> None:
        self.delivery_counter = delivery_counter
        self.stream = stream
        self.expected = stream.published + 1
        self.missing: set[int] = set()
        self.is_warm = False
        delivery_counter.receivers.append(self)

    @property
    def behind(self) -> int:
        """How many published events this socket has not got."""
        return self.stream.published + 1 - self.expected + len(self.missing)

    @property
    def is_ahead(self) -> bool:
        """Whether this socket got what was not published yet: then something else than it was measured."""
        return self.expected > self.stream.published + 1

    def take(self, sequence: int) -> None:
        """Count a delivery."""
        if sequence == self.expected:
            self.expected = sequence + 1
        elif not sequence:
            self.is_warm = True
            return
        elif sequence > self.expected:
            self.missing.update(range(self.expected, sequence))
            self.expected = sequence + 1
        elif sequence in self.missing:
            self.missing.discard(sequence)
            self.delivery_counter.disordered += 1
        else:
            self.delivery_counter.doubled += 1
            return
        delivery_counter = self.delivery_counter
        delivery_counter.delivered += 1
        if delivery_counter.latencies is not None:
            delivery_counter.latencies.append(
                delivery_counter.clock() - self.stream.sent_at[sequence]
            )
        if delivery_counter.delivered >= delivery_counter.wake_at:
            delivery_counter.wake()
