"""GraphQL over HTTP: `POST` for queries and mutations, `GET` for queries.

Follows https://graphql.github.io/graphql-over-http/draft/. A plain Django view: Strawberry's own adds uploads,
streaming responses and batches, which this API does not serve.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from math import ceil
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.decorators import classonlymethod
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from graphql import GraphQLError
from strawberry.http import process_result
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.errors import RateLimited
from live_inbox.identity.errors import AuthenticationFailed
from live_inbox_graphql import json_text
from live_inbox_graphql.authentication import CsrfFailed, caller_of_request
from live_inbox_graphql.context import Context
from live_inbox_graphql.cross_origin import allow_origin, is_preflight, preflight
from live_inbox_graphql.errors import (
    ClientError,
    Code,
    as_clients_see_exception,
    client_error,
    too_large,
)
from live_inbox_graphql.http_request import (
    GRAPHQL_JSON,
    PLAIN_JSON,
    HttpError,
    Parameters,
    accept_is_too_long,
    accepts_html,
    read_parameters,
    response_type,
)
from live_inbox_graphql.operation_rate import take_operation
from live_inbox_graphql.request_limits import check_request
from live_inbox_graphql.schema import configured_schema
from live_inbox_graphql.served_schema import ServedSchema

Page = Callable[[HttpRequest], Awaitable[HttpResponseBase]]
"""An async Django view."""

_OPERATION_TYPES = {
    "POST": {OperationType.QUERY, OperationType.MUTATION},
    "GET": {OperationType.QUERY},
}


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
        if self.page is not None and accepts_html(request):
            return await self.page(request)
        try:
            if is_preflight(request):
                response = preflight(request)
            else:
                response = await self._execute(request)
        except HttpError as error:
            response = error.response(request)
        except Exception as error:
            response = _server_error(client_error(error)).response(request)
        patch_vary_headers(response, ("Accept", "Authorization", "Cookie", "Origin"))
        allow_origin(request, response)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _execute(self, request: HttpRequest) -> HttpResponse:
        if request.method not in _OPERATION_TYPES:
            message = "Send GraphQL requests by POST or GET."
            raise HttpError.bad(message, HTTPStatus.METHOD_NOT_ALLOWED, Allow="GET, POST")
        content_type = response_type(request)
        if accept_is_too_long(request):
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise HttpError.bad("The header Accept is too long.", status)
        if content_type is None:
            message = f"Responses are {GRAPHQL_JSON} or {PLAIN_JSON}."
            raise HttpError.bad(message, HTTPStatus.NOT_ACCEPTABLE)
        context = await _context(request)
        parameters = read_parameters(request)
        result = await self._result(parameters, context, _OPERATION_TYPES[request.method])
        return _response(result, content_type)

    async def _result(
        self, parameters: Parameters, context: Context, allowed: set[OperationType]
    ) -> ExecutionResult:
        schema = self.schema or configured_schema()
        try:
            query = schema.persisted.text(
                parameters.query,
                parameters.extensions,
                may_remember=context.caller is not None,
            )
            check_request(query, parameters.variables)
            take_operation(context, schema.weight(query))
        except (GraphQLError, RateLimited) as error:
            return PreExecutionError(data=None, errors=[as_clients_see_exception(error)])
        try:
            return await schema.execute(
                query,
                variable_values=parameters.variables,
                context_value=context,
                operation_name=parameters.operation_name,
                allowed_operation_types=allowed,
            )
        except InvalidOperationTypeError as error:
            raise _wrong_method(error.operation_type) from error
        except CannotGetOperationTypeError as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, client_error(error)) from error


async def _context(request: HttpRequest) -> Context:
    """Return the context of the caller; a token that is not accepted is a 401 before anything is executed.

    Not a 200: proxies, libraries and people know how to handle a 401, and without a caller there is no partial
    result. A request without any credentials is executed, because the schema is public; each field that needs a
    caller then fails by itself.
    """
    try:
        caller = await caller_of_request(request)
    except AuthenticationFailed as failure:
        raise _unauthenticated(client_error(failure)) from failure
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


def _response(result: ExecutionResult, content_type: str) -> HttpResponse:
    """Return the response. A request that was not executed has no `data`, not even null."""
    body = process_result(result)
    was_refused = isinstance(result, PreExecutionError)
    if was_refused:
        del body["data"]
    # Clients of persisted documents look into the body of a 200 only.
    is_bad_request = (
        was_refused and content_type == GRAPHQL_JSON and not _is_about_persisted(result)
    )
    text = json_text.dumps(body)
    limit = inbox_settings().max_response_bytes
    if len(text) > limit:
        text = json_text.dumps({"data": None, "errors": [too_large(limit).formatted]})
    status = HTTPStatus.BAD_REQUEST if is_bad_request else HTTPStatus.OK
    wait = _wait(result) if was_refused else None
    return HttpResponse(
        text,
        status=status if wait is None else HTTPStatus.TOO_MANY_REQUESTS,
        headers={} if wait is None else {"Retry-After": str(ceil(wait))},
        content_type=f"{content_type}; charset=utf-8",
    )


def _wait(result: ExecutionResult) -> float | None:
    """Return the seconds to wait of a request that was refused because it came too fast."""
    waits = [(error.extensions or {}).get("retryAfter") for error in result.errors or ()]
    return next((wait for wait in waits if wait is not None), None)


def _is_about_persisted(result: ExecutionResult) -> bool:
    codes = {(error.extensions or {}).get("code") for error in result.errors or ()}
    return bool(codes & {Code.PERSISTED_QUERY_NOT_FOUND, Code.PERSISTED_QUERY_NOT_SUPPORTED})


def _wrong_method(operation_type: OperationType) -> HttpError:
    if operation_type is OperationType.SUBSCRIPTION:
        return HttpError.bad("Subscriptions are served on a WebSocket at this address.")
    message = "Send mutations by POST."
    return HttpError.bad(message, HTTPStatus.METHOD_NOT_ALLOWED, Allow="POST")


def _server_error(error: ClientError) -> HttpError:
    if error.code is Code.SERVICE_UNAVAILABLE:
        return HttpError(HTTPStatus.SERVICE_UNAVAILABLE, error, Retry_After="5")
    return HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, error)


def _unauthenticated(error: ClientError) -> HttpError:
    if error.code is Code.SERVICE_UNAVAILABLE:
        return _server_error(error)
    challenge = f'Bearer error="invalid_token", error_description="{error.message}"'
    return HttpError(HTTPStatus.UNAUTHORIZED, error, WWW_Authenticate=challenge)
