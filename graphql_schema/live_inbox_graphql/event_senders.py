"""Write the events of compiled subscriptions: each encoded once for all clients that select the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence

from live_inbox.delivery.batch import Batch
from live_inbox.events import Event, Reset
from live_inbox.feed import Following, Item
from live_inbox_graphql.advances import ADVANCE_SECONDS, Advances, concerns
from live_inbox_graphql.compiled.rendering import CompiledSelection
from live_inbox_graphql.framing import Framing

Write = Callable[[Sequence[bytes]], Awaitable[None] | None]
"""Writes messages; returns what to wait for where there is no more room (`live_inbox.sockets.writer`)."""


class EventSender:
    """Encodes and writes the events of one subscription."""

    __slots__ = ("_framing", "_key", "_selection", "_start", "_write")

    def __init__(self, framing: Framing, selection: CompiledSelection, write: Write) -> None:
        self._framing = framing
        self._start = framing.start
        self._selection = selection
        self._key: Hashable = selection if framing.tag is None else (selection, framing.tag)
        self._write = write

    def deliver(self, batch: Batch[Event] | Batch[Reset]) -> Awaitable[None] | None:
        """Write the events of a batch, encoded once for all sockets that select the same."""
        results = batch.memoize(self._key, self._encode)
        start = self._start
        return self._write([start + result for result in results]) if results else None

    def stop(self) -> None:
        """Write nothing any more."""

    def _encode(self, items: Sequence[Item]) -> list[bytes]:
        """Return the messages of the events, without their start."""
        render, frame = self._selection.render, self._framing.of_event
        return [frame(render(item), item) for item in items]


class TypesSender(EventSender):
    """The same for a subscription that is limited by types, and so is sent positions, too."""

    __slots__ = ("_advances", "_following", "_is_stopped", "_loop", "_timer", "_types")

    def __init__(
        self,
        framing: Framing,
        selection: CompiledSelection,
        write: Write,
        types: frozenset[str],
        following: Following,
    ) -> None:
        super().__init__(framing, selection, write)
        self._key = (selection, types, framing.tag)
        self._types = types
        self._following = following
        self._loop = asyncio.get_running_loop()
        self._advances = Advances(types, self._loop.time())
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopped = False

    def deliver(self, batch: Batch[Event] | Batch[Reset]) -> Awaitable[None] | None:
        """Write the events of a batch that have the types, and the position if it is due."""
        now = self._loop.time()
        self._advances.pass_over(batch.items, now)
        results = batch.memoize(self._key, self._encode)
        messages = [self._start + result for result in results]
        messages += self._due_advance(now)
        self._set_timer()
        return self._write(messages) if messages else None

    def _encode(self, items: Sequence[Item]) -> list[bytes]:
        types = self._types
        return super()._encode([item for item in items if concerns(item, types)])

    def _due_advance(self, now: float) -> list[bytes]:
        advance = self._advances.take(now)
        if advance is None:
            return []
        result = self._selection.render(advance)
        return [self._start + self._framing.of_event(result, advance)]

    def _set_timer(self) -> None:
        """Have the position sent when it is due, which may be now."""
        due_at = self._advances.due_at
        if self._timer is None and due_at is not None and not self._is_stopped:
            self._timer = self._loop.call_at(due_at, self._on_timer)

    def stop(self) -> None:
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _on_timer(self) -> None:
        self._timer = None
        self._following.write_between_batches(self._write_advance)
        due_at, now = self._advances.due_at, self._loop.time()
        if due_at is not None and due_at <= now and not self._is_stopped:
            # Still: the client lags, and may do so for long.
            self._timer = self._loop.call_at(now + ADVANCE_SECONDS, self._on_timer)
        else:
            self._set_timer()

    def _write_advance(self) -> Awaitable[None] | None:
        messages = self._due_advance(self._loop.time())
        return self._write(messages) if messages else None
