"""A failing dependency is logged once, counted every time, and survived."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

from prometheus_client import Counter

logger = logging.getLogger(__name__)


_REFUSALS = frozenset({"AuthenticationError", "AuthorizationError", "NoPermissionError"})
"""Names of redis-py's exceptions: this module knows no client of Redis."""


def is_refusal(error: BaseException) -> bool:
    """Return whether a server was reached and refuses this client, which only its administrator can change."""
    return any(base.__name__ in _REFUSALS for base in type(error).__mro__)


_SENTINEL = re.compile(r"<redis\.(?:asyncio\.)?client\.Redis\(")
"""With what redis-py begins to name a Sentinel that does not answer: by all settings of the connection to it."""

_ADDRESS = re.compile(r",host=([^,]{1,255}),port=([0-9]{1,5}),")
_ATTEMPT = "- host: "
"""How psycopg begins the lines about single hosts, where it has tried several. The first line is about the last one."""

_FAILED = ": connection failed: "


def in_one_line(error: BaseException) -> str:
    """Return the class and the message of an error, without what does not help to find its cause."""
    lines = str(error).strip().splitlines() or [""]
    # What follows has the address, too.
    attempts = [
        line.partition(_FAILED)[2] or line.removeprefix("- ")
        for line in lines
        if line.startswith(_ATTEMPT)
    ]
    first, *sentinels = _SENTINEL.split("; ".join(attempts) or lines[0])
    return f"{type(error).__name__}: {first}{''.join(map(_of_sentinel, sentinels))}"


def _of_sentinel(text: str) -> str:
    settings, _, reason = text.partition(")>)>)> - ")
    address = _ADDRESS.search(settings)
    return f"{address[1]}:{address[2]} {reason}" if address else reason


class Fault:
    """The state of one dependency, as one part of the program sees it.

    Call `report` for each failure and `recovered` for each success. The log gets one line when failures begin and one
    when they end, the counter gets every failure. A refusal gets a line of its own: when a password has changed, the
    first failure is a connection that is cut, and does not say why.
    """

    def __init__(self, dependency: str, counter: Counter) -> None:
        self._dependency = dependency
        self._counter = counter
        self._failures = 0
        self._was_refused = False

    @property
    def is_on(self) -> bool:
        """Whether the last attempt failed."""
        return self._failures > 0

    def report(self, error: BaseException) -> None:
        """Count a failure; log it if it is the first since the last success, or the first refusal."""
        self._counter.inc()
        self._failures += 1
        is_first_refusal = not self._was_refused and is_refusal(error)
        self._was_refused = self._was_refused or is_first_refusal
        if self._failures == 1 or is_first_refusal:
            logger.warning("The %s fails: %s", self._dependency, in_one_line(error))

    def recovered(self) -> None:
        """Note a success; log it if failures came before."""
        if self._failures:
            logger.warning(
                "The %s works again after %d failures.", self._dependency, self._failures
            )
            self._failures = 0
            self._was_refused = False


class RecurringFault:
    """The state of a dependency with many callers, none of which learns when it works again.

    The log gets one line a minute at most, the counter every failure.
    """

    QUIET_SECONDS = 60.0

    def __init__(
        self, dependency: str, counter: Counter, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._dependency = dependency
        self._counter = counter
        self._clock = clock
        self._logged_at: float | None = None
        self._unlogged = 0

    def report(self, error: BaseException) -> None:
        """Count a failure; log it if none was logged within the last minute."""
        self._counter.inc()
        now = self._clock()
        if self._logged_at is not None and now - self._logged_at < self.QUIET_SECONDS:
            self._unlogged += 1
            return
        more = f" ({self._unlogged} more since the last line)" if self._unlogged else ""
        logger.warning("The %s fails: %s%s", self._dependency, in_one_line(error), more)
        self._logged_at, self._unlogged = now, 0
