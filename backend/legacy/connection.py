"""One socket of the original JSON door: moves frames between it, the protocol, the services and the feed."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from backend import metrics
from backend.database_threads import in_database_thread
from backend.delivery.hub import HubClosed
from backend.identity.callers import Caller
from backend.identity.errors import AuthenticationFailed
from backend.identity.sessions import EndReason
from backend.legacy.actions import perform
from backend.legacy.messages import Action, Failure
from backend.legacy.protocol import CLOSINGS, CloseCode, LegacyProtocol, State
from backend.limits.rate import Meter
from backend.notifications.errors import NotificationError
from backend.notifications.feed import OpenFeed

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_FAREWELL_SECONDS = 5.0
"""How long a closing socket may take to accept its last frames. A client that does not read gets no longer."""


class Connection:
    """A socket of an authenticated caller.

    One task reads the socket and one the feed; a third exists only while something is performed, so that
    neither a client that asks without end nor a slow query keeps events from being told.
    """

    def __init__(
        self, caller: Caller, protocol: LegacyProtocol, meter: Meter, receive: Receive, send: Send
    ) -> None:
        self._caller = caller
        self._protocol = protocol
        self._meter = meter
        self._receive = receive
        self._send = send
        self._sending = asyncio.Lock()
        self._ending = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    def end(self, reason: EndReason) -> None:
        """Close the socket because its caller may no longer be here."""
        self._close(CloseCode.EXPIRED)

    async def run(self, events: OpenFeed) -> None:
        """Serve the socket until either side closes it."""
        parts = [self._read_socket(), self._read_feed(events)]
        tasks = [asyncio.create_task(self._guard(part)) for part in parts]
        try:
            await self._ending.wait()
        finally:
            if self._worker is not None:
                tasks.append(self._worker)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._say_goodbye()

    def _close(self, code: CloseCode) -> None:
        self._protocol.close(code)
        self._ending.set()

    async def _guard(self, part: Awaitable[None]) -> None:
        """Run a part of the connection; if it fails, the socket is closed with a code."""
        try:
            await part
        except HubClosed:
            self._protocol.close(CloseCode.RESTARTING)
        except OSError:
            # The client has gone while something was sent.
            self._protocol.connection_lost()
        except Exception:
            logger.exception("A socket of the original protocol broke; its client comes back.")
            self._protocol.close(CloseCode.INTERNAL_ERROR)
        if self._protocol.state is not State.OPEN:
            self._ending.set()

    async def _read_socket(self) -> None:
        while self._protocol.state is State.OPEN:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._protocol.connection_lost()
                return
            if self._meter.check() is not None:
                metrics.RATE_LIMITED.labels("socket").inc()
                self._protocol.close(CloseCode.RATE_LIMITED)
                return
            text = message.get("text")
            now = time.monotonic()
            if text is None:
                self._protocol.receive_binary(now=now)
            else:
                self._protocol.receive_text(text, now=now)
            await self._go_on()

    async def _read_feed(self, events: OpenFeed) -> None:
        async for event in events:
            self._protocol.receive_event(event)
            await self._go_on()
            if self._protocol.state is not State.OPEN:
                return

    async def _go_on(self) -> None:
        """Send what is due, and see to it that what was asked is performed."""
        await self._flush()
        if self._worker is None or self._worker.done():
            action = self._protocol.next_action()
            if action is not None:
                self._worker = asyncio.create_task(self._guard(self._work(action)))

    async def _work(self, action: Action) -> None:
        """Perform an action and those that follow it, one at a time."""
        await self._perform(action)
        while (following := self._protocol.next_action()) is not None:
            await self._perform(following)

    async def _perform(self, action: Action) -> None:
        try:
            answer, sequence = await in_database_thread(perform, self._caller, action)
        except NotificationError as error:
            self._protocol.action_failed(action, Failure.of(error))
        except AuthenticationFailed as error:
            self._protocol.action_failed(action, Failure(error.code, error.message))
        except Exception as error:
            self._protocol.action_failed(action, _internal(error))
        else:
            self._protocol.action_done(action, answer, sequence=sequence)
        await self._flush()

    async def _flush(self) -> None:
        async with self._sending:
            for frame in self._protocol.frames_to_send():
                await self._send({"type": "websocket.send", "text": frame})

    async def _say_goodbye(self) -> None:
        """Send what is still due and the close code, unless the client has gone."""
        if self._protocol.state is not State.CLOSING or self._protocol.close_code is None:
            return
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await self._flush()
                await send_close(self._send, self._protocol.close_code)
        except (TimeoutError, OSError, RuntimeError):
            # It does not read any more, or is gone; the server drops the connection.
            logger.debug("A socket could not be closed politely.")
        self._protocol.connection_lost()


async def send_close(send: Send, code: CloseCode) -> None:
    """Close an accepted socket with a code of the table."""
    metrics.SOCKETS_CLOSED.labels("legacy", str(code.value)).inc()
    await send({"type": "websocket.close", "code": code.value, "reason": CLOSINGS[code].reason})


def _internal(error: Exception) -> Failure:
    """Log a fault of ours, and return what the client is told of it: an id that finds it in the log."""
    error_id = uuid.uuid4().hex
    logger.error("An action failed (error id %s).", error_id, exc_info=error)
    return Failure("INTERNAL_SERVER_ERROR", f"Internal server error (error id {error_id}).")
