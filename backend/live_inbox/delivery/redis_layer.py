"""The channel layer between processes: doorbells over Redis' publish and subscribe, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

from live_inbox.delivery.redis_connection import Address, RedisConnection
from live_inbox.delivery.redis_subscriber import Subscriber
from live_inbox.delivery.redis_wire import pack


class RedisLayer:
    """A backend of Django Channels that carries the messages of `Doorbell`, with the promises that a hub needs.

    Each event loop has two connections, one that listens and one that publishes; they are opened when they are
    first needed. Nothing is kept in Redis.

    - `group_add` returns when Redis has confirmed the subscription, and `receive` gives everything that one
      sender has said since the last call as one message: a burst costs one change of task.
    - Losing the connection makes `receive` raise ConnectionError once. When all subscriptions are there again, it
      returns a message from nobody about nothing. In between, doorbells may have been missed.
    - `group_send` does not try again: it raises, within the limits, when Redis is away, and connects at the next
      call. Many may be under way at once; each is written without waiting for the one before.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "inbox",
        connect_seconds: float = 1.0,
        reply_seconds: float = 2.0,
        ping_seconds: float = 3.0,
        capacity: int = 20_000,
    ) -> None:
        self._address = Address(url, connect_seconds=connect_seconds, reply_seconds=reply_seconds)
        self._prefix = f"{prefix}:".encode()
        self._ping_seconds = ping_seconds
        self._capacity = capacity
        self._ends: dict[asyncio.AbstractEventLoop, _End] = {}

    async def receive(self, channel: str) -> dict[str, Any]:
        """Wait for what one sender has said to the groups of a channel."""
        who, inboxes = await self._end().subscriber.receive(channel)
        return {"type": "inbox.events", "from": who, "inboxes": inboxes}

    async def group_add(self, group: str, channel: str) -> None:
        """Put a channel into a group."""
        await self._end().subscriber.add(self._name(group), channel)

    async def group_discard(self, group: str, channel: str) -> None:
        """Take a channel out of a group."""
        await self._end().subscriber.discard(self._name(group), channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Publish a doorbell's message to a group."""
        await self._end().publisher.publish(self._name(group), pack(message))

    async def close(self) -> None:
        """Close the connections of the running loop."""
        end = self._ends.pop(asyncio.get_running_loop(), None)
        if end is not None:
            end.subscriber.close()
            end.publisher.close()

    def _name(self, group: str) -> bytes:
        return self._prefix + group.encode()

    def _end(self) -> _End:
        loop = asyncio.get_running_loop()
        end = self._ends.get(loop)
        if end is None:
            for other in list(self._ends):
                if other.is_closed():
                    self._ends.pop(other, None)
            end = self._ends[loop] = _End(self._address, self._ping_seconds, self._capacity)
        return end


class _End:
    """What one event loop has of the layer."""

    def __init__(self, address: Address, ping_seconds: float, capacity: int) -> None:
        self.subscriber = Subscriber(address, ping_seconds=ping_seconds, capacity=capacity)
        self.publisher = _Publisher(address)


class _Publisher:
    """One connection that publishes."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: RedisConnection | None = None
        self._opening: asyncio.Task[RedisConnection] | None = None

    async def publish(self, name: bytes, payload: bytes) -> None:
        """Publish, and wait for Redis to say that it has. Raises when it is away."""
        connection = self._connection
        if connection is None or connection.gone.is_set():
            connection = await self._open()
        await connection.call("PUBLISH", name, payload)

    def close(self) -> None:
        """End the connection."""
        if self._opening is not None:
            self._opening.cancel()
        if self._connection is not None:
            self._connection.close()

    async def _open(self) -> RedisConnection:
        """Open one connection for everybody who comes meanwhile; whoever goes does not take it away."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._connect(), name="redis publisher")
        return await asyncio.shield(self._opening)

    async def _connect(self) -> RedisConnection:
        try:
            self._connection = await self._address.open(_ignore)
            return self._connection
        finally:
            self._opening = None


def _ignore(name: bytes, payload: bytes) -> None:
    """Take a message on a connection that has subscribed to none."""
