"""Lets threads that work for users go on, before the event loop goes on with what crowds ask for.

The interpreter lets one thread compute at a time. A change of an inbox gives it up and needs it again for each of its
statements, a dozen times. While the event loop computes without a pause, each time takes half a millisecond
(`live_inbox_site.process_tuning`), and what others ask for comes in between. So the event loop pauses after each piece
of work that takes turns (`live_inbox.sockets.loop_turns`) while such a thread is busy.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import lru_cache

PAUSE_SECONDS = 0.00005
"""Long enough for a thread that waits to notice. Linux makes a tenth of a millisecond of it."""


class ComputingThreads:
    """The threads that work for somebody at the moment. They may wait for a database, too."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        # `add` and `discard` of a set are one step for the interpreter each, where a count would need a lock.
        self._busy: set[object] = set()

    def begin(self, thread: object) -> None:
        """Note that a thread has begun to work."""
        self._busy.add(thread)

    def end(self, thread: object) -> None:
        """Note that it has ended."""
        self._busy.discard(thread)

    def give_way(self) -> None:
        """Pause for as long as a thread takes to go on, if any is at work. Called on the event loop."""
        if self._busy:
            self._sleep(PAUSE_SECONDS)

    def clear(self) -> None:
        """Forget all. After a fork there are none."""
        self._busy.clear()


@lru_cache(maxsize=1)
def computing_threads() -> ComputingThreads:
    """Return those of this process."""
    return ComputingThreads()


os.register_at_fork(after_in_child=computing_threads().clear)
