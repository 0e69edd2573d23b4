"""The channel layer of production: channels-redis' pub/sub layer, which here drains what has arrived in one go.

What channels-redis does for each message, its own receive task does here once for each read of the socket: a timeout,
a retry, several coroutines and a wake-up of the receiver. The parser of the connection takes all messages out of the
bytes that were read and puts them into the queues of their receivers.

It leans on three things that neither package documents (tested with channels-redis 4.3.0, redis-py 8.1.0):

- `parser_class`, an argument of redis-py's connections, with the methods overridden in `_DrainingParser`;
- `channels` and `groups` of channels-redis' layer: the queue of each channel, and the channels of each group;
- that its `receive` passes whatever is in the queue to `deserialize`.

Where redis-py has no such parser, the layer works as channels-redis' own does, and warns once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import redis.asyncio.connection
from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_redis.utils import decode_hosts

logger = logging.getLogger(__name__)

Published = list[tuple[bytes, bytes]]
"""Messages that Redis has sent: the Redis channel and the payload of each."""

_RESTORED = b""
_TIMEOUTS = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}
_PARSER_METHODS = ("read_response", "read_from_socket", "on_connect", "on_disconnect")
_Parser: Any = getattr(redis.asyncio.connection, "DefaultParser", object)


class RedisLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    """`RedisPubSubChannelLayer` with all its configuration, plus `receive_many`.

    Channels that are received from by `receive` work as in channels-redis: several consumers can share the layer.

    Each host gets a socket timeout of 1 s unless its configuration says otherwise: while Redis does not answer,
    channels-redis holds up all publishers of a process for as long. It gets RESP2 unless its address says otherwise:
    for RESP3, redis-py formats each message for a debug log.
    """

    def __init__(self, hosts: Sequence[Any] | None = None, **configuration: Any) -> None:
        self._batch_channels: set[str] = set()
        super().__init__(hosts=[self._host(host) for host in decode_hosts(hosts)], **configuration)

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
        queue = self.channels.get(channel)
        while queue is not None and not queue.empty():
            payload = queue.get_nowait()
            try:
                messages.append(self.deserialize(payload))
            except Exception as error:
                # For the next call: this one has messages to return.
                queue.put_nowait(error)
                break
        return [message for message in messages if message]

    def deserialize(self, message: Any) -> dict[str, Any]:
        """Return the message of a payload; raise an exception that was queued in place of one."""
        if isinstance(message, Exception):
            raise message
        if message is _RESTORED:
            return {}
        deserialized: dict[str, Any] = super().deserialize(message)
        return deserialized

    def signal(self, signal: bytes | Exception) -> None:
        """Queue a signal for each channel of this loop that is received from by `receive_many`."""
        queues = self.channels
        for channel in self._batch_channels & queues.keys():
            queues[channel].put_nowait(signal)

    def _host(self, host: Mapping[str, Any]) -> dict[str, Any]:
        defaults: dict[str, Any] = {**_TIMEOUTS, "protocol": 2}
        if "sentinels" in host:
            defaults["sentinel_kwargs"] = {**_TIMEOUTS, **host.get("sentinel_kwargs", {})}
        if _has_known_parser():
            defaults["parser_class"] = partial(_DrainingParser, layer=self)
        return defaults | dict(host)


class _DrainingParser(_Parser):  # type: ignore[misc]
    """redis-py's parser, which passes published messages to the layer instead of returning them.

    All that Redis says in return to commands goes the usual way, but for confirmed subscriptions, which nobody reads.
    """

    def __init__(self, *args: Any, layer: RedisLayer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._layer = layer
        self._published: Published = []
        self._has_subscribed = False

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Return the next answer that is no message."""
        read = super().read_response
        while True:
            response = await read(*args, **kwargs)
            # A list in RESP2, a subclass of it in RESP3.
            if not isinstance(response, list) or not response:
                return response
            if response[0] == b"message":
                self._published.append((response[1], response[2]))
            elif response[0] == b"subscribe":
                self._on_subscribed()
            else:
                return response

    async def read_from_socket(self) -> Any:
        """Deliver what has been read before, then wait for more."""
        if self._published:
            published, self._published = self._published, []
            _deliver(published, self._layer.channels, self._layer.groups)
        return await super().read_from_socket()

    def on_disconnect(self) -> None:
        """Report the loss of a connection that was subscribed."""
        super().on_disconnect()
        self._published = []
        if self._has_subscribed:
            self._has_subscribed = False
            self._layer.signal(ConnectionError("the connection to Redis is lost"))

    def _on_subscribed(self) -> None:
        """Report the first confirmation: redis-py subscribes to everything again in one command."""
        if not self._has_subscribed:
            self._has_subscribed = True
            self._layer.signal(_RESTORED)


def _deliver(
    published: Published,
    queues: Mapping[str, asyncio.Queue[bytes]],
    groups: Mapping[str, set[str]],
) -> None:
    """Put messages into the queues of the channels that they are for, as channels-redis does."""
    for name_bytes, payload in published:
        name = name_bytes.decode()
        channels = (name,) if name in queues else groups.get(name, ())
        for channel in channels:
            queue = queues.get(channel)
            if queue is not None:
                queue.put_nowait(payload)


@lru_cache(maxsize=1)
def _has_known_parser() -> bool:
    if all(hasattr(_Parser, method) for method in _PARSER_METHODS):
        return True
    logger.warning(
        "This redis-py has no parser that can be extended: doorbells are read one by one."
    )
    return False
