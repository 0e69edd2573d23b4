"""The original JSON door: admits a socket, and serves it until it closes."""

from __future__ import annotations

from backend import metrics
from backend.config import config
from backend.delivery.hub import HubClosed
from backend.faults import Fault
from backend.identity.callers import Caller, authenticate
from backend.identity.credentials import token_from_headers, token_from_query
from backend.identity.errors import AuthenticationFailed, Reason
from backend.identity.sessions import OpenSessions
from backend.legacy.connection import Connection, Receive, Scope, Send, send_close
from backend.legacy.protocol import CloseCode, LegacyProtocol
from backend.limits.rate import Meter, RateLimit
from backend.notifications.feed import Feed

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
        self._rate = RateLimit.parse(config().socket_rate)
        self._fault = Fault("admission of sockets", metrics.ADMISSION_FAULTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket until it closes."""
        if (await receive())["type"] != "websocket.connect":
            return
        # Accepted before the token is looked at: of a refused handshake, browsers do not show the reason.
        await send({"type": "websocket.accept"})
        caller = await self._admit(scope)
        if isinstance(caller, CloseCode):
            await send_close(send, caller)
            return
        with metrics.SOCKETS.labels("legacy").track_inprogress():
            await self._serve(caller, receive, send)

    async def _admit(self, scope: Scope) -> Caller | CloseCode:
        """Return whose socket it is, or with which code to close it."""
        token = token_from_headers(scope["headers"]) or token_from_query(scope["query_string"])
        try:
            caller = await authenticate(token)
        except AuthenticationFailed as failure:
            return _CLOSE_CODES.get(failure.reason, CloseCode.UNAUTHENTICATED)
        except Exception as error:  # the database does not answer, most likely
            self._fault.report(error)
            return CloseCode.INTERNAL_ERROR
        self._fault.over()
        return caller

    async def _serve(self, caller: Caller, receive: Receive, send: Send) -> None:
        try:
            async with self._feed.open(caller.user_id) as events:
                protocol = LegacyProtocol(
                    after=events.position.sequence, max_message_bytes=config().max_message_bytes
                )
                connection = Connection(caller, protocol, Meter(self._rate), receive, send)
                session = self._sessions.register(caller, connection.end)
                try:
                    await connection.run(events)
                finally:
                    session.release()
        except HubClosed:
            await send_close(send, CloseCode.RESTARTING)
