"""The threads of one lane, and the calls that they make: each call has a deadline, and no thread is lost to one."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any
from weakref import WeakSet

from django.db import OperationalError

from live_inbox import metrics
from live_inbox.computing_threads import computing_threads
from live_inbox.thread_connections import ThreadConnections

IDLE_SECONDS = 60.0
"""How long a thread keeps its connections without a call."""

CONNECTING_SECONDS = 10.0
"""How long a thread may take to connect, to several addresses perhaps, before another takes its place."""

GRACE_SECONDS = 1.0
"""How long a thread may take to notice that its connection was ended, before another takes its place."""

EXIT_SECONDS = 5.0
"""How long the process waits, when it exits, for calls that are under way."""


MEASURED = 8
"""Of so many calls, one is measured: measuring costs two microseconds."""


class DatabaseTimeout(OperationalError):
    """Raised when a call did not end within its deadline. It may have been executed all the same."""

    def __init__(self, seconds: float, *, was_slow: bool) -> None:
        super().__init__(f"The database did not answer within {seconds:.3g} s.")
        self.was_slow = was_slow
        """Whether a connection was there: the database was slow, or the connection is dead."""


class Call:
    """One call of a function in a thread, as its event loop sees it. `seconds` from now on is its deadline.

    `on_end` is called on the event loop when the call is over, which may be long after its awaiter has gone.
    """

    __slots__ = (
        "_function",
        "_is_dropped",
        "_loop",
        "_on_end",
        "_seconds",
        "_timer",
        "outcome",
        "queued_at",
        "worker",
    )

    def __init__(
        self, function: Callable[[], Any], seconds: float, on_end: Callable[[], None] | None = None
    ) -> None:
        self._function = function
        self._seconds = seconds
        self._on_end = on_end
        self._is_dropped = False
        self._loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[Any] = self._loop.create_future()
        self.worker: Worker | None = None
        self.queued_at: float | None = None
        """When it was queued, if it is one that is measured."""
        self._timer = self._loop.call_later(seconds, self._expire)

    def drop(self) -> None:
        """Do not begin, if it has not begun. A call under way goes on, and keeps its deadline."""
        self._is_dropped = True
        if self.worker is None:
            self._end()

    # -- in the thread ------------------------------------------------------------------------------------

    def perform(self, connections: ThreadConnections) -> tuple[Any, BaseException | None]:
        """Call the function; return its result, or what it has raised. Nothing if the call was dropped."""
        if self._is_dropped:
            return None, None
        try:
            connections.prepare()
            result = self._function()
        except BaseException as error:
            connections.clean_up(error)
            return None, error
        connections.clean_up(None)
        return result, None

    def report(self, result: Any, error: BaseException | None) -> None:
        """Hand the result over to the event loop, if that still runs."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._resolve, result, error)

    # -- on the event loop --------------------------------------------------------------------------------

    def _resolve(self, result: Any, error: BaseException | None) -> None:
        self._end()
        if self.outcome.done():
            return
        if error is None:
            self.outcome.set_result(result)
        else:
            self.outcome.set_exception(error)

    def _end(self) -> None:
        self._timer.cancel()
        if self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end()

    def _expire(self) -> None:
        """Fail the awaiter, and end what the thread waits for."""
        if self.worker is None:
            self._is_dropped = True
        worker = self.worker
        if worker is None:
            self._end()
            self._fail(was_slow=True)
            return
        since = worker.connections.connecting_since
        if since is not None and (left := since + CONNECTING_SECONDS - time.monotonic()) > 0:
            # The driver has a timeout of its own for that. What cannot be reached shall fail as such.
            self._timer = self._loop.call_later(min(left, GRACE_SECONDS), self._expire)
            return
        if worker.abort(self):
            self._timer = self._loop.call_later(GRACE_SECONDS, self._replace, worker)
        self._fail(was_slow=since is None)

    def _fail(self, *, was_slow: bool) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(DatabaseTimeout(self._seconds, was_slow=was_slow))

    def _replace(self, worker: Worker) -> None:
        worker.replace(self)
        self._end()


