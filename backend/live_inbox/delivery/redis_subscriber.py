"""What one event loop has subscribed to in Redis, over one connection that is opened again for as long as it takes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from live_inbox import metrics
from live_inbox.delivery.redis_connection import Address, RedisConnection
from live_inbox.delivery.redis_mailbox import CAPACITY, Mailbox
from live_inbox.delivery.redis_wire import EventBatch, Unreadable, unpack
from live_inbox.faults import Fault

_CHUNK = 1000
"""Groups in one command: Redis carries it out in one go, and everybody else waits."""
_BACKOFF_SECONDS = 0.05
_MAX_BACKOFF_SECONDS = 2.0
_LASTING_SECONDS = 5.0
"""A connection that lasted this long was a good one: the next is tried at once again."""


class Subscriber:
    """Keeps one connection that listens to the groups of this loop's channels, while there are any.

    Channels of Redis are called names here, to tell them from the channels that receive.
    """

    def __init__(
        self,
        address: Address,
        *,
        ping_seconds: float,
        capacity: int = CAPACITY,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._address = address
        self._ping_seconds = ping_seconds
        self._capacity = capacity
        self._sleep = sleep
        self._mailboxes: dict[str, Mailbox] = {}
        self._groups: dict[bytes, tuple[Mailbox, ...]] = {}
        self._wishes: dict[bytes, bool] = {}
        self._granting: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._connection: RedisConnection | None = None
        self._tried = asyncio.Event()
        self._is_lost = False
        self._reason = ""
        self._malformed = Fault("reading of doorbells from Redis", metrics.LAYER_FAULTS)

    async def receive(self, channel: str) -> tuple[str, EventBatch]:
        """Return everything that one sender has said to a channel since the last call, its order kept.

        Raises ConnectionError once when the subscriptions are lost. When all are there again, nobody says nothing.
        """
        mailbox = self._use(channel)
        try:
            return await mailbox.take()
        finally:
            self._leave(channel, mailbox)

    async def add(self, name: bytes, channel: str) -> None:
        """Put a channel into a group; when this returns, Redis has confirmed it. Raises when Redis is away.

        The membership stays nonetheless: the next connection begins with it.
        """
        members = self._groups.get(name, ())
        if self._mailboxes.get(channel) not in members:
            self._groups[name] = (*members, self._use(channel))
        await self._tried.wait()
        if self._connection is None:
            raise ConnectionError(self._reason)
        await self._wish(name, True)

    async def discard(self, name: bytes, channel: str) -> None:
        """Take a channel out of a group."""
        members = self._groups.get(name, ())
        mailbox = self._mailboxes.get(channel)
        if mailbox is None or mailbox not in members:
            return
        others = tuple(member for member in members if member is not mailbox)
        try:
            if others:
                self._groups[name] = others
            else:
                del self._groups[name]
                if self._connection is not None:
                    await self._wish(name, False)
        finally:
            self._leave(channel, mailbox)

    def close(self) -> None:
        """End the connection, forget every group, and let whoever still waits fail."""
        for mailbox in self._mailboxes.values():
            mailbox.fail(ConnectionError("closed"))
        self._groups.clear()
        self._mailboxes.clear()
        self._rest()

    # -- who uses it --------------------------------------------------------------------------------------

    def _use(self, channel: str) -> Mailbox:
        mailbox = self._mailboxes.get(channel)
        if mailbox is None:
            mailbox = self._mailboxes[channel] = Mailbox(self._capacity)
        mailbox.users += 1
        if self._keeping is None:
            self._tried.clear()
            self._keeping = asyncio.create_task(self._keep(), name="redis subscriber")
        return mailbox

    def _leave(self, channel: str, mailbox: Mailbox) -> None:
        mailbox.users -= 1
        if not mailbox.users and self._mailboxes.get(channel) is mailbox:
            del self._mailboxes[channel]
            if not self._mailboxes:
                self._rest()

    def _rest(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None
        self._reason = "closed"
        self._drop_connection()
        self._is_lost = False
        self._tried.set()

    # -- the connection -----------------------------------------------------------------------------------

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        longest = _BACKOFF_SECONDS
        while True:
            began = loop.time()
            try:
                await self._listen()
            except Exception as error:
                self._lose(error)
            self._tried.set()
            if loop.time() - began > _LASTING_SECONDS:
                longest = _BACKOFF_SECONDS
            # Not all processes at the same moment.
            await self._sleep(random.uniform(longest / 2, longest))
            longest = min(2 * longest, _MAX_BACKOFF_SECONDS)

    async def _listen(self) -> None:
        """Connect, subscribe to every group and listen until the connection is lost: always raises."""
        self._tried.clear()
        connection = self._connection = await self._address.open(self._hear)
        # In the same turn of the loop: whoever joins later asks for it on this connection.
        confirmed = self._subscribe(connection, list(self._groups))
        self._tried.set()
        await confirmed
        self._regain()
        await self._stay_with(connection)

    async def _stay_with(self, connection: RedisConnection) -> None:
        """Ask now and then whether the other side is still there, until it is not: raises ConnectionError."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._ping_seconds):
                    await connection.gone.wait()
            await connection.call("PING")

    def _regain(self) -> None:
        if self._is_lost:
            self._is_lost = False
            for mailbox in self._mailboxes.values():
                mailbox.put_again()

    def _lose(self, error: Exception) -> None:
        self._reason = str(error) or type(error).__name__
        self._drop_connection()
        if not self._is_lost:
            self._is_lost = True
            for mailbox in self._mailboxes.values():
                mailbox.fail(ConnectionError(self._reason))

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(self._reason)

    def _hear(self, name: bytes, payload: bytes) -> None:
        members = self._groups.get(name)
        if members is None:
            return
        try:
            who, rung = unpack(payload)
        except Unreadable as error:
            # The watch finds what it was about.
            self._malformed.report(error)
            return
        if self._malformed.is_on:
            self._malformed.recovered()
        for mailbox in members:
            mailbox.put(who, rung)

    # -- subscribing --------------------------------------------------------------------------------------

    async def _wish(self, name: bytes, is_wanted: bool) -> None:
        """Subscribe or unsubscribe together with everybody who asks in this turn of the loop. The last one counts."""
        self._wishes[name] = is_wanted
        if self._granting is None:
            self._granting = asyncio.create_task(self._grant(), name="redis subscriptions")
        await asyncio.shield(self._granting)

    async def _grant(self) -> None:
        wishes, self._wishes = self._wishes, {}
        self._granting = None
        if self._connection is None:
            raise ConnectionError(self._reason)
        wanted = [name for name, is_wanted in wishes.items() if is_wanted]
        unwanted = [name for name, is_wanted in wishes.items() if not is_wanted]
        await asyncio.gather(
            self._subscribe(self._connection, wanted),
            self._subscribe(self._connection, unwanted, command="UNSUBSCRIBE"),
        )

    @staticmethod
    def _subscribe(
        connection: RedisConnection, names: list[bytes], *, command: str = "SUBSCRIBE"
    ) -> asyncio.Future[list[object]]:
        chunks = [names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)]
        return asyncio.gather(
            *(connection.call(command, *chunk, answers=len(chunk)) for chunk in chunks)
        )
