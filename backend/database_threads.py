"""The crossing from the event loop to the database."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import ParamSpec, TypeVar

from channels.db import DatabaseSyncToAsync

from backend.config import config

P = ParamSpec("P")
T = TypeVar("T")


@lru_cache(maxsize=1)
def _executor() -> ThreadPoolExecutor:
    # Bounded, because each thread holds a database connection while it works.
    return ThreadPoolExecutor(config().database_threads, thread_name_prefix="database")


async def in_database_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a synchronous function that uses the ORM, without blocking the event loop.

    Not on asgiref's one shared thread, where a slow query of one socket holds up every other one. Connections
    that are broken or too old are closed around the call.
    """
    crossing = DatabaseSyncToAsync(function, thread_sensitive=False, executor=_executor())
    result: T = await crossing(*args, **kwargs)
    return result
