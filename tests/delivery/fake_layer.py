"""A channel layer in memory that can be broken in the ways a real one breaks."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Any


class Health(Enum):
    """How the layer behaves."""

    WORKS = auto()
    RAISES = auto()
    HANGS = auto()


class FakeLayer:
    """Keeps groups and carries messages. Group membership can be asked of it, to find what leaks."""

    def __init__(self) -> None:
        self.health = Health.WORKS
        self.groups: dict[str, set[str]] = {}
        self.calls: list[tuple[str, str]] = []
        self.receivers = 0
        self.swallows_cancellation = False
        self._queues: dict[str, asyncio.Queue[Any]] = {}

    async def receive(self, channel: str) -> dict[str, Any]:
        """Wait for the next message on a channel."""
        queue = self._queues.setdefault(channel, asyncio.Queue())
        self.receivers += 1
        try:
            message: dict[str, Any] = await queue.get()
        except asyncio.CancelledError:
            if not self.swallows_cancellation:
                raise
            self.swallows_cancellation = False
            message = await queue.get()
        finally:
            self.receivers -= 1
        await self._suffer()
        return message

    async def group_add(self, group: str, channel: str) -> None:
        """Put a channel into a group; like the real ones, only a channel that somebody receives from."""
        self.calls.append(("add", group))
        await self._suffer()
        if channel not in self._queues:
            raise RuntimeError("You can only call group_add() on channels that exist in-process.")
        self.groups.setdefault(group, set()).add(channel)

    async def group_discard(self, group: str, channel: str) -> None:
        """Take a channel out of a group."""
        self.calls.append(("discard", group))
        await self._suffer()
        members = self.groups.get(group, set())
        members.discard(channel)
        if not members:
            self.groups.pop(group, None)

    def deliver(self, group: str, message: object) -> bool:
        """Carry a message to the members of a group; return whether there are any."""
        members = self.groups.get(group, set())
        for channel in members:
            self._queues[channel].put_nowait(message)
        return bool(members)

    def deliver_to_everybody(self, message: object) -> None:
        """Carry a message to every channel that somebody receives from."""
        for queue in self._queues.values():
            queue.put_nowait(message)

    async def _suffer(self) -> None:
        await asyncio.sleep(0)
        if self.health is Health.HANGS:
            await asyncio.get_running_loop().create_future()
        if self.health is Health.RAISES:
            raise ConnectionError("the layer is away")
