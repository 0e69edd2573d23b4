"""One connection to Redis: commands are written without waiting for answers, messages are read as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import hiredis
from redis.asyncio.connection import ConnectionPool

Hear = Callable[[bytes, bytes], None]
"""Takes a message that was published: the Redis channel, then what was said there."""

_INCOMPLETE = object()
_CONFIRMATIONS = frozenset({b"subscribe", b"unsubscribe", b"pong"})
_MOUTHFUL = 16_384
"""Bytes that the parser is given at a time: for each message that it takes off, it moves all that it still has."""
_HANDSHAKE_SECONDS = 1.0
_REPLY_SECONDS = 2.0


@dataclass(slots=True)
class _Call:
    """A command that has been written, and how many answers to it are still to come."""

    answer: asyncio.Future[Any]
    left: int


class RedisConnection(asyncio.Protocol):
    """Speaks Redis' protocol, RESP2 or RESP3, on a connection that has been opened.

    Answers come in the order of the commands, so that is how they are matched: whoever no longer waits for one
    leaves its place in the order. A link on which answers are due and nothing at all arrives for `reply_seconds`
    to twice that is given up.
    """

    def __init__(self, hear: Hear, *, reply_seconds: float = _REPLY_SECONDS) -> None:
        self._hear = hear
        self._reply_seconds = reply_seconds
        self._loop = asyncio.get_running_loop()
        self._parser = hiredis.Reader(notEnoughData=_INCOMPLETE)
        self._calls: deque[_Call] = deque()
        self._unsent: list[bytes] = []
        self._deadline: asyncio.TimerHandle | None = None
        self._has_heard = False
        self._reason = ""
        self._transport: asyncio.Transport | None = None
        self._guard: asyncio.Task[None] | None = None
        self.opened_by: object = None
        self.gone = asyncio.Event()
        """Set when the connection is over."""

    def call(self, *command: str | bytes, answers: int = 1) -> asyncio.Future[Any]:
        """Write a command at the end of this turn of the loop; return its last answer, which is to be awaited.

        Raises ConnectionError when the connection is over, now or instead of an answer.
        """
        if self.gone.is_set():
            raise ConnectionError(self._reason)
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._calls.append(_Call(answer, answers))
        if not self._unsent:
            self._loop.call_soon(self._write)
        self._unsent.append(hiredis.pack_command(command))  # type: ignore[arg-type]
        if self._deadline is None:
            self._set_deadline()
        return answer

    def close(self, reason: str = "closed") -> None:
        """End the connection. What is still waited for fails."""
        if self.gone.is_set():
            return
        self._reason = f"The connection to Redis is over: {reason}"
        self.gone.set()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._transport is not None:
            self._transport.abort()
        while self._calls:
            answer = self._calls.popleft().answer
            if not answer.done():
                answer.set_exception(ConnectionError(self._reason))

    # -- what the event loop calls ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._guard = self._loop.create_task(self._close_with_loop(), name="redis connection")

    def data_received(self, data: bytes) -> None:
        """Take everything that has arrived, in one go."""
        self._has_heard = True
        try:
            for start in range(0, len(data), _MOUTHFUL):
                self._parser.feed(data, start, min(_MOUTHFUL, len(data) - start))
                while (reply := self._parser.gets()) is not _INCOMPLETE:
                    # Lists in RESP2, a subclass of them in RESP3.
                    if isinstance(reply, list) and reply and reply[0] == b"message":
                        self._hear(reply[1], reply[2])
                    else:
                        self._take(reply)
        except Exception as error:
            self.close(f"what it sent could not be read: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self.close(str(exc) if exc else "the other side has closed it")

    # -----------------------------------------------------------------------------------------------------

    def _take(self, reply: Any) -> None:
        if isinstance(reply, list) and reply and reply[0] not in _CONFIRMATIONS:
            return
        if not self._calls:
            raise ValueError("an answer to nothing")
        call = self._calls[0]
        call.left -= 1
        if isinstance(reply, hiredis.ReplyError):
            # One for the whole command, however many it was about.
            call.left = 0
        if not call.left:
            self._calls.popleft()
            _settle(call.answer, reply)

    def _write(self) -> None:
        if self._transport is not None and not self.gone.is_set():
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _set_deadline(self) -> None:
        self._has_heard = False
        self._deadline = self._loop.call_later(self._reply_seconds, self._check)

    def _check(self) -> None:
        self._deadline = None
        if not self._calls:
            return
        if self._has_heard:
            self._set_deadline()
        else:
            self.close("it does not answer")

    async def _close_with_loop(self) -> None:
        # A loop that ends cancels its tasks first: the connection goes with it, not with the garbage collector.
        try:
            await self.gone.wait()
        finally:
            self.close("its event loop has ended")


class Address:
    """Where Redis is, as redis-py understands it: redis://, rediss:// or unix://, with its options."""

    def __init__(
        self,
        url: str,
        *,
        connect_seconds: float = _HANDSHAKE_SECONDS,
        reply_seconds: float = _REPLY_SECONDS,
    ) -> None:
        self._connect_seconds = connect_seconds
        self._reply_seconds = reply_seconds
        # RESP2 unless the address says otherwise: every server and every proxy speaks it.
        self._pool: Any = ConnectionPool.from_url(
            url,
            protocol=2,
            socket_connect_timeout=connect_seconds,
            socket_timeout=connect_seconds,
        )

    async def open(self, hear: Hear) -> RedisConnection:
        """Return a connection that is authenticated and ready. Raises whatever stands in the way, in time."""
        theirs = self._pool.make_connection()
        try:
            async with asyncio.timeout(self._connect_seconds):
                await theirs.connect()
            return self._take_over(theirs, hear)
        except BaseException:
            await theirs.disconnect(nowait=True)
            raise

    def _take_over(self, theirs: Any, hear: Hear) -> RedisConnection:
        """Go on with a connection that redis-py has opened.

        It resolves, connects, encrypts and authenticates as its users know it, but reads one answer at a time, with
        a timeout and a change of task for each. Nothing is on its way now, so the transport can change hands. Its
        private attributes are touched here and nowhere else.
        """
        stream = theirs._writer
        theirs._reader = theirs._writer = None
        connection = RedisConnection(hear, reply_seconds=self._reply_seconds)
        transport = stream.transport
        if transport.is_closing():
            raise ConnectionError("Redis has closed the connection at once")
        transport.set_protocol(connection)
        connection.connection_made(transport)
        # Where streams close their transport when they are collected, this one has to live as long as it.
        connection.opened_by = stream
        return connection


def _settle(answer: asyncio.Future[Any], reply: Any) -> None:
    if answer.done():
        return
    if isinstance(reply, Exception):
        answer.set_exception(reply)
    else:
        answer.set_result(reply)
