"""The interface between the hub and the log, which is in the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self, TypeVar

from live_inbox.delivery.position import ORIGIN, Position, is_other_event


class Entry(Protocol):
    """One event of one inbox, as the log holds it and the doorbell carries it."""

    @property
    def inbox(self) -> str: ...
    @property
    def epoch(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def fingerprint(self) -> int: ...
    @property
    def previous_fingerprint(self) -> int: ...
    @property
    def removes(self) -> Collection[int]:
        """The ids of what this entry removed, whose content the entries before it keep no longer; none for most."""

    @property
    def restores(self) -> int | None:
        """The id of what this entry brought back, with its content; None for most."""

    @property
    def traceparent(self) -> str | None:
        """The sampled context in which it was recorded, if a doorbell has brought it with the entry."""

    def traced(self, traceparent: str | None) -> Self:
        """Return the entry with this context."""

    def without(self, removed: Collection[int]) -> Self:
        """Return the entry without the content of what was removed; itself if it is about something else."""

    def is_same(self, other: Self) -> bool:
        """Whether both are the same entry, with its content or without."""


EntryT = TypeVar("EntryT", bound=Entry)


class ResetReason(StrEnum):
    """Why a position cannot be resumed."""

    EXPIRED = "expired"
    """Events after it are no longer retained."""
    EPOCH = "epoch"
    """It belongs to an inbox that was since recreated, or to a log that was restored and has gone on differently."""
    AHEAD = "ahead"
    """It is beyond the end of the log, so the log has lost events that the client has received."""
    UNKNOWN_EVENT = "unknown_event"
    """It can be, but the event that follows is of a newer version, and this one does not know what it says."""


class DeliverySource(StrEnum):
    """From where a live stream has an event."""

    DOORBELL = "doorbell"
    LOG = "log"
    """No doorbell has delivered it."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where an inbox's log begins and ends in the database at one moment."""

    position: Position
    first_sequence: int
    """The oldest retained event; one more than the last when none is retained."""

    def loss(self, after: Position) -> ResetReason | None:
        """Why the log cannot give every event that follows `after`; None when it can, as far as the head shows.

        Whether a position before the head's belongs to this log, only the event after it shows: see `continues`.
        """
        if not after.is_origin and after.epoch != self.position.epoch:
            return ResetReason.EPOCH
        if after.sequence > self.position.sequence:
            return ResetReason.AHEAD
        if after.sequence < self.first_sequence - 1:
            return ResetReason.EXPIRED
        if after.sequence == self.position.sequence and is_other_event(
            after.fingerprint, self.position.fingerprint
        ):
            return ResetReason.EPOCH
        return None


def position_of(entry: Entry) -> Position:
    """Return the position of a client that has received an entry."""
    return Position(entry.epoch, entry.sequence, entry.fingerprint)


def continues(entry: Entry, position: Position) -> bool:
    """Whether an entry follows the very event that the position is of, by its sequence and its fingerprints.

    The epoch is not compared.
    """
    return entry.sequence == position.sequence + 1 and not is_other_event(
        entry.previous_fingerprint, position.fingerprint
    )


UNTOUCHED = Head(position=ORIGIN, first_sequence=1)
"""The head of an inbox to which nothing ever happened."""


@dataclass(frozen=True, slots=True)
class LogRange:
    """A part of one inbox's log: the events after a sequence."""

    inbox: str
    after: int


class Log(Protocol[EntryT]):
    """The log, read in batches: one call serves any number of inboxes with few queries."""

    async def deployment(self) -> str:
        """Return the id of the database, which the names of channel-layer groups contain."""

    async def heads(self, inboxes: Collection[str]) -> dict[str, Head]:
        """Return the head of every inbox asked for; those that do not exist are UNTOUCHED."""

    async def read(self, ranges: Sequence[LogRange], *, limit: int) -> list[list[EntryT]]:
        """Return for each range, in the same order, its events, oldest first: `limit` at most."""
