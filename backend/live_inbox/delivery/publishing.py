"""Publishing to the channel layer: from the server's event loop, or from a thread where there is none."""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from live_inbox import metrics, tracing
from live_inbox.delivery.cancelling import cancel_all
from live_inbox.delivery.channel_layer import HostOf, PublishingLayer
from live_inbox.faults import Fault


class Message(NamedTuple):
    """What is published to a group."""

    group: str
    content: dict[str, Any]
    traceparent: str | None = None
    """The context to which the publishing belongs, if it is traced."""
    is_bulk: bool = False
    """Whether the group is that of all hubs."""


_MAX_PENDING = 10_000


class Publisher:
    """Publishes messages on one event loop: those for one host of the layer one after the other.

    A host that is down costs the others nothing: what is for it is dropped meanwhile.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        layer: Callable[[], PublishingLayer | None],
        layer_seconds: float,
        retry_seconds: float,
    ) -> None:
        self._loop = loop
        self._layer = layer
        self._layer_seconds = layer_seconds
        self._retry_seconds = retry_seconds
        self._arrived: deque[Message] = deque()
        self._hosts: dict[int | None, _HostPublisher] = {}
        self._host_of = HostOf()
        self._is_closed = False

    def put(self, messages: Sequence[Message]) -> None:
        """Queue messages from any thread; drop them if too many are pending."""
        pending = len(self._arrived) + sum(host.pending for host in tuple(self._hosts.values()))
        if pending + len(messages) > _MAX_PENDING:
            metrics.DOORBELLS_DROPPED.inc(len(messages))
            return
        self._arrived.extend(messages)
        try:
            self._loop.call_soon_threadsafe(self._distribute)
        except RuntimeError:
            # The loop has been closed: the server is shutting down.
            metrics.DOORBELLS_DROPPED.inc(len(messages))
            self._arrived.clear()

    def _distribute(self) -> None:
        if self._is_closed:
            metrics.DOORBELLS_DROPPED.inc(len(self._arrived))
            self._arrived.clear()
        while self._arrived:
            message = self._arrived.popleft()
            number = self._number_of_host(message.group)
            host = self._hosts.get(number)
            if host is None:
                host = self._hosts[number] = self._new_host(number)
            host.put(message)

    def _number_of_host(self, group: str) -> int | None:
        try:
            layer = self._layer()
            return None if layer is None else self._host_of(layer, group)
        except Exception:
            # It fails again when it is used, and is reported there.
            return None

    def _new_host(self, number: int | None) -> _HostPublisher:
        name = "publishing" if number is None else f"publishing, host {number + 1}"
        fault = Fault(f"channel layer ({name})", metrics.LAYER_FAULTS)
        return _HostPublisher(
            self._loop, self._layer, self._layer_seconds, self._retry_seconds, fault
        )

    async def drain(self) -> None:
        """Wait until everything queued has been published or dropped."""
        await asyncio.sleep(0)
        for host in tuple(self._hosts.values()):
            await host.drain()

    async def close(self) -> None:
        """End the publishing, on the event loop. What is pending is lost, and so is what comes later."""
        self._is_closed = True
        await cancel_all([host.task for host in self._hosts.values()])


class _HostPublisher:
    """Publishes messages to one host of the layer, one after the other. While it is down, it drops them all."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        layer: Callable[[], PublishingLayer | None],
        layer_seconds: float,
        retry_seconds: float,
        fault: Fault,
    ) -> None:
        self._layer = layer
        self._layer_seconds = layer_seconds
        self._retry_seconds = retry_seconds
        self._pending: deque[Message] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._down_until = 0.0
        self._fault = fault
        self.task = loop.create_task(self._run(), name="doorbell")

    @property
    def pending(self) -> int:
        """How many messages wait. From any thread."""
        return len(self._pending)

    def put(self, message: Message) -> None:
        """Queue a message, on the event loop; drop it while the host is down."""
        if time.monotonic() < self._down_until:
            metrics.DOORBELLS_DROPPED.inc()
            return
        self._pending.append(message)
        self._idle.clear()
        self._work.set()

    async def drain(self) -> None:
        """Wait until everything queued has been published or dropped."""
        await self._idle.wait()

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._pending:
                await self._publish(self._pending.popleft())
            if not self._work.is_set():
                self._idle.set()

    async def _publish(self, message: Message) -> None:
        span = None
        try:
            layer = self._layer()
            if layer is None:
                return
            if message.traceparent is not None:
                span = tracing.publishing(message.traceparent, is_bulk=message.is_bulk)
            began = time.monotonic()
            async with asyncio.timeout(self._layer_seconds):
                await layer.group_send(message.group, message.content)
        except Exception as error:
            self._fault.report(error)
            self._down_until = time.monotonic() + self._retry_seconds
            metrics.DOORBELLS_DROPPED.inc(1 + len(self._pending))
            self._pending.clear()
            if span is not None:
                span.end(type(error).__name__)
        else:
            self._fault.recovered()
            metrics.DOORBELLS_SENT.inc()
            metrics.LAYER_PUBLISH_SECONDS.observe(time.monotonic() - began)
            if span is not None:
                span.end()


class _ThreadLoop(asyncio.SelectorEventLoop):
    """The event loop of a thread that may block. Resolves host names itself.

    Other loops resolve them in a thread pool, which is closed before the last doorbells of a command are published.
    """

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        """Resolve a host name."""
        return socket.getaddrinfo(*args, **kwargs)


class ThreadPublisher:
    """A publisher with a daemon thread and an event loop of its own, for processes without a server loop."""

    def __init__(
        self, make: Callable[[asyncio.AbstractEventLoop], Publisher], exit_seconds: float
    ) -> None:
        self.pid = os.getpid()
        self._make = make
        self._failure: OSError | None = None
        ready = _system_lock()
        ready.acquire()
        _start_system_thread(partial(self._run, ready.release))
        ready.acquire()
        if self._failure is not None:
            raise self._failure
        atexit.register(self.flush, exit_seconds)

    def _run(self, ready: Callable[[], None]) -> None:
        try:
            # In the thread itself: gevent's sockets and selectors belong to the thread that creates them.
            self._loop = _ThreadLoop()
            self._publisher = self._make(self._loop)
        except OSError as error:
            self._failure = error
            return
        finally:
            ready()
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def put(self, messages: Sequence[Message]) -> None:
        """Queue messages from any thread."""
        self._publisher.put(messages)

    def flush(self, timeout: float) -> bool:
        """Wait until the queue is empty; return whether it was within `timeout` seconds."""
        if self.pid != os.getpid():
            return True
        drained = asyncio.run_coroutine_threadsafe(self._publisher.drain(), self._loop)
        try:
            drained.result(timeout)
        except TimeoutError:
            return False
        return True


def _start_system_thread(run: Callable[[], None]) -> None:
    """Start a daemon thread of the operating system.

    Where gevent has replaced threads by greenlets, all greenlets would see the event loop of this one as running in
    their own thread, and there Django refuses to use the database.
    """
    gevent = _patched_by_gevent()
    if gevent is None:
        threading.Thread(target=run, name="doorbell", daemon=True).start()
    else:
        gevent.get_original("_thread", "start_new_thread")(run, ())


def _system_lock() -> Any:
    gevent = _patched_by_gevent()
    return threading.Lock() if gevent is None else gevent.get_original("_thread", "allocate_lock")()


def _patched_by_gevent() -> Any:
    """Return `gevent.monkey` if it has replaced threads; None otherwise."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey if monkey is not None and monkey.is_module_patched("threading") else None
