"""The position: what a client holds in order to resume."""

from __future__ import annotations

import re
from typing import Self

from msgspec import Struct

_POSITION = re.compile(r"(?P<epoch>[0-9a-z]{1,32})\.(?P<sequence>[0-9]{1,18})", re.ASCII)
_ORIGIN_TEXT = "0"


class InvalidPosition(ValueError):
    """Raised when a string is not a position that this project could have issued."""


# Each event creates one for each subscriber: a frozen dataclass takes five times as long.
class Position(Struct, frozen=True, gc=False):
    """A place in one inbox's log: the last event that a client has received.

    A sequence alone is not enough. Say a client has seen event 7, the database is then restored from a copy
    that ends at 5, and two other events are written: the inbox is at 7 again, the client asks for what comes
    after 7 and never learns that its 6 and 7 are gone. A restored or recreated inbox gets a new epoch, so the
    positions of the old one are recognised and answered with a reset.

    An inbox to which nothing ever happened has no epoch yet; its position is the origin.
    """

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return position_text(self.epoch, self.sequence)

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
        return cls(match["epoch"], int(match["sequence"]))


def position_text(epoch: str, sequence: int) -> str:
    """Return what `str` makes of the position, without making the position."""
    return f"{epoch}.{sequence}" if epoch else _ORIGIN_TEXT


ORIGIN = Position("", 0)
