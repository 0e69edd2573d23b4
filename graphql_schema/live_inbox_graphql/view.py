"""GraphQL over HTTP: `POST` for queries and mutations, `GET` for queries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from cross_web import AsyncHTTPRequestAdapter
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.decorators import classonlymethod
from django.views.decorators.csrf import csrf_exempt
from strawberry.django.views import AsyncGraphQLView, TemporalHttpResponse
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData, process_result
from strawberry.http.base import BaseRequestProtocol
from strawberry.schema.base import BaseSchema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from live_inbox.identity.errors import AuthenticationFailed
from live_inbox_graphql import json_text
from live_inbox_graphql.authentication import CsrfFailed, caller_of_request
from live_inbox_graphql.context import Context
from live_inbox_graphql.errors import ClientError, Code, client_error
from live_inbox_graphql.http_request import (
    GRAPHQL_JSON,
    PLAIN_JSON,
    Refusal,
    looks_for_page,
    read_parameters,
    response_type,
)

Page = Callable[[HttpRequest], Awaitable[HttpResponseBase]]
"""An async Django view."""

_KINDS = {"POST": {OperationType.QUERY, OperationType.MUTATION}, "GET": {OperationType.QUERY}}


class GraphQLView(AsyncGraphQLView[Context, None]):
    """Serves the schema. It is exempt from Django's CSRF check and makes it itself, where a session is used.

    `page` answers browsers that come for something to look at; without one they are told what to send.
    """

    schema: BaseSchema
    page: Page | None = None

    def __init__(self, schema: BaseSchema, page: Page | None = None) -> None:
        super().__init__(schema=schema, graphql_ide=None, subscription_protocols=())
        self.page = page

    @classonlymethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., Any]:
        """Return the view for a URL pattern: `GraphQLView.as_view(schema=schema)`."""
        return csrf_exempt(super().as_view(**initkwargs))

    async def dispatch(  # type: ignore[override]  # an async view
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Answer in JSON, whatever comes and whatever happens; with the page to browsers."""
        if self.page is not None and looks_for_page(request):
            return await self.page(request)
        try:
            response = await self._answer(request)
        except Refusal as refusal:
            response = refusal.response(request)
        except Exception as error:
            response = _failed(client_error(error)).response(request)
        patch_vary_headers(response, ("Accept", "Authorization", "Cookie"))
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        if request.method not in _KINDS:
            message = "GraphQL is asked by POST or GET."
            raise Refusal.bad(message, HTTPStatus.METHOD_NOT_ALLOWED, Allow="GET, POST")
        if response_type(request) is None:
            message = f"Answers are {GRAPHQL_JSON} or {PLAIN_JSON}."
            raise Refusal.bad(message, HTTPStatus.NOT_ACCEPTABLE)
        return await self.run(request)

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        """Return False: Strawberry's own page comes from other people's servers."""
        return False

    async def get_context(self, request: HttpRequest, response: HttpResponse) -> Context:
        """Return the context of the caller; a token that is not accepted is a 401, before anything is run.

        Not a 200: proxies, libraries and people know what to do about a 401, and without a caller there is
        no partial result that an answer could hold. A request without any credentials is let through, since
        the schema is for everybody to see; whatever needs a caller then fails by itself.
        """
        try:
            return Context(caller=await caller_of_request(request))
        except AuthenticationFailed as failure:
            raise _unauthenticated(client_error(failure)) from failure
        except CsrfFailed as failure:
            message = f"{failure} Send the CSRF cookie's value as X-CSRFToken, or use a token."
            raise Refusal(
                HTTPStatus.FORBIDDEN, ClientError(Code.FORBIDDEN, message, {})
            ) from failure

    async def get_sub_response(self, request: HttpRequest) -> TemporalHttpResponse:
        """Return what carries the answer's content type to where the answer is made."""
        carrier = TemporalHttpResponse()
        carrier.headers["Content-Type"] = f"{response_type(request)}; charset=utf-8"
        return carrier

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        """Return the request's parameters; refuse whatever is not a request to GraphQL."""
        return await read_parameters(request)

    async def execute_single(
        self,
        request: HttpRequest,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: TemporalHttpResponse,
        context: Context,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        """Run the operation, if this method may run operations of its kind."""
        try:
            return await self.schema.execute(
                request_data.query,
                variable_values=request_data.variables,
                context_value=context,
                operation_name=request_data.operation_name,
                allowed_operation_types=_KINDS[request_adapter.method],
            )
        except InvalidOperationTypeError as error:
            raise _wrong_method(error.operation_type) from error
        except CannotGetOperationTypeError as error:
            raise Refusal(HTTPStatus.BAD_REQUEST, client_error(error)) from error

    async def process_result(
        self, request: HttpRequest, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        """Return the body. A request that was not executed has no `data`, not even null."""
        body = process_result(result)
        if isinstance(result, PreExecutionError):
            del body["data"]
        return body

    def create_response(self, response_data: Any, sub_response: HttpResponse) -> HttpResponseBase:
        """Return the answer with the status that goes with its content type."""
        content_type = sub_response.headers["Content-Type"]
        was_refused = "data" not in response_data and content_type.startswith(GRAPHQL_JSON)
        return HttpResponse(
            json_text.dumps(response_data),
            status=HTTPStatus.BAD_REQUEST if was_refused else HTTPStatus.OK,
            content_type=content_type,
        )


def _wrong_method(kind: OperationType) -> Refusal:
    if kind is OperationType.SUBSCRIPTION:
        return Refusal.bad("Subscriptions are served on a WebSocket at this address.")
    message = "Mutations are sent by POST."
    return Refusal.bad(message, HTTPStatus.METHOD_NOT_ALLOWED, Allow="POST")


def _failed(error: ClientError) -> Refusal:
    if error.code is Code.SERVICE_UNAVAILABLE:
        return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, error, Retry_After="5")
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, error)


def _unauthenticated(error: ClientError) -> Refusal:
    if error.code is Code.SERVICE_UNAVAILABLE:
        return _failed(error)
    challenge = f'Bearer error="invalid_token", error_description="{error.message}"'
    return Refusal(HTTPStatus.UNAUTHORIZED, error, WWW_Authenticate=challenge)
