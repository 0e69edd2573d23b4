"""GraphQL over HTTP: `POST` for queries and mutations, `GET` for queries.

Follows https://graphql.github.io/graphql-over-http/draft/. A plain Django view: Strawberry's own adds uploads,
streaming responses and batches, which this API does not serve. Subscriptions as event streams are checked here, and
handed over to what stands in front of Django (`event_stream_handover`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.utils.decorators import classonlymethod
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed
from live_inbox.log_context import note_request
from live_inbox.sockets.handshakes import page_of_request
from live_inbox_graphql.authentication import CsrfFailed, caller_of_request, caller_of_stream
from live_inbox_graphql.context import Context
from live_inbox_graphql.cross_origin import cors_headers, is_preflight, preflight
from live_inbox_graphql.errors import ClientError, Code, client_error
from live_inbox_graphql.event_stream_handover import handover_of
from live_inbox_graphql.event_streams import StreamRequest
from live_inbox_graphql.http_answers import (
    VARY,
    Answer,
    HttpError,
    server_error,
    unauthenticated,
)
from live_inbox_graphql.http_operations import (
    OPERATIONS,
    answer_operation,
    subscription_or_answer,
)
from live_inbox_graphql.http_request import (
    Parameters,
    body_incomplete,
    body_too_large,
    check_content_type,
    negotiated_type,
    parameters_of_body,
    parameters_of_query,
)
from live_inbox_graphql.media_types import (
    ANYTHING,
    EVENT_STREAM,
    prefers_event_stream,
    prefers_html,
)
from live_inbox_graphql.schema import configured_schema
from live_inbox_graphql.served_schema import ServedSchema

Page = Callable[[HttpRequest], Awaitable[HttpResponseBase]]
"""An async Django view."""


class GraphQLView(View):
    """Serves a schema: `GraphQLView.as_view(schema=schema)`; without one, that of GRAPHQL_SCHEMA.

    The view is exempt from ATOMIC_REQUESTS: each mutation is a transaction of its own. It is also exempt from
    Django's CSRF middleware and makes the same check itself, for requests that a session authenticates. `page` is
    the view that answers browsers which prefer HTML, such as GraphiQL's; without one they receive an error that
    says what to send.
    """

    schema: ServedSchema | None = None
    page: Page | None = None
    view_is_async = True

    @classonlymethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., Any]:
        """Return the view for a URL pattern."""
        return database.non_atomic(csrf_exempt(super().as_view(**initkwargs)))

    async def dispatch(  # type: ignore[override]  # an async view
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Return the response to any request, errors included, as JSON; or the page."""
        accept = request.headers.get("Accept", ANYTHING)
        if self.page is not None and _asks_for_page(request, accept):
            return await self.page(request)
        try:
            response = await self._respond(request, accept)
        except HttpError as error:
            response = _response(error.answer(accept))
        except Exception as error:
            response = _response(server_error(client_error(error)).answer(accept))
        response.headers["Vary"] = VARY
        response.headers["Cache-Control"] = "no-store"
        page = page_of_request(request, inbox_settings().origins)
        for name, value in cors_headers(page, request.headers.get("Origin", "")).items():
            response.headers[name] = value
        return response

    async def _respond(self, request: HttpRequest, accept: str) -> HttpResponse:
        if is_preflight(request):
            return preflight(request)
        return _response(await self._answer(request, accept))

    async def _answer(self, request: HttpRequest, accept: str) -> Answer:
        method = request.method or ""
        if method not in OPERATIONS:
            message = "Send GraphQL requests by POST or GET."
            raise HttpError.bad(message, HTTPStatus.METHOD_NOT_ALLOWED, Allow="GET, POST")
        schema = self.schema or configured_schema()
        if prefers_event_stream(accept):
            return await _stream(request, method, schema)
        media_type = negotiated_type(accept)
        context = await _context(request, caller_of_request)
        parameters = _parameters(request)
        user_id = None if context.caller is None else context.caller.user_id
        note_request(user_id, parameters.operation_name, parameters.query)
        return await answer_operation(schema, method, parameters, context, media_type)


async def _stream(request: HttpRequest, method: str, schema: ServedSchema) -> Answer:
    """Return the stream of a query or a mutation; or hand a subscription over, with an answer that only has headers."""
    handover = handover_of(request)
    context = await _context(request, caller_of_stream)
    asked = await subscription_or_answer(schema, method, _parameters(request), context)
    if isinstance(asked, Answer):
        return asked
    if handover is None:
        message = "Event streams of subscriptions are not served here: see docs/asgi.md, `mount`."
        raise HttpError.bad(message, HTTPStatus.NOT_ACCEPTABLE)
    assert context.caller is not None
    last_event_id = request.headers.get("Last-Event-ID")
    handover.request = StreamRequest(schema, asked, context.caller, last_event_id)
    return Answer(b"", EVENT_STREAM)


def _asks_for_page(request: HttpRequest, accept: str) -> bool:
    """Whether a browser asks for a page: a GET without `query` that prefers HTML."""
    return request.method == "GET" and "query" not in request.GET and prefers_html(accept)


def _response(answer: Answer) -> HttpResponse:
    return HttpResponse(
        answer.body,
        status=answer.status,
        content_type=answer.content_type,
        headers=dict(answer.headers),
    )


def _parameters(request: HttpRequest) -> Parameters:
    if request.method == "GET":
        return parameters_of_query(dict(request.GET.items()))
    check_content_type(request.headers.get("Content-Type", ""))
    return parameters_of_body(_body(request))


def _body(request: HttpRequest) -> bytes:
    longest = inbox_settings().max_request_bytes
    try:
        # Not read into memory if it says that it is too large.
        body = b"" if _length(request) > longest else request.body
    except RequestDataTooBig:
        raise body_too_large() from None
    except UnreadablePostError:
        raise body_incomplete() from None
    if max(_length(request), len(body)) > longest:
        raise body_too_large()
    return body


def _length(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdecimal() and len(text) < 20 else 0


async def _context(
    request: HttpRequest, authenticate: Callable[[HttpRequest], Awaitable[Caller | None]]
) -> Context:
    """Return the context of the caller; a token that is not accepted is a 401 before anything is executed.

    Not a 200: proxies, libraries and people know how to handle a 401, and without a caller there is no partial
    result. A request without any credentials is executed, because the schema is public; each field that needs a
    caller then fails by itself.
    """
    try:
        caller = await authenticate(request)
    except AuthenticationFailed as failure:
        raise unauthenticated(client_error(failure)) from failure
    except CsrfFailed as failure:
        message = f"{failure} Send the CSRF cookie's value as X-CSRFToken, or use a token."
        raise HttpError(HTTPStatus.FORBIDDEN, ClientError(Code.FORBIDDEN, message, {})) from failure
    # For a project's own fields: whom the authenticator has found, and nobody else.
    user = AnonymousUser() if caller is None else caller.user
    request.user = user  # type: ignore[assignment]

    async def auser() -> Any:
        return user

    request.auser = auser
    return Context(caller=caller, request=request)
