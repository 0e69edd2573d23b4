"""Turns of short documents that are new: one is parsed and validated in a turn of the event loop.

That takes two milliseconds of it. When many come at once, what else is ready must not wait for all of them.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from weakref import WeakKeyDictionary


async def turn_of_document() -> None:
    """Wait until it is the caller's turn, which lasts until the caller waits for something else."""
    async with _lock():
        await asyncio.sleep(0)


def _lock() -> asyncio.Lock:
    return _locks().setdefault(asyncio.get_running_loop(), asyncio.Lock())


@lru_cache(maxsize=1)
def _locks() -> WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]:
    return WeakKeyDictionary()
