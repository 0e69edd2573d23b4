"""The doorbell: tells every process, after a commit, that inboxes have new events."""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import logging
import os
import re
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Any, Protocol

from live_inbox import metrics
from live_inbox.faults import Fault

logger = logging.getLogger(__name__)

EventBatch = Mapping[str, Sequence[bytes]]
"""What a doorbell says: encoded entries by inbox."""

BULK_GROUP = "inboxes"
"""The group of all hubs: a bulk send rings here once instead of once for each of its inboxes."""

_BULK_FROM = 16
_BULK_INBOXES = 200
_MAX_PENDING = 10_000
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class PublishingLayer(Protocol):
    """The part of the Channels layer interface that a doorbell uses."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None: ...


def group_of(inbox: str) -> str:
    """Return the channel-layer group of an inbox: valid on every layer, whatever the key looks like."""
    if _PLAIN_KEY.fullmatch(inbox):
        return f"inbox.{inbox}"
    return f"inbox.sha.{hashlib.sha256(inbox.encode()).hexdigest()[:40]}"


class Doorbell:
    """Rings after commits. Never blocks and never fails: a doorbell that is lost costs time, not events.

    In a server process the hub is told directly (`attached`), and the channel layer, for the other processes,
    from the server's own event loop. In any other process (a command, a worker, a WSGI server) one background
    thread publishes; a pending ring is given a moment when the process exits.
    """

    def __init__(
        self,
        layer: Callable[[], PublishingLayer | None],
        *,
        layer_seconds: float = 1.0,
        retry_seconds: float = 2.0,
        exit_seconds: float = 1.0,
    ) -> None:
        self._layer = layer
        self._layer_seconds = layer_seconds
        self._exit_seconds = exit_seconds
        self._retry_seconds = retry_seconds
        self._token = uuid.uuid4().hex
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._hubs: list[tuple[asyncio.AbstractEventLoop, Callable[[EventBatch], None]]] = []
        self._server_publisher: _Publisher | None = None
        self._thread_publisher: _ThreadPublisher | None = None

    @property
    def name(self) -> str:
        """Names this process's doorbell in its messages, so that its own hub need not read them twice."""
        return f"{self._token}.{os.getpid()}"

    def ring(self, rung: EventBatch) -> None:
        """Tell the hubs of all processes. Thread-safe; returns at once."""
        if not rung:
            return
        if self._pid != os.getpid():
            # A fork. Loops and threads are the parent's, and do not run here.
            self._begin()
        for loop, hear in list(self._hubs):
            # Fails only when that loop has been closed, and then nobody listens there.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(hear, rung)
        messages = list(self._messages(rung))
        publisher = self._server_publisher or self._thread()
        publisher.put(messages)

    def _messages(self, rung: EventBatch) -> Iterator[tuple[str, dict[str, Any]]]:
        if len(rung) < _BULK_FROM:
            for inbox, frames in rung.items():
                yield group_of(inbox), self._message({inbox: list(frames)})
            return
        items = iter(rung.items())
        while chunk := {inbox: list(frames) for inbox, frames in islice(items, _BULK_INBOXES)}:
            yield BULK_GROUP, self._message(chunk)

    def _message(self, rung: dict[str, list[bytes]]) -> dict[str, Any]:
        return {"type": "inbox.events", "from": self.name, "inboxes": rung}

    @asynccontextmanager
    async def attached(self, hear: Callable[[EventBatch], None]) -> AsyncIterator[None]:
        """Tell a hub of this process directly, and publish from the running loop, while in the block."""
        loop = asyncio.get_running_loop()
        publisher = self._make_publisher(loop)
        task = asyncio.create_task(publisher.run(), name="doorbell")
        hub = (loop, hear)
        self._hubs.append(hub)
        self._server_publisher = publisher
        try:
            yield
        finally:
            self._hubs.remove(hub)
            if self._server_publisher is publisher:
                self._server_publisher = None
            with suppress(TimeoutError):
                async with asyncio.timeout(self._layer_seconds):
                    await publisher.drain()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until what was rung outside of a server has been published; return whether it was in time."""
        return self._thread_publisher is None or self._thread_publisher.flush(timeout)

    def _thread(self) -> _ThreadPublisher:
        with self._lock:
            if self._thread_publisher is None:
                self._thread_publisher = _ThreadPublisher(self._make_publisher, self._exit_seconds)
            return self._thread_publisher

    def _make_publisher(self, loop: asyncio.AbstractEventLoop) -> _Publisher:
        return _Publisher(loop, self._layer, self._layer_seconds, self._retry_seconds)


class _Publisher:
    """Publishes messages one after the other on one event loop; gives up on all of them while the layer is down."""

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
        self._pending: deque[tuple[str, dict[str, Any]]] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._down_until = 0.0
        self._fault = Fault("channel layer (publishing)", metrics.LAYER_FAULTS)

    def put(self, messages: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Queue messages from any thread; drop them if the layer is down or too many are pending."""
        if time.monotonic() < self._down_until or len(self._pending) + len(messages) > _MAX_PENDING:
            metrics.DOORBELLS_DROPPED.inc(len(messages))
            return
        self._pending.extend(messages)
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            # The loop has been closed: this server is going away.
            metrics.DOORBELLS_DROPPED.inc(len(messages))
            self._pending.clear()

    def _wake(self) -> None:
        self._idle.clear()
        self._work.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._pending:
                await self._publish(*self._pending.popleft())
            if not self._work.is_set():
                self._idle.set()

    async def _publish(self, group: str, message: dict[str, Any]) -> None:
        try:
            layer = self._layer()
            if layer is None:
                return
            async with asyncio.timeout(self._layer_seconds):
                await layer.group_send(group, message)
        except Exception as error:
            self._fault.report(error)
            self._down_until = time.monotonic() + self._retry_seconds
            metrics.DOORBELLS_DROPPED.inc(1 + len(self._pending))
            self._pending.clear()
        else:
            self._fault.recovered()
            metrics.DOORBELLS_RUNG.inc()

    async def drain(self) -> None:
        """Wait until everything queued has been published or given up on."""
        await asyncio.sleep(0)
        await self._idle.wait()


class _ThreadLoop(asyncio.SelectorEventLoop):
    """The loop of a thread that may wait. Looks up host names itself.

    Other loops do it in a pool of threads, which is closed before the rings of a command that ends are published.
    """

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        """Look up a host name."""
        return socket.getaddrinfo(*args, **kwargs)


class _ThreadPublisher:
    """A publisher with a daemon thread and an event loop of its own, for processes without a server loop."""

    def __init__(
        self, make: Callable[[asyncio.AbstractEventLoop], _Publisher], exit_seconds: float
    ) -> None:
        self.pid = os.getpid()
        self._loop = _ThreadLoop()
        self._publisher = make(self._loop)
        thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
        thread.start()
        atexit.register(self.flush, exit_seconds)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.create_task(self._publisher.run())
        self._loop.run_forever()

    def put(self, messages: Sequence[tuple[str, dict[str, Any]]]) -> None:
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
