"""A failing dependency is logged once, counted every time, and survived."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from prometheus_client import Counter

logger = logging.getLogger(__name__)


class Fault:
    """The state of one dependency, as one part of the program sees it.

    Call `report` for each failure and `recovered` for each success. The log gets one line when failures begin and one
    when they end, the counter gets every failure.
    """

    def __init__(self, dependency: str, counter: Counter) -> None:
        self._dependency = dependency
        self._counter = counter
        self._failures = 0

    @property
    def is_on(self) -> bool:
        """Whether the last attempt failed."""
        return self._failures > 0

    def report(self, error: BaseException) -> None:
        """Count a failure; log it if it is the first since the last success."""
        self._counter.inc()
        self._failures += 1
        if self._failures == 1:
            logger.warning("The %s fails: %s: %s", self._dependency, type(error).__name__, error)

    def recovered(self) -> None:
        """Note a success; log it if failures came before."""
        if self._failures:
            logger.warning(
                "The %s works again after %d failures.", self._dependency, self._failures
            )
            self._failures = 0


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
        logger.warning(
            "The %s fails: %s: %s%s", self._dependency, type(error).__name__, error, more
        )
        self._logged_at, self._unlogged = now, 0
