"""When a worker that has died is started again: at once, and later each time that it dies soon after."""

from __future__ import annotations

STEADY_SECONDS = 60.0
"""A worker that has served for so long had no fault of its start."""
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0


class RestartPacing:
    """The deaths of one worker and its successors."""

    def __init__(self) -> None:
        self._failures = 0

    def seconds_to_wait(self, served_seconds: float) -> float:
        """Return for how long to wait after a worker has died that had served for so long."""
        if served_seconds >= STEADY_SECONDS:
            self._failures = 0
        self._failures += 1
        if self._failures == 1:
            return 0.0
        # The exponent is bounded, for it may go on for months.
        doublings = min(self._failures - 2, 10)
        return min(FIRST_WAIT_SECONDS * (1 << doublings), LONGEST_WAIT_SECONDS)
