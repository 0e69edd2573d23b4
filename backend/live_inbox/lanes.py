"""The lanes: groups of database threads that never wait for each other."""

from __future__ import annotations

from enum import StrEnum

from live_inbox.conf import inbox_settings

LONGEST_LOG_SECONDS = 30.0
"""The longest deadline of a read of the log: it grows while the database is slow."""


class Lane(StrEnum):
    """What a database call is for. Each lane has threads, and so connections, of its own, and a deadline."""

    REQUESTS = "requests"
    """Queries, changes and sends of clients, and pages."""
    BULK = "bulk"
    """Sends of one client to many recipients, which take long."""
    LOG = "log"
    """The hub's reader, which also reconciles."""
    ACCESS = "access"
    """Who a client is, and whether the users of open sockets are still allowed."""
    READINESS = "readiness"
    """The readiness probe."""
    HOUSEKEEPING = "housekeeping"
    """Expiry and pruning."""

    @property
    def threads(self) -> int:
        """How many threads the lane has, at most."""
        if self is Lane.REQUESTS:
            return inbox_settings().database_threads
        # One thread for the log: a connection that died without a word is then met once, not once for each thread.
        return 2 if self is Lane.ACCESS else 1

    @property
    def seconds(self) -> float:
        """The deadline of one call: how long its caller waits, for a thread and for the database."""
        if self is Lane.REQUESTS:
            return inbox_settings().database_seconds
        return _SECONDS[self]

    @property
    def statement_seconds(self) -> float:
        """How long the database itself may work on one statement."""
        return LONGEST_LOG_SECONDS if self is Lane.LOG else self.seconds


_SECONDS = {
    Lane.BULK: 120.0,
    Lane.LOG: 2.0,
    Lane.ACCESS: 5.0,
    Lane.READINESS: 2.0,
    Lane.HOUSEKEEPING: 60.0,
}
