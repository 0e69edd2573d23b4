"""Runs database code in threads, off the event loop, in lanes and with deadlines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache, lru_cache, partial
from typing import NoReturn, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import AsyncToSync, sync_to_async
from django.db import InternalError, OperationalError

from live_inbox import metrics
from live_inbox.faults import RecurringFault
from live_inbox.lane_threads import Call, DatabaseTimeout, LaneThreads
from live_inbox.lanes import Lane
from live_inbox.shares import Share, Shares
from live_inbox.sqlstates import READ_ONLY, sqlstate
from live_inbox.thread_connections import is_testing

P = ParamSpec("P")
T = TypeVar("T")


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


@cache
def threads_of(lane: Lane) -> LaneThreads:
    """Return the threads of a lane in this process."""
    return LaneThreads(lane, most=lane.threads, statement_seconds=lane.statement_seconds)


def begin_counting_deadlines() -> None:
    """Have the missed deadlines of each lane begin at 0: of a series that begins with 1, Prometheus sees no growth."""
    for lane in Lane:
        metrics.DATABASE_DEADLINES.labels(lane)


@lru_cache(maxsize=1)
def _shares() -> WeakKeyDictionary[asyncio.AbstractEventLoop, Shares]:
    """Return the shares of the lane REQUESTS on each event loop."""
    return WeakKeyDictionary()


@cache
def _fault(lane: Lane) -> RecurringFault:
    return RecurringFault(f"database (lane {lane})", metrics.DATABASE_DEADLINES.labels(lane))


def _forget_threads() -> None:
    threads_of.cache_clear()
    _shares.cache_clear()


# The parent's threads do not run in a process that is forked from it.
os.register_at_fork(after_in_child=_forget_threads)


async def in_database_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a synchronous function that uses the ORM in the lane REQUESTS. See `in_lane`."""
    return await in_lane(Lane.REQUESTS, function, *args, **kwargs)


async def in_lane(lane: Lane, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a synchronous function that uses the ORM, without blocking the event loop.

    The thread keeps its connections for the next call, while they work. The function runs in a copy of the caller's
    context variables, so its changes to them, to Django's active language and to its time zone stay in the thread.
    Cancelling the caller does not stop a call that has begun. Raises what the function raises; a write to a server that
    is read-only, as after a failover, is an OperationalError.

    Raises DatabaseTimeout, an OperationalError, at the deadline of the lane. The call's connection is then closed,
    which ends the call; it may have been executed all the same.
    """
    return await _call(lane, lane.seconds, (), partial(function, *args, **kwargs))


async def in_lane_within(
    lane: Lane, seconds: float, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do as `in_lane`, with another deadline."""
    return await _call(lane, seconds, (), partial(function, *args, **kwargs))


async def in_shares(
    shares: Sequence[Share], function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do as `in_lane` in the lane REQUESTS, with a thread that counts against these shares of it.

    Waiting for a share is a part of the time until the deadline. A share is held until the call has really ended.
    """
    lane = Lane.REQUESTS
    return await _call(lane, lane.seconds, shares, partial(function, *args, **kwargs))


async def _call(
    lane: Lane, seconds: float, shares: Sequence[Share], function: Callable[[], T]
) -> T:
    if is_for_thread_of_caller():
        return await sync_to_async(partial(_run, function), thread_sensitive=True)()
    # Not asgiref's sync_to_async: its support for calls back into the loop, which is unused here, costs more than
    # the thread hop. And its one shared thread would let a slow query of one socket delay all others.
    run = partial(copy_context().run, _run, function)
    try:
        on_end = None
        if shares:
            seconds, on_end = await _take(shares, seconds)
        call = Call(run, seconds, on_end)
        threads_of(lane).put(call)
        try:
            result: T = await call.outcome
        except asyncio.CancelledError:
            call.drop()
            raise
    except DatabaseTimeout as error:
        _fault(lane).report(error)
        raise
    return result


def is_for_thread_of_caller() -> bool:
    """Whether the database code of this task runs in a test's own thread, and so must not run in that of another."""
    return _in_thread_of_caller.get() or (is_testing() and _has_waiting_thread())


async def _take(shares: Sequence[Share], seconds: float) -> tuple[float, Callable[[], None]]:
    """Wait for shares; return the seconds that are left, and what gives the shares back."""
    loop = asyncio.get_running_loop()
    held = _shares().get(loop)
    if held is None:
        held = _shares()[loop] = Shares()
    release = partial(held.release, shares)
    if held.take(shares):
        return seconds, release
    began = loop.time()
    try:
        async with asyncio.timeout(seconds):
            await held.wait(shares)
    except TimeoutError:
        raise DatabaseTimeout(seconds, was_slow=True) from None
    return max(0.0, seconds - (loop.time() - began)), release


def _has_waiting_thread() -> bool:
    """Whether synchronous code waits for this task, by asgiref's `async_to_sync`.

    Django's test clients do so with our asynchronous views. In a `TestCase`, only that thread sees what the test has
    written.
    """
    return getattr(AsyncToSync.executors, "current", None) is not None


def _run(function: Callable[[], T]) -> T:
    """Call a function; raise its errors as the awaiter shall get them."""
    try:
        return function()
    except BaseException as error:
        _raise(error)


def _raise(error: BaseException) -> NoReturn:
    if isinstance(error, StopIteration):
        # A future rejects StopIteration, and its awaiter would wait for ever.
        raise RuntimeError("The function raised StopIteration.") from error
    if isinstance(error, InternalError) and sqlstate(error) == READ_ONLY:
        raise OperationalError("The database is read-only.") from error
    raise error
