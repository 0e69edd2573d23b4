"""An open inbox: its live stream, and who is called when something is new."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol

from live_inbox.delivery.live_stream import LiveStream
from live_inbox.delivery.log import EntryT, Head
from live_inbox.delivery.position import Position


class Listener(Protocol):
    """Whoever is called when there may be something new."""

    def on_events(self) -> None:
        """Read the subscription. Called on the event loop; must neither wait nor raise."""


@dataclass(slots=True)
class OpenInbox(Generic[EntryT]):
    """An inbox with subscribers in this process, or that had some a moment ago."""

    stream: LiveStream[EntryT]
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    wanted: set[Position] = field(default_factory=set)
    """Positions of subscribers that came before the stream had a beginning."""
    trusted_generation: int = 0
    """The stream's oldest generation whose entries were not contradicted by the log."""
    announced: set[int] | None = None
    """Sequences that doorbells have brought before the inbox had an epoch: read from the log, and not lost."""
    subscribers: int = 0
    unused_since: float = 0.0
    # In the order of their coming. A dictionary, because a set of a thousand is slow to change while it is used.
    listeners: dict[Listener, None] = field(default_factory=dict)

    def wake(self) -> None:
        """Call every listener. Batches are cached during this fan-out: the listeners ask for the same ones."""
        self.stream.enable_cache()
        for listener in tuple(self.listeners):
            listener.on_events()
        self.stream.clear_cache()

    def announce(self, sequence: int) -> None:
        """Note that a doorbell has brought an event before the inbox had an epoch. Few inboxes ever need the set."""
        if self.announced is None:
            self.announced = set()
        self.announced.add(sequence)

    def count_unannounced(self, entries: Iterable[EntryT]) -> int:
        """Return how many entries that were read from the log no doorbell has announced. Forgets what was."""
        announced, self.announced = self.announced or (), None
        return sum(entry.sequence not in announced for entry in entries)

    def restart_at(self, position: Position) -> None:
        """Begin the stream anew after a position, and let every subscriber check its own against the log."""
        self.stream.anchor(position)
        self.wake()

    def restart_in_doubt(self, position: Position) -> None:
        """Do the same, but every subscriber that has received something loses its position: it may have been wrong."""
        self.trusted_generation = self.stream.generation + 1
        self.restart_at(position)

    def beginning(self, head: Head, *, longest: int) -> Position:
        """Return where a new stream begins: early enough for those who wait for it, if that is not too long ago."""
        earliest = min(
            (after.sequence for after in self.wanted if head.loss(after) is None),
            default=head.position.sequence,
        )
        if not 0 < head.position.sequence - earliest <= longest:
            return head.position
        # Without a client's fingerprint, which the log has yet to confirm.
        return Position(head.position.epoch, earliest)
