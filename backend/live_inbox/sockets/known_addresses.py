"""The addresses from which users came last: they have their turns before strangers (`live_inbox.sockets.loop_turns`).

An address is known once a user has been authenticated there. Nothing but the order of turns depends on it.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache

MOST = 10_000
"""Addresses that are remembered. The one that was not noted for longest is forgotten first."""


class KnownAddresses:
    """A set of addresses, by the keys of their limits. Use it on the event loop only."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._keys: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def note(self, key: str | None) -> None:
        """Remember an address. `None` is one that takes no turns."""
        if key is None:
            return
        self._keys[key] = None
        self._keys.move_to_end(key)
        if len(self._keys) > self._most:
            self._keys.popitem(last=False)


@lru_cache(maxsize=1)
def known_addresses() -> KnownAddresses:
    """Return the addresses that this process knows."""
    return KnownAddresses()
