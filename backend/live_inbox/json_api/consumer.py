"""The original JSON door: admits a socket, and serves it until it closes."""

from __future__ import annotations

import asyncio

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.delivery.hub import HubClosed
from live_inbox.faults import Fault
from live_inbox.feed import Feed
from live_inbox.identity.callers import Caller, authenticate
from live_inbox.identity.credentials import token_from_headers, token_from_query
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.sessions import OpenSessions
from live_inbox.json_api.connection import Connection, send_close
from live_inbox.json_api.encoded_events import Wordings
from live_inbox.json_api.protocol import CloseCode, LegacyProtocol
from live_inbox.limits.rate import Meter, RateLimit
from live_inbox.sockets.asgi import Receive, Scope, Send
from live_inbox.sockets.writer import SocketWriter, direct_socket, writer_for

_CLOSE_CODES = {
    Reason.EXPIRED: CloseCode.EXPIRED,
    Reason.REVOKED: CloseCode.EXPIRED,
    # Not the client's fault: it may come back with the same token.
    Reason.KEYS_UNAVAILABLE: CloseCode.INTERNAL_ERROR,
}


class NotificationConsumer:
    """The ASGI application of the door. Not a Channels consumer: that costs a thread change per message.

    Sockets are authenticated by their token alone, never by a cookie, so a page on any origin may open one.
    """

    def __init__(self, *, feed: Feed, sessions: OpenSessions) -> None:
        self._feed = feed
        self._sessions = sessions
        self._wordings = Wordings()
        self._sockets = metrics.SOCKETS.labels("json")
        self._rate = RateLimit.parse(inbox_settings().socket_rate)
        self._max_message_bytes = inbox_settings().max_message_bytes
        self._patience_seconds = inbox_settings().connection_init_seconds
        self._fault = Fault("admission of sockets", metrics.ADMISSION_FAULTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket until it closes."""
        if (await receive())["type"] != "websocket.connect":
            return
        # Accepted before the token is looked at: of a refused handshake, browsers do not show the reason.
        await send({"type": "websocket.accept"})
        writer = writer_for(scope, send)
        caller = await self._admit(scope)
        if isinstance(caller, CloseCode):
            await send_close(writer, caller)
            return
        with self._sockets.track_inprogress():
            await self._serve(caller, scope, receive, writer)

    async def _admit(self, scope: Scope) -> Caller | CloseCode:
        """Return whose socket it is, or with which code to close it."""
        token = token_from_headers(scope["headers"]) or token_from_query(scope["query_string"])
        try:
            async with asyncio.timeout(self._patience_seconds):
                caller = await authenticate(token)
        except AuthenticationFailed as failure:
            return _CLOSE_CODES.get(failure.reason, CloseCode.UNAUTHENTICATED)
        except Exception as error:  # the database does not answer, most likely
            self._fault.report(error)
            return CloseCode.INTERNAL_ERROR
        self._fault.recovered()
        return caller

    async def _serve(
        self, caller: Caller, scope: Scope, receive: Receive, writer: SocketWriter
    ) -> None:
        try:
            async with asyncio.timeout(self._patience_seconds):
                following = await self._feed.follow(caller.user_id)
        except HubClosed:
            await send_close(writer, CloseCode.RESTARTING)
            return
        except TimeoutError:
            # The database does not answer. The client, which nobody listens to so far, had better come back.
            await send_close(writer, CloseCode.INTERNAL_ERROR)
            return
        protocol = LegacyProtocol(
            after=following.position.sequence,
            max_message_bytes=self._max_message_bytes,
            wordings=self._wordings,
        )
        connection = Connection(caller, protocol, Meter(self._rate), receive, writer)
        session = self._sessions.register(caller, connection.end)
        direct = direct_socket(scope)
        if direct is not None:
            direct.on_shutdown = connection.shut_down
            direct.forget_handshake()
        try:
            await connection.run(following)
        finally:
            session.release()
