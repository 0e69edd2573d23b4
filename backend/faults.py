"""A failing dependency is logged once, counted every time, and survived."""

from __future__ import annotations

import logging

from prometheus_client import Counter

logger = logging.getLogger(__name__)


class Fault:
    """The state of one dependency, as one part of the program sees it.

    `report` is called for each failure and `over` for each success; the log gets one line when the trouble
    begins and one when it ends, the counter gets them all.
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

    def over(self) -> None:
        """Note a success; log it if failures came before."""
        if self._failures:
            logger.warning(
                "The %s works again after %d failures.", self._dependency, self._failures
            )
            self._failures = 0
