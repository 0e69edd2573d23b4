"""The doorbell: wakes every server process, after a commit, with the new events of inboxes."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from multiprocessing import parent_process

from live_inbox import metrics
from live_inbox.delivery.channel_layer import PublishingLayer, bulk_group, inbox_group
from live_inbox.delivery.doorbell_message import DoorbellCodec, DoorbellMessage
from live_inbox.delivery.publishing import Message, Publisher, ThreadPublisher
from live_inbox.faults import Fault

EventBatch = Mapping[str, Sequence[bytes]]
"""What a doorbell carries: encoded events by inbox. None at all: the account of the inbox's user has changed."""

_BULK_FROM = 16
_BULK_INBOXES = 200
_MESSAGE_BYTES = 1024 * 1024
"""Of encoded events in one message; one event more may go beyond it."""
_NONCE_BYTES = 8


class Doorbell:
    """Publishes events after commits. A lost doorbell costs time, not events. It fails only without threads.

    In a server process the hub is called directly (`attached`), and the server's own event loop publishes to the
    channel layer, for the other processes. In any other process (a command, a worker, a WSGI server) one background
    thread publishes; when such a process exits, it waits up to `exit_seconds` for what is pending.

    A forked process, such as a Celery worker's, may end by `os._exit` right after a task, and then no thread and no
    exit handler runs. There, `ring` waits up to `exit_seconds` until it has published: a millisecond. If the layer
    hangs, that is once in `retry_seconds`. Elsewhere, `ring` does not wait.

    `deployment` returns the id of the database, which group names and messages contain. `codec` has the keys that
    authenticate messages. Both are called by `ring`, in the caller's thread. `clock` returns unix seconds.
    """

    def __init__(
        self,
        layer: Callable[[], PublishingLayer | None],
        *,
        deployment: Callable[[], str],
        codec: DoorbellCodec | None = None,
        layer_seconds: float = 1.0,
        retry_seconds: float = 2.0,
        exit_seconds: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._layer = layer
        self._deployment = deployment
        self.codec = codec or DoorbellCodec()
        """Reads the messages that the doorbells of this site have written."""
        self._clock = clock
        self._layer_seconds = layer_seconds
        self._exit_seconds = exit_seconds
        self._retry_seconds = retry_seconds
        self._token = uuid.uuid4().hex
        self._created_in = os.getpid()
        self._fault = Fault("reading of the deployment id", metrics.LOG_FAULTS)
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._hubs: list[tuple[asyncio.AbstractEventLoop, Callable[[EventBatch], None]]] = []
        self._server_publisher: Publisher | None = None
        self._thread_publisher: ThreadPublisher | None = None
        # Last: another thread that sees this process's id uses the rest.
        self._pid = os.getpid()

    def _leave_parent(self) -> None:
        """After a fork, forget loops and threads: they are the parent's, and do not run here."""
        if self._pid != os.getpid():
            self._begin()

    @property
    def name(self) -> str:
        """The sender of this process's messages: its own hub ignores them, as it has been called directly."""
        return f"{self._token}.{os.getpid()}"

    def ring_empty(self, inboxes: Sequence[str]) -> None:
        """Publish to all hubs that the accounts of these users have changed. Thread-safe.

        Even to hubs where none of the inboxes is open: their users may have sockets there without a subscription.
        """
        self._ring(dict.fromkeys(inboxes, ()), to_all=True)

    def ring(self, event_batch: EventBatch, *, traceparent: str | None = None) -> None:
        """Publish events to the hubs of all processes. Thread-safe.

        `traceparent` is the context to which the publishing belongs, if it is traced.
        """
        self._ring(event_batch, to_all=False, traceparent=traceparent)

    def _ring(
        self, event_batch: EventBatch, *, to_all: bool, traceparent: str | None = None
    ) -> None:
        if not event_batch:
            return
        self._leave_parent()
        for loop, on_message in list(self._hubs):
            # Fails only when that loop has been closed, and then its hub has ended.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(on_message, event_batch)
        try:
            deployment = self._deployment()
        except Exception as error:
            self._fault.report(error)
            metrics.DOORBELLS_DROPPED.inc()
            return
        self._fault.recovered()
        messages = list(self._messages(deployment, event_batch, traceparent, to_all=to_all))
        server = self._server_publisher
        if server is not None:
            server.put(messages)
            return
        thread = self._thread()
        thread.put(messages)
        if self._may_end_abruptly():
            thread.flush(self._exit_seconds)

    def _may_end_abruptly(self) -> bool:
        """Whether this process was made by fork or by multiprocessing, which end processes by `os._exit`."""
        return self._created_in != self._pid or parent_process() is not None

    def _messages(
        self, deployment: str, event_batch: EventBatch, traceparent: str | None, *, to_all: bool
    ) -> Iterator[Message]:
        if len(event_batch) < _BULK_FROM and not to_all:
            for inbox, entries in event_batch.items():
                group = inbox_group(deployment, inbox)
                for chunk in _chunks({inbox: entries}):
                    yield Message(group, self._message(deployment, chunk), traceparent)
            return
        group = bulk_group(deployment)
        for chunk in _chunks(event_batch):
            yield Message(group, self._message(deployment, chunk), traceparent, is_bulk=True)

    def _message(self, deployment: str, inboxes: dict[str, list[bytes]]) -> dict[str, object]:
        return self.codec.encode(
            DoorbellMessage(deployment, self.name, self._clock(), os.urandom(_NONCE_BYTES), inboxes)
        )

    @asynccontextmanager
    async def attached(self, on_message: Callable[[EventBatch], None]) -> AsyncIterator[None]:
        """Call a hub of this process directly, and publish from the running loop, while in the block."""
        self._leave_parent()
        loop = asyncio.get_running_loop()
        publisher = self._make_publisher(loop)
        hub = (loop, on_message)
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
            await publisher.close()

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until everything rung outside of a server has been published; return whether it was in time."""
        return self._thread_publisher is None or self._thread_publisher.flush(timeout)

    def _thread(self) -> ThreadPublisher:
        with self._lock:
            if self._thread_publisher is None:
                self._thread_publisher = ThreadPublisher(self._make_publisher, self._exit_seconds)
            return self._thread_publisher

    def _make_publisher(self, loop: asyncio.AbstractEventLoop) -> Publisher:
        return Publisher(loop, self._layer, self._layer_seconds, self._retry_seconds)


def _chunks(event_batch: EventBatch) -> Iterator[dict[str, list[bytes]]]:
    """Split a batch into messages of limited length, in order. An inbox without events stays without events."""
    chunk: dict[str, list[bytes]] = {}
    size = 0
    for inbox, entries in event_batch.items():
        if len(chunk) == _BULK_INBOXES or size >= _MESSAGE_BYTES:
            yield chunk
            chunk, size = {}, 0
        part = chunk[inbox] = []
        for entry in entries:
            if size >= _MESSAGE_BYTES:
                yield chunk
                part = []
                chunk, size = {inbox: part}, 0
            part.append(entry)
            size += len(entry)
    if chunk:
        yield chunk
