"""The original JSON door: admits a socket, and serves it until it closes."""

from __future__ import annotations

import asyncio

from backend import metrics
from backend.config import config
from backend.delivery.hub import HubClosed
from backend.faults import Fault
from backend.identity.callers import Caller, authenticate
from backend.identity.credentials import token_from_headers, token_from_query
from backend.identity.errors import AuthenticationFailed, Reason
from backend.identity.sessions import OpenSessions
from backend.legacy.connection import Connection, send_close
from backend.legacy.protocol import CloseCode, LegacyProtocol
from backend.legacy.wording import Wordings
from backend.limits.rate import Meter, RateLimit
from backend.notifications.feed import Feed
from backend.sockets.asgi import Receive, Scope, Send
from backend.sockets.outlet import Outlet, direct_socket, outlet_for

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
        self._sockets = metrics.SOCKETS.labels("legacy")
        self._rate = RateLimit.parse(config().socket_rate)
        self._max_message_bytes = config().max_message_bytes
        self._patience_seconds = config().connection_init_seconds
        self._fault = Fault("admission of sockets", metrics.ADMISSION_FAULTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket until it closes."""
        if (await receive())["type"] != "websocket.connect":
            return
        # Accepted before the token is looked at: of a refused handshake, browsers do not show the reason.
        await send({"type": "websocket.accept"})
        outlet = outlet_for(scope, send)
        caller = await self._admit(scope)
        if isinstance(caller, CloseCode):
            await send_close(outlet, caller)
            return
        with self._sockets.track_inprogress():
            await self._serve(caller, scope, receive, outlet)

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
        self._fault.over()
        return caller

    async def _serve(self, caller: Caller, scope: Scope, receive: Receive, outlet: Outlet) -> None:
        try:
            async with asyncio.timeout(self._patience_seconds):
                following = await self._feed.follow(caller.user_id)
        except HubClosed:
            await send_close(outlet, CloseCode.RESTARTING)
            return
        except TimeoutError:
            # The database does not answer. The client, which nobody listens to so far, had better come back.
            await send_close(outlet, CloseCode.INTERNAL_ERROR)
            return
        protocol = LegacyProtocol(
            after=following.position.sequence,
            max_message_bytes=self._max_message_bytes,
            wordings=self._wordings,
        )
        connection = Connection(caller, protocol, Meter(self._rate), receive, outlet)
        session = self._sessions.register(caller, connection.end)
        direct = direct_socket(scope)
        if direct is not None:
            direct.on_shutdown = connection.shut_down
            direct.forget_handshake()
        try:
            await connection.run(following)
        finally:
            session.release()
