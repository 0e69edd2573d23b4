"""How many connections a server takes: fewer than it may have files open.

A process that runs out of descriptors cannot open its database either. So the last ones are kept for that, and a
connection beyond the limit is refused at once.
"""

from __future__ import annotations

import errno
from contextlib import suppress

try:
    import resource
except ImportError:  # Windows has no such limit.
    resource = None  # type: ignore[assignment]

from live_inbox import metrics
from live_inbox.faults import Fault

LEAST_RESERVE = 64
MOST_RESERVE = 256
"""Descriptors that are kept for databases, Redis and files; in between, an eighth of all."""

RESUME_SHARE = 0.9
"""The server is said to accept connections again when there are fewer than this share of the limit."""


class TooManyConnections(OSError):
    """Logged when a connection is refused because there are too many."""


class ConnectionLimit:
    """Decides whether a server takes another connection. The log has a line when it begins to refuse, and when it ends.

    `most` is None for no limit. `cause` says what has set it.
    """

    def __init__(
        self,
        most: int | None,
        cause: str = "as many as the limit of open files (ulimit -n) allows",
    ) -> None:
        self.most = most
        self._cause = cause
        self._fault = Fault("acceptance of connections", metrics.CONNECTIONS_NOT_ACCEPTED)

    def admits(self, connections: int) -> bool:
        """Return whether there may be so many connections, the new one included."""
        if self.most is None:
            if self._fault.is_on:
                self._fault.recovered()
            return True
        if connections > self.most:
            self._fault.report(TooManyConnections(f"{self.most} are open, {self._cause}"))
            return False
        if self._fault.is_on and connections < self.most * RESUME_SHARE:
            self._fault.recovered()
        return True

    def report(self, error: OSError) -> None:
        """Note that the system refused a connection, for want of descriptors or memory."""
        self._fault.report(error)


OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""The errors of `accept` when there are no descriptors, or no memory for another connection."""


def most_connections(open_files: int | None) -> int | None:
    """Return how many connections a process may have that may open so many files. None: no limit."""
    if open_files is None:
        return None
    reserve = min(max(open_files // 8, LEAST_RESERVE), MOST_RESERVE)
    return max(open_files - reserve, open_files // 2)


def open_files_limit() -> int | None:
    """Return how many files this process may have open; None for no limit."""
    if resource is None:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def raise_open_files_limit() -> None:
    """Let this process open as many files as the system allows it: each connection is one."""
    if resource is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS refuses some limits that it states itself.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
