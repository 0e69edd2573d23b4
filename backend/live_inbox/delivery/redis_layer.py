"""The channel layer of production: channels-redis' pub/sub layer, which here drains what has arrived in one go.

channels-redis spends a timeout, a retry, several coroutines and a wake-up of the receiver on each message. Here, the
parser of the connection takes all messages out of the bytes that were read from the socket, and calls the receiver with
them, or puts them into its queue.

It leans on two things that channels-redis does not document (tested with 4.3.0):

- `channels` and `groups` of its layer: the queue of each channel, and the channels of each group;
- that its `receive` passes whatever is in the queue to `deserialize`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_redis.utils import decode_hosts
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from live_inbox.internals.redis_parser import (
    RESTORED,
    DrainingParser,
    Groups,
    Published,
    Queues,
    can_drain,
)
from live_inbox.internals.redis_subscribing import (
    can_join_many,
    group_names_by_shard,
    shard_number,
    subscribe,
)

OnMessages = Callable[[list[dict[str, Any]]], None]
UNREADABLE: dict[str, Any] = {"type": "unreadable"}
"""Stands for a message whose payload cannot be read: anybody can publish anything."""
_TIMEOUTS = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}
_SENTINEL_TIMEOUTS = {"socket_timeout": 0.25, "socket_connect_timeout": 0.25}
"""A doorbell has one second in all, in which Sentinels that are down are passed over."""


class UnreadablePayload(ValueError):
    """Raised for a payload that is no message of this layer."""


class RedisLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    """`RedisPubSubChannelLayer` with all its configuration, plus `group_add_many`, `receive_into` and `receive_many`.

    `host_of` says to which host a group belongs.

    Channels that are received from by `receive` work as in channels-redis: several consumers can share the layer.

    Each host gets a socket timeout of 1 s unless its configuration says otherwise: while Redis does not answer,
    channels-redis holds up all publishers of a process for as long. It gets RESP2 unless its address says otherwise:
    for RESP3, redis-py formats each message for a debug log. A Sentinel gets 0.25 s, and one attempt.
    """

    def __init__(self, hosts: Sequence[Any] | None = None, **configuration: Any) -> None:
        self._callbacks: dict[str, OnMessages] = {}
        self._batch_channels: set[str] = set()
        decoded = [self._host(host) for host in decode_hosts(hosts)]
        self._has_one_host = len(decoded) == 1
        super().__init__(hosts=decoded, **configuration)

    def host_of(self, group: str) -> int | None:
        """Return the number of the host that a group belongs to, from 0; None if there is one, or that is unknown."""
        return None if self._has_one_host else shard_number(self, group)

    async def group_add_many(self, groups: Sequence[str], channel: str) -> None:
        """Add a channel to several groups, by one command for each Redis host."""
        if channel not in self.channels:
            raise RuntimeError(f"No channel of this process: {channel!r}")
        if not can_join_many():
            for group in groups:
                await self.group_add(group, channel)
            return
        shards = group_names_by_shard(self, groups)
        for name in chain.from_iterable(shards.values()):
            self.groups.setdefault(name, set()).add(channel)
        # At a time, so that a host that is down does not keep the groups of another one from being joined.
        await asyncio.gather(*(subscribe(shard, names) for shard, names in shards.items()))

    async def receive_into(self, channel: str, on_messages: OnMessages) -> list[dict[str, Any]]:
        """Call `on_messages` with all messages that arrive on a channel, oldest first, for as long as this waits.

        It is called where the socket is read, without waking a task, and must not raise. Ends as `receive_many` does,
        with messages that could not be delivered so; call it again then. Messages in between are delivered as well.
        A payload that cannot be read is delivered as UNREADABLE.
        """
        self._callbacks[channel] = on_messages
        try:
            return await self.receive_many(channel)
        except asyncio.CancelledError:
            self._callbacks.pop(channel, None)
            raise

    async def receive_many(self, channel: str) -> list[dict[str, Any]]:
        """Wait for messages on a channel, and return all that have arrived, oldest first.

        Raises ConnectionError once when the connection that was subscribed is lost. When Redis has confirmed the
        subscriptions of a new connection, returns at once, perhaps with no message at all.
        """
        self._batch_channels.add(channel)
        try:
            messages = [await self.receive(channel)]
        except asyncio.CancelledError:
            self._batch_channels.discard(channel)
            raise
        except UnreadablePayload:
            messages = [UNREADABLE]
        queue = self.channels.get(channel)
        while queue is not None and not queue.empty():
            payload = queue.get_nowait()
            if isinstance(payload, Exception):
                # For the next call: this one has messages to return.
                queue.put_nowait(payload)
                break
            messages.append(self._read(payload))
        return [message for message in messages if message]

    def _read(self, payload: Any) -> dict[str, Any]:
        try:
            return self.deserialize(payload)
        except UnreadablePayload:
            return UNREADABLE

    def deserialize(self, message: Any) -> dict[str, Any]:
        """Return the message of a payload; raise an exception that was queued in place of one.

        Raises UnreadablePayload for a payload that is no message.
        """
        if isinstance(message, Exception):
            raise message
        if message is RESTORED:
            return {}
        try:
            deserialized: dict[str, Any] = super().deserialize(message)
        except Exception as error:
            raise UnreadablePayload(str(error)) from error
        return deserialized

    def deliver(self, published: Published, queues: Queues, groups: Groups) -> None:
        """Deliver messages to the channels that they are for, by `on_messages` or the channel's queue."""
        direct: dict[str, list[dict[str, Any]]] = {}
        for name_bytes, payload in published:
            name = name_bytes.decode()
            for channel in (name,) if name in queues else groups.get(name, ()):
                queue = queues.get(channel)
                if queue is None:
                    continue
                if channel not in self._callbacks:
                    queue.put_nowait(payload)
                    continue
                direct.setdefault(channel, []).append(self._read(payload))
        for channel, messages in direct.items():
            self._callbacks[channel](messages)

    def signal(self, signal: bytes | Exception, queues: Queues) -> None:
        """Queue a signal for each channel that is received from by `receive_many` or `receive_into`."""
        for channel in self._batch_channels & queues.keys():
            queues[channel].put_nowait(signal)

    def _host(self, host: Mapping[str, Any]) -> dict[str, Any]:
        defaults: dict[str, Any] = {**_TIMEOUTS, "protocol": 2}
        if can_drain():
            defaults["parser_class"] = partial(DrainingParser, receiver=self)
        if "sentinels" not in host:
            return defaults | dict(host)
        # redis-py would try one that is down for seconds, before it asks the next one.
        once: dict[str, Any] = {**_SENTINEL_TIMEOUTS, "retry": Retry(NoBackoff(), 0)}
        sentinel_options = once | dict(host.get("sentinel_kwargs") or {})
        return defaults | dict(host) | {"sentinel_kwargs": sentinel_options}
