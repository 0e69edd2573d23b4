"""A log in memory that can be pruned, lost, restored, held up and broken."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from live_inbox.delivery.log import UNTOUCHED, Head, LogRange
from live_inbox.delivery.position import Position
from tests.delivery.group_names import DEPLOYMENT

ERASED = "erased"
"""The text of an entry that another one has removed."""


@dataclass(frozen=True, slots=True)
class FakeEntry:
    """One entry of the pretended log."""

    inbox: str
    epoch: str
    sequence: int
    fingerprint: int = field(default=0, compare=False)
    previous_fingerprint: int = field(default=0, compare=False)
    text: str = ""
    """Empty for what was committed: a wrong entry has another one."""

    removes: Collection[int] = ()
    restores: int | None = None
    """The sequence of the entry that this one removed."""
    traceparent: str | None = field(default=None, compare=False)

    def traced(self, traceparent: str | None) -> FakeEntry:
        """Return the entry with this context."""
        return replace(self, traceparent=traceparent)

    def without(self, removed: Collection[int]) -> FakeEntry:
        """Return the entry as the log has it once these entries are removed."""
        return replace(self, text=ERASED) if self.sequence in removed else self

    def is_same(self, other: FakeEntry) -> bool:
        """Whether both are the same entry."""
        return replace(self, text="") == replace(other, text="") and (
            self.text == other.text or ERASED in (self.text, other.text)
        )

    @property
    def position(self) -> Position:
        """The position of who has seen it."""
        return Position(self.epoch, self.sequence, self.fingerprint)


def encode(line: FakeEntry) -> bytes:
    """Write a line as the doorbell carries it."""
    fingerprints = f"{line.fingerprint} {line.previous_fingerprint}"
    text = f"#{line.text}" if line.text else ""
    return f"{line.inbox} {line.epoch} {line.sequence} {fingerprints}{text}".encode()


def decode(frame: bytes) -> FakeEntry:
    """Read what `encode` wrote; ValueError for anything else."""
    text, _, written = frame.decode().partition("#")
    inbox, epoch, *numbers = text.split()
    sequence, fingerprint, previous = map(int, numbers)
    return FakeEntry(inbox, epoch, sequence, fingerprint, previous, written)


@dataclass
class Written:
    """What is in the database of one inbox."""

    epoch: str
    first: int = 1
    last: int = 0
    torn: set[int] = field(default_factory=set)
    """Lines that are missing although the head promises them: a damaged database."""
    fingerprints: dict[int, int] = field(default_factory=dict)
    """Of each line that ever was, if the log has fingerprints."""

    @property
    def head(self) -> Head:
        """Where it begins and ends."""
        return Head(self.position(self.last), first_sequence=self.first)

    def position(self, sequence: int) -> Position:
        """The position of who has seen that line."""
        return Position(self.epoch, sequence, self.fingerprints.get(sequence, 0))


class FakeLog:
    """Stands for the database. Changes are commits: they are visible at once to the next look."""

    def __init__(self, deployment: str = DEPLOYMENT) -> None:
        self._deployment = deployment
        self.inboxes: dict[str, Written] = {}
        self.calls: list[tuple[str, int]] = []
        """Each call with the number of inboxes or places that it asked for."""
        self.failing = False
        self.held = False
        """Whether each call stops twice: before it has looked, and before it answers."""
        self._stopped: deque[asyncio.Future[None]] = deque()
        self._epochs = 0
        self.has_fingerprints = False
        """Without them, positions are those of before there were any."""
        self._fingerprints = 0

    # -- commits -----------------------------------------------------------------------------------

    def write(self, inbox: str, count: int = 1) -> list[FakeEntry]:
        """Add events."""
        if inbox not in self.inboxes:
            self.recreate(inbox)
        written = self.inboxes[inbox]
        self._add(written, count)
        return self.lines(inbox)[-count:] if count else []

    def lines(self, inbox: str) -> list[FakeEntry]:
        """Return what is retained, oldest first."""
        written = self.inboxes.get(inbox)
        if written is None:
            return []
        kept = range(written.first, written.last + 1)
        known = written.fingerprints
        return [
            FakeEntry(inbox, written.epoch, n, known.get(n, 0), known.get(n - 1, 0))
            for n in kept
            if n not in written.torn
        ]

    def head(self, inbox: str) -> Head:
        """Return where the log begins and ends now."""
        written = self.inboxes.get(inbox)
        return UNTOUCHED if written is None else written.head

    def prune(self, inbox: str, *, keep: int) -> None:
        """Forget the oldest events."""
        written = self.inboxes[inbox]
        written.first = max(written.first, written.last + 1 - keep)

    def recreate(self, inbox: str, *, events: int = 0) -> None:
        """Begin the inbox anew, in an epoch that there never was."""
        self._epochs += 1
        self.inboxes[inbox] = Written(f"e{self._epochs}")
        self._add(self.inboxes[inbox], events)

    def _add(self, written: Written, count: int) -> None:
        for _ in range(count):
            written.last += 1
            if self.has_fingerprints:
                self._fingerprints += 1
                written.fingerprints[written.last] = self._fingerprints

    def remove(self, inbox: str) -> None:
        """Remove the inbox, as the deletion of its user does."""
        del self.inboxes[inbox]

    def go_back(self, inbox: str, *, to: int) -> None:
        """Forget the newest events: a restored copy, the epoch unchanged."""
        written = self.inboxes[inbox]
        written.last = to
        written.first = min(written.first, to + 1)
        written.torn = {sequence for sequence in written.torn if sequence <= to}

    # -- the Log interface -------------------------------------------------------------------------

    async def deployment(self) -> str:
        """Return the id of the database."""
        if self.failing:
            raise ConnectionError("the database is away")
        return self._deployment

    async def heads(self, inboxes: Collection[str]) -> dict[str, Head]:
        """Return the heads; of those that do not exist, nothing or UNTOUCHED."""
        self.calls.append(("heads", len(inboxes)))
        await self._stop()
        answer = {inbox: self.head(inbox) for inbox in inboxes}
        await self._stop()
        return answer

    async def read(self, ranges: Sequence[LogRange], *, limit: int) -> list[list[FakeEntry]]:
        """Return for each place the lines that follow it, as the database does: by bounds, not by count."""
        self.calls.append(("read", len(ranges)))
        await self._stop()
        answer = [
            [line for line in self.lines(at.inbox) if at.after < line.sequence <= at.after + limit]
            for at in ranges
        ]
        await self._stop()
        return answer

    # -- faults ------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        if self.held:
            stop = asyncio.get_running_loop().create_future()
            self._stopped.append(stop)
            await stop
        if self.failing:
            raise ConnectionError("the database is away")

    @property
    def is_stopped(self) -> bool:
        """Whether a call waits to be let on."""
        return any(not stop.done() for stop in self._stopped)

    def let_on(self) -> None:
        """Let the call that waits go on to its next stop."""
        while self._stopped:
            stop = self._stopped.popleft()
            if not stop.done():
                stop.set_result(None)
                return

    def release(self) -> None:
        """Let everything go on from now."""
        self.held = False
        while self._stopped:
            self.let_on()
