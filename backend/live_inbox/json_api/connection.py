"""One socket of the original JSON door: moves frames between it, the protocol, the services and the feed."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.database_threads import UNAVAILABLE_ERRORS, in_database_thread
from live_inbox.delivery.batch import Batch
from live_inbox.delivery.hub import HubClosed
from live_inbox.errors import NotificationError
from live_inbox.events import Event, Reset
from live_inbox.faults import RecurringFault
from live_inbox.feed import Following
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed
from live_inbox.identity.sessions import EndReason
from live_inbox.json_api.actions import perform
from live_inbox.json_api.messages import Action, Failure
from live_inbox.json_api.protocol import CLOSINGS, CloseCode, LegacyProtocol, State
from live_inbox.limits.rate import Meter
from live_inbox.sockets.asgi import Message, Receive
from live_inbox.sockets.background_tasks import BackgroundTasks
from live_inbox.sockets.writer import SocketWriter

logger = logging.getLogger(__name__)
_database = RecurringFault("database (original door)", metrics.DATABASE_FAULTS.labels("json"))

UNAVAILABLE = Failure("SERVICE_UNAVAILABLE", "The database does not answer. Try again later.")
"""Why an action failed that may or may not have been done."""


class Connection:
    """A socket of an authenticated caller.

    One task reads the socket: the one that calls `run`. Events are told by whoever brings them (see Following). A
    second task exists only while something is performed, so that neither a client that asks without end nor a
    slow query keeps events from being told.
    """

    __slots__ = (
        "_caller",
        "_errands",
        "_is_leaving",
        "_is_saying_goodbye",
        "_meter",
        "_protocol",
        "_receive",
        "_worker",
        "_writer",
    )

    def __init__(
        self,
        caller: Caller,
        protocol: LegacyProtocol,
        meter: Meter,
        receive: Receive,
        writer: SocketWriter,
    ) -> None:
        self._caller = caller
        self._protocol = protocol
        self._meter = meter
        self._receive = receive
        self._writer = writer
        self._worker: asyncio.Task[None] | None = None
        self._errands = BackgroundTasks()
        self._is_leaving = False
        self._is_saying_goodbye = False

    # -- the life of a socket -----------------------------------------------------------------------------

    async def run(self, following: Following) -> None:
        """Serve the socket until it is gone, and leave nothing of it behind."""
        following.start(self._tell, self._broken)
        try:
            await self._read()
        except Exception as error:
            self._broken(error)
            await self._errands.done()
        finally:
            self._protocol.connection_lost()
            following.stop()
            self._writer.discard()
            await self._errands.end([] if self._worker is None else [self._worker])

    async def _read(self) -> None:
        # No variable for the message: it would be kept until the next.
        while await self._take(await self._receive()):
            pass

    async def _take(self, message: Message) -> bool:
        """Do what a message of the server says; return whether there may be others."""
        if message["type"] == "websocket.disconnect":
            return False
        # What comes while the socket is being closed is not heard.
        if self._protocol.state is State.OPEN and not self._is_leaving:
            await self._wait_for(self._heed(message.get("text")))
        return True

    def _heed(self, text: str | None) -> Awaitable[None] | None:
        now = time.monotonic()
        if self._meter.check() is not None:
            metrics.RATE_LIMITED.labels("socket").inc()
            self._protocol.close(CloseCode.RATE_LIMITED)
        elif text is None:
            self._protocol.receive_binary(now=now)
        else:
            self._protocol.receive_text(text, now=now)
        return self._go_on()

    # -- what goes out ------------------------------------------------------------------------------------

    def _tell(self, portion: Batch[Event] | Batch[Reset]) -> Awaitable[None] | None:
        for item in portion.items:
            self._protocol.receive_event(item)
        return self._go_on()

    def _go_on(self) -> Awaitable[None] | None:
        """Write what is due, see to it that what was asked is performed, and close the socket if that is due."""
        frames = self._protocol.frames_to_send()
        room = self._writer.write(frames) if frames else None
        if self._worker is None:
            action = self._protocol.next_action()
            if action is not None:
                self._worker = asyncio.create_task(self._work(action))
        if self._is_leaving and not self._protocol.is_busy:
            self._protocol.close(CloseCode.RESTARTING)
        if self._protocol.state is State.CLOSING:
            self._say_goodbye()
        return room

    @staticmethod
    async def _wait_for(room: Awaitable[None] | None) -> None:
        if room is not None:
            await room

    # -- actions ------------------------------------------------------------------------------------------

    async def _work(self, action: Action) -> None:
        """Perform an action and those that follow it, one at a time."""
        following: Action | None = action
        try:
            while following is not None:
                await self._perform(following)
                await self._wait_for(self._go_on())
                following = self._protocol.next_action()
        except Exception as error:
            self._broken(error)
        finally:
            self._worker = None

    async def _perform(self, action: Action) -> None:
        try:
            answer, sequence = await in_database_thread(perform, self._caller, action)
        except NotificationError as error:
            self._protocol.action_failed(action, Failure.of(error))
        except AuthenticationFailed as error:
            self._protocol.action_failed(action, Failure(error.code, error.message))
        except UNAVAILABLE_ERRORS as error:
            _database.report(error)
            self._protocol.action_failed(action, UNAVAILABLE)
        except Exception as error:
            self._protocol.action_failed(action, _internal(error))
        else:
            self._protocol.action_done(action, answer, sequence=sequence)

    # -- the end ------------------------------------------------------------------------------------------

    def end(self, reason: EndReason) -> None:
        """Close the socket because its caller may no longer be here."""
        self._close(CloseCode.EXPIRED)

    def shut_down(self) -> None:
        """Close the socket, because the server stops, once everything that was asked has been answered."""
        self._is_leaving = True
        self._errands.run(self._lose_patience())
        self._go_on()

    async def _lose_patience(self) -> None:
        await asyncio.sleep(inbox_settings().drain_seconds)
        self._close(CloseCode.RESTARTING)

    def _broken(self, error: Exception) -> None:
        """Close the socket with a code, after something in it has failed."""
        if isinstance(error, HubClosed):
            self._close(CloseCode.RESTARTING)
            return
        logger.error(
            "A socket of the original protocol broke; its client comes back.", exc_info=error
        )
        self._close(CloseCode.INTERNAL_ERROR)

    def _close(self, code: CloseCode) -> None:
        self._protocol.close(code)
        self._go_on()

    def _say_goodbye(self) -> None:
        if not self._is_saying_goodbye:
            self._is_saying_goodbye = True
            self._errands.run(self._send_goodbye())

    async def _send_goodbye(self) -> None:
        """Send the close code after what was due."""
        assert self._protocol.close_code is not None
        await send_close(self._writer, self._protocol.close_code)


async def send_close(writer: SocketWriter, code: CloseCode) -> None:
    """Close an accepted socket with a code of the table."""
    metrics.SOCKETS_CLOSED.labels("json", str(code.value)).inc()
    await writer.close(code.value, CLOSINGS[code].reason)


def _internal(error: Exception) -> Failure:
    """Log a fault of ours, and return what the client is told of it: an id that finds it in the log."""
    error_id = uuid.uuid4().hex
    logger.error("An action failed (error id %s).", error_id, exc_info=error)
    return Failure("INTERNAL_SERVER_ERROR", f"Internal server error (error id {error_id}).")
