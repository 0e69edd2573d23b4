"""Batches: consecutive events that are delivered together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from live_inbox.delivery.log import EntryT, position_of
from live_inbox.delivery.position import Position

ItemT = TypeVar("ItemT")
MadeT = TypeVar("MadeT")


# What APIs encode from events refers to no batch, so there are no cycles for the garbage collector to find.
class Batch(Struct, Generic[ItemT], gc=False):
    """Some events of one inbox, oldest first.

    During a fan-out, all subscribers at the same position get the same batch, one after the other. So the batch also
    memoizes what the first of them encodes from it, for the others: it lives as long as that is of use.
    """

    items: Sequence[ItemT]
    position: Position
    """The position of a client that has received them."""
    is_last: bool = False
    """Whether no event followed when the batch was made."""
    traceparents: Sequence[str] | None = None
    """The contexts in which its events were recorded, each once; None if none of them is traced, as nearly always."""
    _key: Hashable = None
    _made: Any = None
    _others: dict[Hashable, Any] | None = None

    def memoize(self, key: Hashable, make: Callable[[Sequence[ItemT]], MadeT]) -> MadeT:
        """Return what `make` makes of the items, or has made of them for another subscriber with an equal key."""
        made: MadeT
        # Nearly all subscribers of an inbox have the same key: a dictionary for each batch would cost them more.
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


def traceparents_of(entries: Sequence[EntryT]) -> list[str] | None:
    """Return the contexts in which entries were recorded, each once, in order; None if there are none."""
    found = {each.traceparent: None for each in entries if each.traceparent is not None}
    return list(found) or None


def in_batches(entries: Sequence[EntryT], length: int) -> list[Batch[EntryT]]:
    """Split entries into batches of a length."""
    parts = [entries[start : start + length] for start in range(0, len(entries), length)]
    return [Batch(part, position_of(part[-1])) for part in parts]
