"""The live stream: the recent run of one inbox's log, kept by the hub of a process."""

from __future__ import annotations

from enum import Enum, auto
from typing import Generic

from live_inbox.delivery.batch import Batch, traceparents_of
from live_inbox.delivery.log import EntryT
from live_inbox.delivery.position import ORIGIN, Position, is_other_event


class Verdict(Enum):
    """What became of an entry that was offered to a live stream."""

    APPENDED = auto()
    """It continued the run."""
    KNOWN = auto()
    """It is in the run already, or older than the run."""
    GAP = auto()
    """Entries before it are missing, or it follows another event than the run's last: the log has to be read."""
    FIRST = auto()
    """The run has no epoch yet, for the inbox had no event: the log, which begins one, has to be read."""
    FOREIGN = auto()
    """It belongs to another epoch: the head has to be read."""
    CONTRADICTED = auto()
    """The run holds another entry at its place: the log has to decide."""
    EARLY = auto()
    """The run does not have a beginning yet; the entry is kept until it has."""


class LiveStream(Generic[EntryT]):
    """One short, contiguous run of an inbox's events, fed by doorbells that cannot be relied on.

    Doorbells get lost, doubled, delayed and reordered. Whatever is offered, the run stays a contiguous part of the
    log, and the verdict says whether the log has to be read to continue it. Only the log begins an epoch: what is
    offered never does. There is no I/O here.

    `generation` counts how often the run has begun anew at another place. A subscriber that sees it change has to
    have its position checked against the log.
    """

    __slots__ = (
        "_base",
        "_batch_length",
        "_batches",
        "_capacity",
        "_early",
        "_epoch",
        "_expected",
        "_first",
        "_is_caching",
        "_is_traced",
        "_old",
        "_removed",
        "_run",
        "generation",
    )

    def __init__(self, *, capacity: int, batch_length: int) -> None:
        self._capacity = capacity
        self._batch_length = batch_length
        self._early: list[EntryT] | None = []
        self._epoch = ORIGIN.epoch
        self._first = 1
        self._base = ORIGIN.fingerprint
        self._old = 0
        self._run: list[EntryT] = []
        self._removed: set[int] = set()
        self._is_caching = False
        self._is_traced = False
        # Of traced entries that could not be appended: the log, which is read then, does not have their contexts.
        # By sequence, with the fingerprint of the entry.
        self._expected: dict[int, tuple[int, str]] = {}
        self._batches: dict[int, Batch[EntryT]] = {}
        self.generation = 0

    @property
    def is_anchored(self) -> bool:
        """Whether the run has a beginning, so that offers can be judged."""
        return self._early is None

    @property
    def head(self) -> Position:
        """The position of the newest event that this stream knows of."""
        return Position(self._epoch, self._first + len(self._run) - 1, self._last_fingerprint())

    def anchor(self, position: Position) -> bool:
        """Begin the run right after that position, drop what it held and offer it the entries that came early.

        Returns whether all of these could be appended; if not, the log has to be read.
        """
        early, self._early = self._early or [], None
        self._epoch = position.epoch
        self._first = position.sequence + 1
        self._base = position.fingerprint
        self._run = []
        self._removed.clear()
        self._batches.clear()
        self._old = 0
        self.generation += 1
        early.sort(key=lambda entry: entry.sequence)
        verdicts = {self.offer(entry) for entry in early}
        return verdicts <= {Verdict.APPENDED, Verdict.KNOWN}

    def begin_epoch(self, epoch: str) -> None:
        """Take over the epoch that the log has begun. Does nothing if the run has one."""
        self._epoch = self._epoch or epoch

    def offer(self, entry: EntryT) -> Verdict:
        """Append the entry if it continues the run. Returns what became of it."""
        if self._early is not None:
            self._early.append(entry)
            del self._early[: -self._capacity]
            return Verdict.EARLY
        verdict = self._judge(entry)
        if verdict is not Verdict.APPENDED:
            if entry.traceparent is not None and len(self._expected) < self._capacity:
                self._expected[entry.sequence] = (entry.fingerprint, entry.traceparent)
            return verdict
        if self._expected:
            entry = self._traced(entry)
        if not self._run and not self._base:
            self._base = entry.previous_fingerprint
        self._run.append(entry)
        if entry.traceparent is not None:
            self._is_traced = True
        self._batches.clear()
        self._removed.update(entry.removes)
        if entry.restores is not None:
            self._removed.discard(entry.restores)
        if len(self._run) >= 2 * self._capacity:
            self._trim()
        return Verdict.APPENDED

    def _judge(self, entry: EntryT) -> Verdict:
        following = self._first + len(self._run)
        if entry.epoch != self._epoch:
            return Verdict.FOREIGN if self._epoch != ORIGIN.epoch else Verdict.FIRST
        if entry.sequence < following:
            held = self.held(entry.sequence)
            return Verdict.KNOWN if held is None or held.is_same(entry) else Verdict.CONTRADICTED
        if entry.sequence > following:
            return Verdict.GAP
        if is_other_event(entry.previous_fingerprint, self._last_fingerprint()):
            return Verdict.GAP
        return Verdict.APPENDED

    def _traced(self, entry: EntryT) -> EntryT:
        """Return the entry with the context that a doorbell has brought for it, before it could be appended."""
        fingerprint, traceparent = self._expected.pop(entry.sequence, (None, None))
        is_expected = traceparent is not None and fingerprint == entry.fingerprint
        return entry.traced(traceparent) if is_expected else entry

    def held(self, sequence: int) -> EntryT | None:
        """Return the run's entry of a sequence; None if it is not in the run."""
        place = sequence - self._first
        return self._run[place] if 0 <= place < len(self._run) else None

    def covers(self, position: Position) -> bool:
        """Whether every event that follows the position, up to the head, is in the run."""
        if not self.is_anchored or (not position.is_origin and position.epoch != self._epoch):
            return False
        place = position.sequence - self._first
        if not -1 <= place < len(self._run):
            return False
        fingerprint = self._base if place < 0 else self._run[place].fingerprint
        return not is_other_event(position.fingerprint, fingerprint)

    def _last_fingerprint(self) -> int:
        return self._run[-1].fingerprint if self._run else self._base

    def since(self, sequence: int) -> Batch[EntryT] | None:
        """Return a batch of the run's events after a sequence; None if the run begins too late.

        From `enable_cache` to `clear_cache`, all callers get the same batch, unless the run changes.
        """
        batch = self._batches.get(sequence)
        if batch is not None:
            return batch
        start = sequence + 1 - self._first
        if start < 0:
            return None
        if self._removed:
            self._erase()
        end = start + self._batch_length
        items = self._run[start:end]
        if not items:
            return Batch(items, self.head, is_last=True)
        # With the epoch object that is here already: comparing a string with itself reads no memory.
        last = Position(self._epoch, sequence + len(items), items[-1].fingerprint)
        traceparents = traceparents_of(items) if self._is_traced else None
        batch = Batch(items, last, end >= len(self._run), traceparents)
        if self._is_caching:
            self._batches[sequence] = batch
        return batch

    def enable_cache(self) -> None:
        """Cache batches, because many subscribers are about to ask for the same one (fan-out).

        At other times each subscriber is at a position of its own, and clients can make up any number of positions.
        """
        self._is_caching = True

    def clear_cache(self) -> None:
        """Cache batches no longer. Those that were cached are dropped, with what has been encoded from them."""
        self._is_caching = False
        self._batches.clear()

    def age(self) -> None:
        """Drop the events that were here already when this was last called.

        Every subscriber that keeps up has had them. Without this, an inbox that stays open for days would hold its
        last events for as long.
        """
        self._erase()
        self._drop(self._old)
        self._old = len(self._run)
        self._expected.clear()
        self._is_traced = self._is_traced and traceparents_of(self._run) is not None

    def _erase(self) -> None:
        """Erase the content of what was removed, as the log has. Once for all that was appended together."""
        removed = self._removed
        if removed:
            self._run = [entry.without(removed) for entry in self._run]
            removed.clear()

    def _trim(self) -> None:
        """Drop the oldest half: in steps of a whole capacity, so that an append stays cheap."""
        self._drop(len(self._run) - self._capacity)

    def _drop(self, count: int) -> None:
        if count > 0:
            self._base = self._run[count - 1].fingerprint
        del self._run[:count]
        self._batches.clear()
        self._first += count
        self._old = max(0, self._old - count)
