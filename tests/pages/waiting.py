"""Waits for a condition of a page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

DEADLINE_SECONDS = 30.0


async def eventually(read: Callable[[], Awaitable[object]], expected: object) -> None:
    """Wait until `read` returns `expected`; fail with the difference after `DEADLINE_SECONDS`."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (found := await read()) != expected:
        if time.monotonic() > deadline:
            raise AssertionError(f"{found!r} is not {expected!r}")
        await asyncio.sleep(0.02)
