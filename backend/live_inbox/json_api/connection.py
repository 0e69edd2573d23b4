"""One connection of the JSON API: moves data between the session, the protocol, the services and the feed."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable

from live_inbox import metrics, tracing
from live_inbox.database_errors import ErrorKind, kind_of
from live_inbox.delivery.batch import Batch
from live_inbox.errors import NotificationError
from live_inbox.events import Event, Reset
from live_inbox.faults import RecurringFault
from live_inbox.feed import Following
from live_inbox.identity.authenticators import fresh_credentials, required_caller
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed
from live_inbox.json_api.actions import newest_list, perform, use_of
from live_inbox.json_api.close_codes import close_frame
from live_inbox.json_api.failures import Failure
from live_inbox.json_api.messages import (
    CLIENT_MESSAGES,
    Action,
    Performed,
    RefreshToken,
    Reload,
    token_expiring,
    token_refreshed,
    token_refused,
)
from live_inbox.json_api.protocol import JsonProtocol, State
from live_inbox.list_batches import list_batches
from live_inbox.request_threads import in_request_thread
from live_inbox.sockets.session import CloseReason, SocketSession, WireProtocol

logger = logging.getLogger(__name__)
_database = RecurringFault("database (JSON API)", metrics.DATABASE_FAULTS.labels("json"))


class JsonConnection(WireProtocol):
    """The connection of an authenticated caller.

    The feed calls `_deliver` for new events. A task exists only while an action is performed, so that neither a
    client that sends requests without end nor a slow query holds up events.
    """

    __slots__ = ("_following", "_is_warned", "_protocol", "_refreshing", "_session", "_worker")

    def __init__(
        self,
        session: SocketSession,
        protocol: JsonProtocol,
        following: Following,
        *,
        is_warned: bool = False,
    ) -> None:
        """`is_warned`: whether the client wants to know before its token expires."""
        self._session = session
        self._protocol = protocol
        self._following = following
        self._is_warned = is_warned
        self._worker: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None

    # -- what the session calls ---------------------------------------------------------------------------

    def start(self) -> None:
        """Follow the inbox."""
        self._following.start(self._deliver, self._session.fail)
        if self._is_warned:
            self._session.warn_before_expiry(self._warn)

    def handle_text(self, text: str) -> Awaitable[None] | None:
        """Handle a text message."""
        self._protocol.receive_text(text, now=time.monotonic())
        return self._advance()

    def handle_binary(self, data: bytes) -> Awaitable[None] | None:
        """Answer a binary message with an error."""
        self._protocol.receive_binary(now=time.monotonic())
        return self._advance()

    def handle_oversized(self, message: str | bytes) -> Awaitable[None] | None:
        """Answer a message that is too big with an error; the socket stays open."""
        if isinstance(message, bytes):
            return self.handle_binary(message)
        return self.handle_text(message)

    def sent_through(self) -> int:
        """Return the sequence of the last event that was sent."""
        return self._protocol.sent_through

    def drain(self) -> None:
        """Close the session once everything that was requested is answered."""
        self._close_if_drained()

    def on_close(self) -> None:
        """Receive and send nothing any more."""
        self._protocol.connection_lost()

    def stop(self) -> list[asyncio.Task[None]]:
        """Stop following the inbox."""
        self._protocol.connection_lost()
        self._following.stop()
        return [task for task in (self._worker, self._refreshing) if task is not None]

    # -- what goes out ------------------------------------------------------------------------------------

    def _deliver(self, batch: Batch[Event] | Batch[Reset]) -> Awaitable[None] | None:
        self._protocol.receive_events(batch)
        return self._advance()

    def _advance(self) -> Awaitable[None] | None:
        """Write the frames that are due, start the next action, and close the socket if that is due."""
        frames = self._protocol.frames_to_send()
        room = self._session.writer.write(frames) if frames else None
        if self._worker is None:
            action = self._protocol.next_action()
            if action is not None:
                self._worker = asyncio.create_task(self._work(action))
        if self._refreshing is None:
            refresh = self._protocol.take_refresh()
            if refresh is not None:
                self._refreshing = asyncio.create_task(self._refresh(refresh))
        if self._session.is_draining:
            self._close_if_drained()
        if self._protocol.state is State.CLOSING:
            assert self._protocol.close_code is not None
            self._session.close(*close_frame(self._protocol.close_code))
        return room

    def _close_if_drained(self) -> None:
        if not self._protocol.is_busy:
            self._session.close_for(CloseReason.RESTARTING)

    # -- the token ----------------------------------------------------------------------------------------

    def _warn(self, expires_at: float) -> None:
        self._protocol.send_now(token_expiring(expires_at))
        self._advance()

    async def _refresh(self, refresh: RefreshToken) -> None:
        """Extend the session by a fresh token. Beside the actions: one that is slow must not cost the connection."""
        credentials = fresh_credentials(refresh.token, self._session.scope["headers"])
        try:
            answer = token_refreshed(await self._session.renew(required_caller(credentials)))
        except AuthenticationFailed as error:
            answer = token_refused(Failure(error.code, error.message, reason=error.reason.value))
        except Exception as error:
            answer = token_refused(_failure_of(error, "refresh_token"))
        finally:
            self._refreshing = None
        self._protocol.send_now(answer)
        room = self._advance()
        if room is not None:
            await room

    # -- actions ------------------------------------------------------------------------------------------

    async def _work(self, action: Action) -> None:
        """Perform an action and those that follow it, one at a time."""
        following: Action | None = action
        try:
            while following is not None:
                await self._perform(following)
                room = self._advance()
                if room is not None:
                    await room
                following = self._protocol.next_action()
        except Exception as error:
            self._session.fail(error)
        finally:
            self._worker = None

    async def _perform(self, action: Action) -> None:
        attributes = {"live_inbox.action": _name_of(action)}
        with tracing.operating(tracing.ACTION, self._session.trace_parent, attributes) as span:
            failure = await self._answer(action)
            if failure is not None:
                self._protocol.action_failed(action, failure)
                span.fail(failure.code, is_ours=failure.code in tracing.OUR_FAULTS)

    async def _answer(self, action: Action) -> Failure | None:
        """Perform an action and answer it; return why it has failed."""
        caller = self._session.caller
        assert caller is not None
        try:
            answer, sequence = await _performed(caller, action)
        except NotificationError as error:
            return Failure.of(error)
        except AuthenticationFailed as error:
            return Failure(error.code, error.message)
        except Exception as error:
            return _failure_of(error, _name_of(action))
        self._protocol.action_done(action, answer, sequence=sequence)
        return None


async def _performed(caller: Caller, action: Action) -> Performed:
    newest, batches = newest_list(caller, action), list_batches()
    if newest is not None and batches.takes(newest.user_id):
        return await batches.ask(newest)
    return await in_request_thread(use_of(caller, action), perform, caller, action)


_NAMES: dict[type[object], str] = {
    Reload: "reload",
    **{action: name for name, action in CLIENT_MESSAGES.items()},
}


def _name_of(action: Action) -> str:
    """Return the type of the message that asked for an action; `reload` for a list that nobody asked for."""
    return _NAMES[type(action)]


def _failure_of(error: Exception, action: str) -> Failure:
    """Return the failure for an error that is not the client's. The action may have been performed all the same."""
    if kind_of(error) is ErrorKind.OURS:
        return _internal(error, action)
    _database.report(error)
    return Failure.unavailable(error)


def _internal(error: Exception, action: str) -> Failure:
    """Log a fault of ours; return the failure that the client sees, with an id that finds it in the log."""
    error_id = uuid.uuid4().hex
    logger.error("The action %s failed (error id %s).", action, error_id, exc_info=error)
    return Failure("INTERNAL_SERVER_ERROR", f"Internal server error (error id {error_id}).")
