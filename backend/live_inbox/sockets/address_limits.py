"""How much of a server one address, and one user, may take: connections, sockets, and new ones in a time.

What is open is counted in each process, what is new by all processes together. A client of IPv6 is counted by its /64
network, a client behind a trusted proxy by the address that the proxy names. The addresses of UNLIMITED_ADDRESSES are
not counted.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache

from live_inbox import metrics
from live_inbox.client_addresses import Network, limit_key
from live_inbox.conf import inbox_settings
from live_inbox.faults import RecurringFault
from live_inbox.limits.rate import RateLimit
from live_inbox.services.rates import exchanged

REFUSAL_SECONDS = 0.5
"""How long an address that has too many waits for its refusal. A client that comes back at once then costs little."""

MOST_WAITING = 100
"""Of one address, so many wait for their refusal. The others get it at once: each takes a descriptor."""


class OpenCounts:
    """How many are open of each key, and at most so many of one."""

    def __init__(self) -> None:
        self._counts: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def open(self, key: Hashable, most: int) -> bool:
        """Count one more and return True, unless there are as many as may be."""
        count = self._counts.get(key, 0)
        if count >= most:
            return False
        self._counts[key] = count + 1
        return True

    def close(self, key: Hashable) -> None:
        """Count one less."""
        left = self._counts.get(key, 0) - 1
        if left > 0:
            self._counts[key] = left
        else:
            self._counts.pop(key, None)


class TooManyOfAddress(Exception):
    """Logged, once a minute at most, when something of an address is refused."""


class AddressLimit:
    """What one address may have open at once, and open anew in a time. Use it on the event loop only.

    `name` is the label in the metrics, and what the log calls them.
    """

    def __init__(self, name: str, most: int, rate: RateLimit, unlimited: Sequence[Network]) -> None:
        self._most = most
        self._rates = exchanged(f"{name}_of_address", rate)
        self._unlimited = unlimited
        self._open = OpenCounts()
        self._waiting = OpenCounts()
        self._fault = RecurringFault(
            f"acceptance of {name} of one address",
            metrics.RATE_LIMITED.labels(f"{name}_of_address"),
        )

    def __len__(self) -> int:
        return len(self._open)

    def key(self, address: str | None) -> str | None:
        """Return what an address is counted by; None if it is not limited, as a Unix socket."""
        return limit_key(address, self._unlimited)

    def open(self, key: str) -> bool:
        """Count one more and return True; or return False for one that has to be refused."""
        if self._rates.check(key) is not None:
            self._report(f"{key} opens more than {self._rates.limit}")
        elif not self._open.open(key, self._most):
            self._report(f"{key} has {self._most} open")
        else:
            return True
        return False

    def close(self, key: str) -> None:
        """Count one less."""
        self._open.close(key)

    def begin_refusal(self, key: str) -> bool:
        """Return whether a refusal should wait for REFUSAL_SECONDS. If so, call `end_refusal` afterwards."""
        return self._waiting.open(key, MOST_WAITING)

    def end_refusal(self, key: str) -> None:
        """Count one refusal less that waits."""
        self._waiting.close(key)

    def report_waiting(self, key: str) -> None:
        """Report one that is refused because as many wait to be opened as may be open."""
        self._report(f"{key} has {self._most} waiting")

    def _report(self, what: str) -> None:
        hint = "if it is a proxy or a network of many users: TRUSTED_PROXIES, UNLIMITED_ADDRESSES"
        self._fault.report(TooManyOfAddress(f"{what} ({hint})"))


@lru_cache(maxsize=1)
def connections_of_addresses() -> AddressLimit:
    """Return this process's limit of connections for requests."""
    settings = inbox_settings()
    return AddressLimit(
        "connections",
        settings.max_connections_per_address,
        RateLimit.parse(settings.connection_rate),
        settings.unlimited_networks,
    )


@lru_cache(maxsize=1)
def sockets_of_addresses() -> AddressLimit:
    """Return this process's limit of sockets and handshakes, of both APIs together."""
    settings = inbox_settings()
    return AddressLimit(
        "sockets",
        settings.max_sockets_per_address,
        RateLimit.parse(settings.handshake_rate),
        settings.unlimited_networks,
    )


sockets_of_users = OpenCounts()
"""The admitted sockets of this process by user, of both APIs together."""


def forget_limits() -> None:
    """Read the settings again. For tests: what is open stays counted where it was counted."""
    connections_of_addresses.cache_clear()
    sockets_of_addresses.cache_clear()
