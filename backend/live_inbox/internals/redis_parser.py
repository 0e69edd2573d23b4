"""redis-py's parser, extended so that it drains: all messages that were read from the socket are delivered at once.

It leans on `parser_class`, an argument of redis-py's connections, and on the methods of its parsers that are overridden
here; neither is documented (tested with redis-py 8.1.0, with and without hiredis). Where redis-py has no such parser,
channels-redis' layer works in its own way, and a warning says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

import redis.asyncio.connection
from redis.exceptions import AuthenticationError

logger = logging.getLogger(__name__)

Queues = Mapping[str, asyncio.Queue[Any]]
"""What channels of this loop have not received yet."""
Groups = Mapping[str, set[str]]
"""The channels of this loop that are in each group."""
Published = list[tuple[bytes, bytes]]
"""Messages that Redis has sent: the Redis channel and the payload of each."""

RESTORED = b""
"""The signal that Redis has confirmed the subscriptions of a new connection."""

_PARSER_METHODS = ("read_response", "read_from_socket", "on_connect", "on_disconnect")
_Parser: Any = getattr(redis.asyncio.connection, "DefaultParser", object)


class PublishedReceiver(Protocol):
    """The layer that a parser works for. `channels` and `groups` are those of the running loop."""

    channels: Queues
    groups: Groups

    def deliver(self, published: Published, queues: Queues, groups: Groups) -> None: ...
    def signal(self, signal: bytes | Exception, queues: Queues) -> None: ...


class DrainingParser(_Parser):  # type: ignore[misc]
    """redis-py's parser, which passes published messages to a layer instead of returning them.

    All that Redis says in return to commands goes the usual way, but for confirmed subscriptions, which nobody reads.
    """

    def __init__(self, *args: Any, receiver: PublishedReceiver, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._receiver = receiver
        self._queues: Queues = {}
        self._groups: Groups = {}
        self._published: Published = []
        self._has_subscribed = False
        self._is_of_subscriber = False

    def on_connect(self, connection: Any) -> None:
        """Begin to parse a connection, which belongs to the running loop."""
        super().on_connect(connection)
        self._queues, self._groups = self._receiver.channels, self._receiver.groups

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Return the next answer that is no message. Ends a task whose cancellation was swallowed before this."""
        _raise_swallowed_cancellation()
        read = super().read_response
        while True:
            try:
                response = await read(*args, **kwargs)
            except AuthenticationError as error:
                # channels-redis only logs why it cannot subscribe again.
                if self._is_of_subscriber:
                    self._receiver.signal(error, self._queues)
                raise
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
            self._receiver.deliver(published, self._queues, self._groups)
        return await super().read_from_socket()

    def on_disconnect(self) -> None:
        """Report the loss of a connection that was subscribed."""
        super().on_disconnect()
        self._published = []
        if self._has_subscribed:
            self._has_subscribed = False
            self._receiver.signal(ConnectionError("the connection to Redis is lost"), self._queues)

    def _on_subscribed(self) -> None:
        """Report the first confirmation: redis-py subscribes to everything again in one command."""
        if not self._has_subscribed:
            self._has_subscribed = self._is_of_subscriber = True
            self._receiver.signal(RESTORED, self._queues)


def _raise_swallowed_cancellation() -> None:
    """Raise CancelledError if this task was cancelled, and goes on nevertheless.

    redis-py sends within `asyncio.wait_for`, which until Python 3.12 swallows a cancellation that comes as the sending
    ends. The task that receives would then try again for ever, while whoever stops the process waits for its end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


@lru_cache(maxsize=1)
def can_drain() -> bool:
    """Whether redis-py has a parser that `DrainingParser` can extend; warns once if not."""
    if all(hasattr(_Parser, method) for method in _PARSER_METHODS):
        return True
    logger.warning(
        "This redis-py has no parser that can be extended: doorbells are read one by one."
    )
    return False
