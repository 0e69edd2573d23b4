"""Waiting for what must happen and nobody announces. A test fails by the time, and is never decided by it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Return when the condition holds. Raise TimeoutError if it does not come true."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # nobody announces it
            await asyncio.sleep(0.005)


def wait_until(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Return when the condition holds. Raise TimeoutError if it does not come true."""
    if not comes_true(condition, seconds=seconds):
        raise TimeoutError("What is waited for did not happen.")


def comes_true(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Wait for a condition, and return whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