class Worker:
    """A daemon thread with its connections, which makes one call after the other."""

    def __init__(self, threads: LaneThreads, number: int) -> None:
        self.connections = ThreadConnections(threads.statement_seconds)
        self._threads = threads
        self._call: Call | None = None
        # Held while the call changes: `abort` must not end a connection that the next call uses already.
        self._changing = threading.Lock()
        self._is_replaced = False
        # A daemon: one that hangs must not keep the process from its exit.
        self.thread = threading.Thread(
            target=self._run, name=f"database-{threads.name}-{number}", daemon=True
        )

    def abort(self, call: Call) -> bool:
        """End the thread's connections if it still makes this call; return whether it does."""
        with self._changing:
            if self._call is not call:
                return False
            self.connections.abort()
            ThreadConnections.suspect_all()
            return True

    def replace(self, call: Call) -> None:
        """Have another thread take the place of this one if it still makes this call. It ends after the call."""
        with self._changing:
            if self._call is call and not self._is_replaced:
                self._is_replaced = True
                self._threads.replace(self)

    def _run(self) -> None:
        while not self._is_replaced:
            call = self._threads.next(self.connections)
            if call is None:
                break
            with self._changing:
                self._call = call
            # In this order: who drops a call looks whether it has a worker.
            call.worker = self
            computing_threads().begin(self)
            result, error = self._threads.measured(call, self.connections)
            computing_threads().end(self)
            with self._changing:
                self._call = None
            call.report(result, error)
            del call, result, error
        self.connections.close()


class LaneThreads:
    """The threads of one lane: at most `most`, started when they are needed."""

    def __init__(self, name: str, *, most: int, statement_seconds: float) -> None:
        self.name = name
        self.statement_seconds = statement_seconds
        self._most = most
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._workers: list[Worker] = []
        self._started = 0
        self._not_measured = 0
        self._queue = metrics.DATABASE_QUEUE.labels(name)
        self._observe_wait = metrics.DATABASE_WAIT_SECONDS.labels(name).observe
        self._observe_call = metrics.DATABASE_CALL_SECONDS.labels(name).observe
        _all_threads.add(self)

    def put(self, call: Call) -> None:
        """Have a call made as soon as a thread is free."""
        if self._not_measured:
            self._not_measured -= 1
        else:
            self._not_measured = MEASURED - 1
            call.queued_at = time.monotonic()
        self._queue.inc()
        self._calls.put(call)
        if self._idle.acquire(blocking=False):
            return
        with self._lock:
            if len(self._workers) < self._most:
                self._start()

    def next(self, connections: ThreadConnections) -> Call | None:
        """Return the next call for a thread, which closes these connections if it waits long; None at the end."""
        try:
            return self._calls.get_nowait()
        except Empty:
            self._idle.release()
        try:
            return self._calls.get(timeout=IDLE_SECONDS)
        except Empty:
            connections.close()
        return self._calls.get()

    def measured(
        self, call: Call, connections: ThreadConnections
    ) -> tuple[Any, BaseException | None]:
        """Perform a call that has left the queue; return what `Call.perform` does. Called in a thread."""
        self._queue.dec()
        if call.queued_at is None:
            return call.perform(connections)
        began = time.monotonic()
        self._observe_wait(began - call.queued_at)
        outcome = call.perform(connections)
        self._observe_call(time.monotonic() - began)
        return outcome

    def replace(self, worker: Worker) -> None:
        """Start a thread in place of one that hangs."""
        with self._lock:
            if worker in self._workers:
                self._workers.remove(worker)
                self._start()

    def close(self, seconds: float) -> None:
        """End the threads after the calls that are under way or queued; wait no longer than this for it."""
        deadline = time.monotonic() + seconds
        for worker in self._end():
            worker.thread.join(max(0.0, deadline - time.monotonic()))

    def _end(self) -> list[Worker]:
        with self._lock:
            workers, self._workers = self._workers, []
        for _ in workers:
            self._calls.put(None)
        return workers

    def _start(self) -> None:
        self._started += 1
        worker = Worker(self, self._started)
        self._workers.append(worker)
        worker.thread.start()


_all_threads: WeakSet[LaneThreads] = WeakSet()


@atexit.register
def _close_all() -> None:
    deadline = time.monotonic() + EXIT_SECONDS
    for threads in tuple(_all_threads):
        threads.close(max(0.0, deadline - time.monotonic()))


os.register_at_fork(after_in_child=_all_threads.clear)
