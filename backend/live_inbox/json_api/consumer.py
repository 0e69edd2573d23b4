"""The JSON API as an ASGI application: accepts a socket, admits its caller and opens the protocol on it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.database_errors import ErrorKind, kind_of
from live_inbox.faults import Fault
from live_inbox.feed import Feed
from live_inbox.identity.admissions import Admissions
from live_inbox.identity.authenticators import Credentials, caller_with_ticket, required_caller
from live_inbox.identity.credentials import (
    ticket_from_query,
    token_from_headers,
    token_from_query,
    token_from_subprotocols,
)
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.scopes import Right, allows
from live_inbox.identity.tickets import PresentedTicket
from live_inbox.json_api.close_codes import JsonCloseCode, close_frame, close_frame_for
from live_inbox.json_api.connection import JsonConnection
from live_inbox.json_api.handshake import headers_of, wants_warning
from live_inbox.json_api.protocol import JsonProtocol
from live_inbox.sockets.asgi import Receive, Scope, Send, client_address
from live_inbox.sockets.handshakes import refusal_of
from live_inbox.sockets.session import SocketSession, TooManySockets, socket_config
from live_inbox.sockets.writer import writer_for

_CLOSE_CODES = {
    Reason.EXPIRED: JsonCloseCode.EXPIRED,
    Reason.REVOKED: JsonCloseCode.EXPIRED,
    Reason.TICKET: JsonCloseCode.EXPIRED,
}


SUBPROTOCOL = "live-inbox"
"""What a page offers beside `bearer.<token>`."""


def _offered(scope: Scope) -> Sequence[str]:
    offered: Sequence[str] = scope.get("subprotocols") or ()
    return offered


def _refusal(reason: Reason) -> tuple[int, str]:
    """Return the close frame for somebody whose credentials were not accepted."""
    if reason.is_temporary:
        # Not the client's fault: it may come back with the same token.
        return close_frame(JsonCloseCode.INTERNAL_ERROR, reason.value)
    return close_frame(_CLOSE_CODES.get(reason, JsonCloseCode.UNAUTHENTICATED))


class NotificationConsumer:
    """The ASGI application of the JSON API. Not a Channels consumer: that costs a thread change per message.

    Sockets are authenticated by their token alone, never by a cookie, so a page on any origin may open one.
    """

    def __init__(self, *, feed: Feed, admissions: Admissions) -> None:
        settings = inbox_settings()
        self._feed = feed
        self._takes_query_tokens = settings.token_in_query
        self._fault = Fault("admission of sockets", metrics.ADMISSION_FAULTS)
        self._config = socket_config("json", admissions, close_frame_for)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket until it closes."""
        if (await receive())["type"] != "websocket.connect":
            return
        session = SocketSession(scope, receive, writer_for(scope, send), self._config)
        if not session.enter():
            await session.refuse_too_many(send)
            return
        try:
            refusal = refusal_of(scope, inbox_settings().origins, takes_sessions=False)
            if refusal is not None:
                await session.refuse(send, refusal)
                return
            # Accepted before the token is checked: browsers do not show why a handshake was refused.
            # Browsers give up if no subprotocol of theirs is accepted, and one with a token must not be repeated.
            is_offered = SUBPROTOCOL in _offered(scope)
            subprotocol = SUBPROTOCOL if is_offered else None
            await send({"type": "websocket.accept", "subprotocol": subprotocol})
            await session.run(self._open, subprotocol)
        finally:
            session.leave()

    async def _open(self, session: SocketSession) -> JsonConnection | None:
        """Admit the caller and subscribe to the inbox; or close the session and return None."""
        # Before the admission, after which the session keeps nothing of the query string.
        is_warned = wants_warning(session.scope["query_string"])
        refusal = await self._admit(session)
        if refusal is not None:
            session.close(*refusal)
            return None
        return await self._connect(session, is_warned=is_warned)

    async def _admit(self, session: SocketSession) -> tuple[int, str] | None:
        """Learn who the caller is; return the close frame for nobody."""
        scope = session.scope
        headers = headers_of(scope)
        token = token_from_headers(scope["headers"]) or token_from_subprotocols(_offered(scope))
        ticket = ticket_from_query(scope["query_string"]) if token is None else None
        if token is None and self._takes_query_tokens:
            token = token_from_query(scope["query_string"])
        try:
            if ticket is not None:
                presented = PresentedTicket(ticket, "json", client_address(scope))
                await session.admit(caller_with_ticket(presented))
            else:
                await session.admit(required_caller(Credentials(token=token, headers=headers)))
        except AuthenticationFailed as failure:
            return _refusal(failure.reason)
        except TooManySockets:
            return close_frame(JsonCloseCode.RATE_LIMITED)
        except TimeoutError as error:
            self._fault.report(error)
            return _refusal(Reason.TIMEOUT)
        except Exception as error:
            self._fault.report(error)
            kind = kind_of(error)
            detail = kind.value if kind.is_temporary else ""
            return close_frame(JsonCloseCode.INTERNAL_ERROR, detail)
        self._fault.recovered()
        # Every connection gets the changes of the inbox.
        may_read = session.caller is not None and allows(session.caller.scopes, Right.READ)
        return None if may_read else close_frame(JsonCloseCode.UNAUTHENTICATED)

    async def _connect(self, session: SocketSession, *, is_warned: bool) -> JsonConnection | None:
        assert session.caller is not None
        try:
            async with asyncio.timeout(self._config.admission_seconds):
                following = await self._feed.follow(session.caller.user_id)
        except TimeoutError as error:
            # The database does not answer, and nobody reads the socket so far: the client had better come back.
            self._fault.report(error)
            reason = ErrorKind.UNAVAILABLE.value
            session.close(*close_frame(JsonCloseCode.INTERNAL_ERROR, reason))
            return None
        protocol = JsonProtocol(
            after=following.position.sequence, max_message_bytes=self._config.max_message_bytes
        )
        return JsonConnection(session, protocol, following, is_warned=is_warned)
