"""The position: what a client holds in order to resume."""

from __future__ import annotations

import re
from typing import Self

from msgspec import Struct

FINGERPRINTS = 1_000_000_000
"""Fingerprints are smaller than this. 0 stands for an unknown one."""

_POSITION = re.compile(
    r"(?P<epoch>[0-9a-z]{1,32})\.(?P<sequence>[0-9]{1,18})(?:\.(?P<fingerprint>[0-9]{1,9}))?",
    re.ASCII,
)
_ORIGIN_TEXT = "0"


class InvalidPosition(ValueError):
    """Raised when a string is not a position that this project could have issued."""


# Each event creates one for each subscriber: a frozen dataclass takes five times as long.
class Position(Struct, frozen=True, gc=False):
    """A place in one inbox's log: the last event that a client has received.

    A sequence alone is not enough. Say a client has seen event 7, the database is then restored from a copy
    that ends at 5, and two other events are written: the inbox is at 7 again, the client asks for what comes
    after 7 and never learns that its 6 and 7 are gone. So each event has a fingerprint, a random number, and the next
    event names it: a client whose fingerprint is another one gets a reset. So does a client whose epoch is another
    one: an inbox that was recreated or repaired begins a new epoch.

    A position without a fingerprint (0) is compared by epoch and sequence only. An inbox to which nothing ever
    happened has no epoch yet; its position is the origin.
    """

    epoch: str
    sequence: int
    fingerprint: int = 0

    def __str__(self) -> str:
        return position_text(self.epoch, self.sequence, self.fingerprint)

    @property
    def is_origin(self) -> bool:
        """Whether this is the place before the first event of any epoch."""
        return not self.epoch

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the position that `str` printed as `text`; raise InvalidPosition for anything else."""
        if text == _ORIGIN_TEXT:
            return cls("", 0)
        match = _POSITION.fullmatch(text)
        if match is None:
            raise InvalidPosition("not a position")
        return cls(match["epoch"], int(match["sequence"]), int(match["fingerprint"] or 0))


def position_text(epoch: str, sequence: int, fingerprint: int) -> str:
    """Return what `str` makes of the position, without making the position."""
    if fingerprint:
        return f"{epoch}.{sequence}.{fingerprint}"
    return f"{epoch}.{sequence}" if epoch else _ORIGIN_TEXT


def is_other_event(fingerprint: int, other: int) -> bool:
    """Whether two fingerprints, found at the same epoch and sequence, are those of different events."""
    return fingerprint != other and fingerprint != 0 and other != 0


ORIGIN = Position("", 0)
