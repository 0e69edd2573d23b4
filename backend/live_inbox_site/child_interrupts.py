"""Keeps Ctrl-C from breaking child processes while they start: each would print a traceback of its imports.

A terminal sends SIGINT to all processes. The parent handles it, and ends a child that is starting by SIGTERM.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

_CAN_HOLD_BACK = hasattr(signal, "pthread_sigmask")


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Start children in this block: they have SIGINT blocked, and in this process it waits for the end of the block."""
    if not _CAN_HOLD_BACK:
        yield
        return
    # Its own start, which that of the first child brings, would end the block of the signal.
    resource_tracker.ensure_running()
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def ignore_interrupts() -> None:
    """In a child: drop a SIGINT that has come, and ignore those that come until the server handles them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if _CAN_HOLD_BACK:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
