"""The interface between the hub and the log, which is in the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from live_inbox.delivery.position import ORIGIN, Position


class Entry(Protocol):
    """One event of one inbox, as the log holds it and the doorbell carries it."""

    @property
    def inbox(self) -> str: ...
    @property
    def epoch(self) -> str: ...
    @property
    def sequence(self) -> int: ...


EntryT = TypeVar("EntryT", bound=Entry)


class ResetReason(StrEnum):
    """Why a position cannot be resumed."""

    EXPIRED = "expired"
    """Events after it are no longer retained."""
    EPOCH = "epoch"
    """It belongs to an inbox that was since restored or recreated."""
    AHEAD = "ahead"
    """It is beyond the end of the log, so the log has lost events that the client has received."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where an inbox's log begins and ends in the database at one moment."""

    position: Position
    first_sequence: int
    """The oldest retained event; one more than the last when none is retained."""

    def loss(self, after: Position) -> ResetReason | None:
        """Why the log cannot give every event that follows `after`; None when it can."""
        if not after.is_origin and after.epoch != self.position.epoch:
            return ResetReason.EPOCH
        if after.sequence > self.position.sequence:
            return ResetReason.AHEAD
        if after.sequence < self.first_sequence - 1:
            return ResetReason.EXPIRED
        return None


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
