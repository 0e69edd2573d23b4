"""Requests for event streams: those with a token or a ticket straight from ASGI, and all others through Django.

As `token_requests`, with the same rules of what may pass Django's middleware.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from django.core.exceptions import TooManyFieldsSent
from django.http import QueryDict

from live_inbox.conf import inbox_settings
from live_inbox.identity.authenticators import caller_of, caller_with_ticket
from live_inbox.identity.callers import Caller
from live_inbox.identity.credentials import ticket_from_query, token_from_headers
from live_inbox.identity.errors import AuthenticationFailed
from live_inbox.identity.tickets import PresentedTicket
from live_inbox.sockets.asgi import Application, Receive, Scope, Send, client_address
from live_inbox.sockets.forwarding import apply_forwarded
from live_inbox_graphql.context import Context, ScopeRequest
from live_inbox_graphql.errors import client_error
from live_inbox_graphql.event_stream_handover import serve_or_hand_over
from live_inbox_graphql.event_streams import REQUEST, StreamRequest
from live_inbox_graphql.http_answers import Answer, HttpError, server_error, unauthenticated
from live_inbox_graphql.http_operations import subscription_or_answer
from live_inbox_graphql.http_request import (
    Parameters,
    check_content_type,
    parameters_of_body,
    parameters_of_query,
)
from live_inbox_graphql.media_types import EVENT_STREAM, prefers_event_stream
from live_inbox_graphql.schema import configured_schema
from live_inbox_graphql.token_requests import (
    Disconnected,
    Headers,
    TokenPost,
    common_headers,
    read_body,
    send_answer,
    single_fields,
)

_READ = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"last-event-id",
        b"origin",
    }
)


class StreamRequestHeader(TokenPost):
    """A request for a stream with a token, or a GET with a ticket: what is read of its header. No token: a ticket."""

    __slots__ = ()

    @classmethod
    def of(cls, scope: Scope) -> StreamRequestHeader | None:
        """Return the request; None for any other, and for one that repeats a field."""
        fields = single_fields(scope, _READ)
        if fields is None or b"host" not in fields or scope["method"] not in ("GET", "POST"):
            return None
        authorization = fields.get(b"authorization")
        if authorization is not None:
            token = token_from_headers([(b"authorization", authorization)])
            return None if token is None else cls(scope, token, fields)
        # An EventSource can set no headers.
        has_ticket = ticket_from_query(scope["query_string"]) is not None
        return cls(scope, "", fields) if has_ticket and scope["method"] == "GET" else None


class EventStreamRequests:
    """An ASGI application: GraphQL as event streams, and another application for everything else.

    `streams` serves subscriptions (`EventStreams`). `serves` and `more_headers` as of `TokenRequests`.
    """

    def __init__(
        self,
        application: Application,
        *,
        streams: Application,
        serves: Callable[[Scope], bool],
        more_headers: Callable[[Scope], Headers],
    ) -> None:
        self._application = application
        self._streams = streams
        self._serves = serves
        self._more_headers = more_headers

    # A coroutine function, by which others tell an application of ASGI 3 from one of ASGI 2.
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or not _asks_for_stream(scope):
            await self._application(scope, receive, send)
            return
        request = StreamRequestHeader.of(scope)
        if request is not None and self._serves(scope):
            await self._serve(request, receive, send)
        else:
            await serve_or_hand_over(self._application, self._streams, scope, receive, send)

    async def _serve(self, request: StreamRequestHeader, receive: Receive, send: Send) -> None:
        scope = request.scope
        apply_forwarded(scope, inbox_settings().proxies)
        try:
            asked = await _asked(request, receive)
        except Disconnected:
            return
        except HttpError as error:
            asked = error.answer(EVENT_STREAM)
        except Exception as error:
            asked = server_error(client_error(error)).answer(EVENT_STREAM)
        more = self._more_headers(scope)
        if isinstance(asked, Answer):
            await send_answer(send, asked, request, more)
            return
        headers = [*common_headers(request), *more]
        scope[REQUEST] = replace(asked, headers=headers)
        del request, asked
        await self._streams(scope, receive, send)


def _asks_for_stream(scope: Scope) -> bool:
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return b"event-stream" in accept and prefers_event_stream(accept.decode("latin-1"))


async def _asked(request: StreamRequestHeader, receive: Receive) -> StreamRequest | Answer:
    try:
        caller = await _caller(request)
    except AuthenticationFailed as failure:
        raise unauthenticated(client_error(failure)) from failure
    schema = configured_schema()
    parameters = await _parameters(request, receive)
    context = Context(caller=caller, request=ScopeRequest(request.scope, caller))
    asked = await subscription_or_answer(schema, request.scope["method"], parameters, context)
    if isinstance(asked, Answer):
        return asked
    assert caller is not None
    return StreamRequest(schema, asked, caller, request.text(b"last-event-id") or None)


async def _caller(request: StreamRequestHeader) -> Caller | None:
    if request.token:
        return await caller_of(request.credentials)
    ticket = ticket_from_query(request.scope["query_string"]) or ""
    return await caller_with_ticket(
        PresentedTicket(ticket, "graphql", client_address(request.scope))
    )


async def _parameters(request: StreamRequestHeader, receive: Receive) -> Parameters:
    if request.scope["method"] == "POST":
        check_content_type(request.text(b"content-type"))
        return parameters_of_body(await read_body(request, receive))
    try:
        return parameters_of_query(dict(QueryDict(request.scope["query_string"]).items()))
    except TooManyFieldsSent:
        raise HttpError.bad("The query string has too many fields.") from None
