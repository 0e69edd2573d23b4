"""The crossing from the event loop to the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import lru_cache, partial
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections

from live_inbox.conf import inbox_settings

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

UNAVAILABLE_ERRORS = (OperationalError, InterfaceError)
"""What is raised when the database does not answer. What was asked of it may have been done."""


@lru_cache(maxsize=1)
def _executor() -> ThreadPoolExecutor:
    # Bounded, because each thread holds a database connection while it works.
    return ThreadPoolExecutor(inbox_settings().database_threads, thread_name_prefix="database")


async def in_database_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a synchronous function that uses the ORM, without blocking the event loop.

    Connections that are broken or too old are closed around the call. Context variables are the caller's; what
    the function does to them, and Django's active language and time zone, stay on their side. A caller that is
    cancelled waits no longer, while a call that has begun runs to its end.
    """
    # Not through asgiref: its bookkeeping for calls back into the loop, which nobody here makes, costs more than
    # the crossing. And not on its one shared thread, where a slow query of one socket holds up every other one.
    call = partial(copy_context().run, _with_fresh_connections, partial(function, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_executor(), call)


def _with_fresh_connections(call: Callable[[], T]) -> T:
    _close_old_connections()
    try:
        return call()
    except StopIteration as error:
        # A future does not take it, and who awaits that future would wait for ever.
        raise RuntimeError("The function raised StopIteration.") from error
    finally:
        _close_old_connections()


def _close_old_connections() -> None:
    try:
        close_old_connections()
    except Exception:
        # Django has let go of the connection all the same. What the call has committed stays committed: to report
        # a failure would make its caller do it again.
        logger.warning("A database connection could not be closed properly.", exc_info=True)
