"""Runs database code in threads, off the event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import lru_cache, partial
from typing import ParamSpec, TypeVar

from asgiref.sync import AsyncToSync, sync_to_async
from django.db import InterfaceError, InternalError, OperationalError

from live_inbox.conf import inbox_settings
from live_inbox.sqlstates import READ_ONLY, sqlstate
from live_inbox.thread_connections import ThreadConnections, is_testing

P = ParamSpec("P")
T = TypeVar("T")

UNAVAILABLE_ERRORS = (OperationalError, InterfaceError)
"""The exceptions for a database that does not answer. The statement may have been executed all the same."""

_connections = ThreadConnections()


_in_thread_of_caller = ContextVar("in_thread_of_caller", default=False)


@contextmanager
def in_thread_of_caller() -> Iterator[None]:
    """Have `in_database_thread` use asgiref's thread-sensitive thread, for this context and the tasks made in it.

    For tests: in a `TestCase` that is the thread whose transaction holds everything.
    """
    token = _in_thread_of_caller.set(True)
    try:
        yield
    finally:
        _in_thread_of_caller.reset(token)


@lru_cache(maxsize=1)
def _executor() -> ThreadPoolExecutor:
    # Bounded, because each thread holds a database connection.
    return ThreadPoolExecutor(inbox_settings().database_threads, thread_name_prefix="database")


# The parent's threads do not run in a process that is forked from it.
os.register_at_fork(after_in_child=_executor.cache_clear)


async def in_database_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a synchronous function that uses the ORM, without blocking the event loop.

    The thread keeps its connections for the next call, while they work. The function runs in a copy of the caller's
    context variables, so its changes to them, to Django's active language and to its time zone stay in the thread.
    Cancelling the caller does not stop a call that has begun. Raises what the function raises; a write to a server that
    is read-only, as after a failover, is an OperationalError.
    """
    if _in_thread_of_caller.get() or (is_testing() and _has_waiting_thread()):
        call = partial(_raising_for_awaiter, partial(function, *args, **kwargs))
        return await sync_to_async(call, thread_sensitive=True)()
    # Not asgiref's sync_to_async: its support for calls back into the loop, which is unused here, costs more than
    # the thread hop. And its one shared thread would let a slow query of one socket delay all others.
    call = partial(copy_context().run, _with_connections, partial(function, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_executor(), call)


def _has_waiting_thread() -> bool:
    """Whether synchronous code waits for this task, by asgiref's `async_to_sync`.

    Django's test clients do so with our asynchronous views. In a `TestCase`, only that thread sees what the test has
    written.
    """
    return getattr(AsyncToSync.executors, "current", None) is not None


def _with_connections(call: Callable[[], T]) -> T:
    _connections.prepare()
    try:
        result = _raising_for_awaiter(call)
    except BaseException as error:
        _connections.clean_up(error)
        raise
    _connections.clean_up(None)
    return result


def _raising_for_awaiter(call: Callable[[], T]) -> T:
    """Call a function, and raise its errors as its awaiter shall get them."""
    try:
        return call()
    except StopIteration as error:
        # A future rejects StopIteration, and its awaiter would wait for ever.
        raise RuntimeError("The function raised StopIteration.") from error
    except InternalError as error:
        if sqlstate(error) == READ_ONLY:
            raise OperationalError("The database is read-only.") from error
        raise
