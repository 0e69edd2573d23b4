"""How much output waits in a process for clients that do not read it: of one address, and of all together.

Each connection waits for its client before it is given more (backpressure), so it holds one response or one result. A
client with many connections could have as many of these, each of megabytes, for as long as a client may not read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from live_inbox import metrics
from live_inbox.client_addresses import Network, limit_key
from live_inbox.conf import inbox_settings
from live_inbox.sockets.asgi import client_address

MOST_OF_ADDRESS = 16 << 20
"""Bytes. What the system's own buffers hold does not count."""

MOST = 128 << 20
"""Bytes, of all addresses together."""


@dataclass(slots=True)
class _Held:
    key: str | None
    size: int
    cut: Callable[[], None]


class UnreadOutput:
    """The output that waits in one process. Use it on the event loop only.

    Beyond a limit, the connection is cut that has waited longest: of the address, or of the one that holds most. The
    addresses of `unlimited`, and connections without an address, count together, and in the limit of all alone.
    """

    def __init__(
        self,
        unlimited: Sequence[Network] = (),
        *,
        most_of_address: int = MOST_OF_ADDRESS,
        most: int = MOST,
    ) -> None:
        self._unlimited = unlimited
        self._most_of_address = most_of_address
        self._most = most
        # By connection, the one that has waited longest first.
        self._held: dict[Any, _Held] = {}
        self._sums: dict[str | None, int] = {}
        self._sum = 0

    def __len__(self) -> int:
        return len(self._held)

    def hold(
        self, connection: Any, address: str | None, size: int, cut: Callable[[], None]
    ) -> None:
        """Count what waits for the client of a connection, in bytes. `cut` ends the connection.

        The connection itself is not cut: it may have a response that is larger than the limit.
        """
        self.release(connection)
        key = limit_key(address, self._unlimited)
        self._held[connection] = _Held(key, size, cut)
        self._sums[key] = self._sums.get(key, 0) + size
        self._sum += size
        metrics.SLOW_CLIENTS.inc()
        metrics.UNREAD_BYTES.inc(size)
        if key is not None:
            while self._sums[key] > self._most_of_address and self._cut_first(key, connection):
                pass
        while self._sum > self._most:
            largest = max(self._sums, key=self._sums.__getitem__)
            if not self._cut_first(largest, connection):
                return

    def release(self, connection: Any) -> None:
        """Count a connection no more: its client reads, or it is gone."""
        held = self._held.pop(connection, None)
        if held is None:
            return
        self._sum -= held.size
        metrics.SLOW_CLIENTS.dec()
        metrics.UNREAD_BYTES.dec(held.size)
        self._sums[held.key] -= held.size
        if not self._sums[held.key]:
            del self._sums[held.key]

    def _cut_first(self, key: str | None, spared: Any) -> bool:
        """Cut the connection of this key that has waited longest, if there is one beside the one that is spared."""
        for connection, held in self._held.items():
            if held.key == key and connection is not spared:
                self.release(connection)
                metrics.CONNECTIONS_REFUSED.labels("unread_output").inc()
                held.cut()
                return True
        return False


def reader_of(peer: str | None, scope: Mapping[str, Any]) -> str | None:
    """Return the address of the client that reads what is written to `peer`; None if only its proxy is known.

    `scope` is the server's own, in which the application notes the client that a trusted proxy names, if it is mounted
    in front: a trusted proxy has the output of all its clients.
    """
    address = client_address(scope) or None
    is_proxy = address == peer and inbox_settings().proxies.trusts(peer)
    return None if is_proxy else address


@lru_cache(maxsize=1)
def unread_output() -> UnreadOutput:
    """Return what counts the unread output of this process."""
    return UnreadOutput(inbox_settings().unlimited_networks)
