"""What doorbells have said to one channel and its receiver has not heard yet."""

from __future__ import annotations

import asyncio
from itertools import islice

from live_inbox import metrics
from live_inbox.delivery.redis_wire import EventBatch

_NOBODY = ""
_AT_ONCE = 500
"""Inboxes that a receiver is given at a time: between two such messages, other tasks have their turn."""
CAPACITY = 20_000
"""Entries that a channel holds for a receiver that does not come: some 10 MB."""


class Mailbox:
    """What has been said to one channel since it was last received from, merged by sender."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._held = 0
        self._pending: dict[str, EventBatch] = {}
        self._trouble: Exception | None = None
        self._has_more = False
        self._arrived = asyncio.Event()
        self.users = 0
        """How many groups it is in, and how many receive from it."""

    def put(self, who: str, rung: EventBatch) -> None:
        """Add a message to what the same sender has said before; drop everything if it becomes too much."""
        said = self._pending.setdefault(who, {})
        for inbox, frames in rung.items():
            said.setdefault(inbox, []).extend(frames)
            self._held += len(frames)
        if self._held > self._capacity:
            metrics.DOORBELLS_HEARD.labels("dropped").inc(self._held)
            self._pending = {_NOBODY: {}}
            self._held = 0
            self._trouble = OverflowError("doorbells come faster than they are received")
        self._arrived.set()

    def put_again(self) -> None:
        """Let the receiver know that what rings is heard again."""
        self.put(_NOBODY, {})

    def fail(self, error: Exception) -> None:
        """Have the receiver told, once, that doorbells are being missed."""
        self._trouble = error
        self._arrived.set()

    async def take(self) -> tuple[str, EventBatch]:
        """Wait for what somebody says and return it, of many inboxes some. Raises the trouble that came before it."""
        if self._has_more:
            await asyncio.sleep(0)
        while self._trouble is None and not self._pending:
            self._arrived.clear()
            await self._arrived.wait()
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble
        who = next(iter(self._pending))
        rung = self._pending.pop(who)
        if len(rung) > _AT_ONCE:
            said, rung = rung, {inbox: rung.pop(inbox) for inbox in list(islice(rung, _AT_ONCE))}
            self._pending[who] = said
        self._has_more = bool(self._pending)
        self._held -= sum(map(len, rung.values()))
        return who, rung
