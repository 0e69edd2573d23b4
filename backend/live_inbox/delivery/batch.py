"""Portions: events that follow on one another and are told together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from live_inbox.delivery.log import EntryT
from live_inbox.delivery.position import Position

ItemT = TypeVar("ItemT")
MadeT = TypeVar("MadeT")


# No cycle runs through what doors make of events, so the garbage collector need not look.
class Batch(Struct, Generic[ItemT], gc=False):
    """Some events of one inbox, oldest first.

    All subscribers that an event finds at the same place are given the same portion, one after the other. So it is
    also where they find what the first of them has made of it: kept as long as it can be of use, and no longer.
    """

    items: Sequence[ItemT]
    position: Position
    """That of a client that has seen them."""
    is_last: bool = False
    """Whether nothing followed when it was made."""
    _key: Hashable = None
    _made: Any = None
    _others: dict[Hashable, Any] | None = None

    def memoize(self, key: Hashable, make: Callable[[Sequence[ItemT]], MadeT]) -> MadeT:
        """Return what `make` makes of the items, or has made of them for somebody else with an equal key."""
        made: MadeT
        # Nearly all who share an inbox ask for the same: a dictionary for each portion would cost them more than this.
        if self._key is None:
            made = self._made = make(self.items)
            self._key = key
            return made
        if self._key == key:
            made = self._made
            return made
        others = self._others
        if others is None:
            others = self._others = {}
        if key not in others:
            others[key] = make(self.items)
        made = others[key]
        return made


def in_batches(entries: Sequence[EntryT], length: int) -> list[Batch[EntryT]]:
    """Return portions of a length that make up the entries."""
    parts = [entries[start : start + length] for start in range(0, len(entries), length)]
    return [Batch(part, Position(part[-1].epoch, part[-1].sequence)) for part in parts]
