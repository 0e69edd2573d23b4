"""The live stream: the recent run of one inbox's log, kept by the hub of a process."""

from __future__ import annotations

from enum import Enum, auto
from typing import Generic

from live_inbox.delivery.batch import Batch
from live_inbox.delivery.log import EntryT
from live_inbox.delivery.position import ORIGIN, Position


class Verdict(Enum):
    """What became of an entry that was offered to a live stream."""

    APPENDED = auto()
    """It continued the run."""
    KNOWN = auto()
    """It is in the run already, or older than the run."""
    GAP = auto()
    """Entries before it are missing: the log has to be read."""
    FOREIGN = auto()
    """It belongs to another epoch: the head has to be read."""
    EARLY = auto()
    """The run does not have a beginning yet; the entry is kept until it has."""


class LiveStream(Generic[EntryT]):
    """One short, contiguous run of an inbox's events, fed by doorbells that may lie.

    Doorbells get lost, doubled, delayed and reordered. Whatever is offered, the run stays a piece of the log
    without holes, and the verdict says whether the log has to be read to continue it. No I/O happens here.

    `generation` counts how often the run was begun anew at another place; a subscriber that sees it change
    has to have its position checked again.
    """

    __slots__ = (
        "_capacity",
        "_early",
        "_epoch",
        "_first",
        "_is_sharing",
        "_old",
        "_portion_length",
        "_portions",
        "_run",
        "generation",
    )

    def __init__(self, *, capacity: int, batch_length: int) -> None:
        self._capacity = capacity
        self._portion_length = batch_length
        self._early: list[EntryT] | None = []
        self._epoch = ORIGIN.epoch
        self._first = 1
        self._old = 0
        self._run: list[EntryT] = []
        self._is_sharing = False
        self._portions: dict[int, Batch[EntryT]] = {}
        self.generation = 0

    @property
    def is_anchored(self) -> bool:
        """Whether the run has a beginning, so that offers can be judged."""
        return self._early is None

    @property
    def head(self) -> Position:
        """The position of the newest event that this stream knows of."""
        return Position(self._epoch, self._first + len(self._run) - 1)

    def anchor(self, position: Position) -> bool:
        """Begin the run right after that position, drop what it held and apply what came early.

        Returns whether all that came early joins; if not, the log has to be read.
        """
        early, self._early = self._early or [], None
        self._epoch = position.epoch
        self._first = position.sequence + 1
        self._run = []
        self._portions.clear()
        self._old = 0
        self.generation += 1
        early.sort(key=lambda entry: entry.sequence)
        verdicts = {self.offer(entry) for entry in early}
        return verdicts <= {Verdict.APPENDED, Verdict.KNOWN}

    def offer(self, entry: EntryT) -> Verdict:
        """Append the entry if it continues the run, and say what became of it."""
        if self._early is not None:
            self._early.append(entry)
            del self._early[: -self._capacity]
            return Verdict.EARLY
        following = self._first + len(self._run)
        if entry.epoch != self._epoch:
            if self._epoch != ORIGIN.epoch:
                return Verdict.FOREIGN
            if entry.sequence != following:
                return Verdict.GAP
            self._epoch = entry.epoch
        if entry.sequence < following:
            return Verdict.KNOWN
        if entry.sequence > following:
            return Verdict.GAP
        self._run.append(entry)
        self._portions.clear()
        if len(self._run) >= 2 * self._capacity:
            self._trim()
        return Verdict.APPENDED

    def covers(self, position: Position) -> bool:
        """Whether every event that follows the position, up to the head, is in the run."""
        if not self.is_anchored or (not position.is_origin and position.epoch != self._epoch):
            return False
        return self._first - 1 <= position.sequence <= self.head.sequence

    def since(self, sequence: int) -> Batch[EntryT] | None:
        """Return the run's events after a sequence, a portion at most; None if the run begins too late to tell.

        From `share` to `put_away` it is the same portion for everybody, unless the run changes.
        """
        portion = self._portions.get(sequence)
        if portion is not None:
            return portion
        start = sequence + 1 - self._first
        if start < 0:
            return None
        end = start + self._portion_length
        items = self._run[start:end]
        if not items:
            return Batch(items, self.head, is_last=True)
        # With the epoch that is here already: to compare two strings is to look at both.
        last = Position(self._epoch, sequence + len(items))
        portion = Batch(items, last, end >= len(self._run))
        if self._is_sharing:
            self._portions[sequence] = portion
        return portion

    def share(self) -> None:
        """Keep portions for others who want the same: many will be here at once.

        At other times each is at a place of its own, of which clients may invent many.
        """
        self._is_sharing = True

    def put_away(self) -> None:
        """Keep no portions any more, nor what was made of them: all who wanted them have had them."""
        self._is_sharing = False
        self._portions.clear()

    def age(self) -> None:
        """Drop the events that were here already when this was called before.

        Everybody who keeps up has had them. Inboxes stay open for days, and the last events of each would be held
        for as long.
        """
        self._drop(self._old)
        self._old = len(self._run)

    def _trim(self) -> None:
        """Drop the oldest half: in steps of a whole capacity, so that an append stays cheap."""
        self._drop(len(self._run) - self._capacity)

    def _drop(self, count: int) -> None:
        del self._run[:count]
        self._portions.clear()
        self._first += count
        self._old = max(0, self._old - count)
