"""An event loop whose time passes at once: it moves to the next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
from typing import Any


class NothingWillHappen(AssertionError):
    """Raised when every task waits, and no timer is left that could wake one."""


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """Runs callbacks and timers in order, without sockets and threads: the same program runs the same way each time.

    `errors` holds what nobody caught: exceptions of callbacks, and of tasks that were thrown away.
    """

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__()
        # What BaseEventLoop polls; this loop is its own selector.
        self._selector = self
        self.errors: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.errors.append(context))

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """Let `timeout` seconds pass; there are no files that could be ready."""
        if timeout is None:
            raise NothingWillHappen("The program waits for something that never happens.")
        self._now += timeout
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """Do nothing: `select` returns no events."""

    def _write_to_self(self) -> None:
        """Do nothing: the loop never waits, so `call_soon_threadsafe` has nobody to wake."""
