"""What an HTTP request must look like to be asked of GraphQL, and what is answered when it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from cross_web import AsyncHTTPRequestAdapter
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.request import MediaType
from strawberry.http import GraphQLRequestData

from live_inbox_graphql import json_text
from live_inbox_graphql.errors import ClientError, Code

PLAIN_JSON = "application/json"
"""The older type of answers: whatever was executed, or refused by GraphQL itself, is a 200."""
GRAPHQL_JSON = "application/graphql-response+json"
"""The type of the GraphQL over HTTP specification: a request that GraphQL refused is a 400."""

_SHAPES = {
    "query": (str, "a string"),
    "operationName": (str, "a string"),
    "variables": (dict, "an object"),
    "extensions": (dict, "an object"),
}


class Refusal(Exception):
    """Raised when a request is answered without GraphQL having its say."""

    def __init__(self, status: HTTPStatus, error: ClientError, **headers: str) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @classmethod
    def bad(
        cls, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST, **headers: str
    ) -> Refusal:
        """Return the refusal of what is not a request to GraphQL."""
        return cls(status, ClientError(Code.BAD_REQUEST, message, {}), **headers)

    def response(self, request: HttpRequest) -> HttpResponse:
        """Return the answer: shaped as GraphQL's, in the type that the client wants."""
        return HttpResponse(
            json_text.dumps({"errors": [self.error.formatted]}),
            status=self.status,
            content_type=f"{response_type(request) or PLAIN_JSON}; charset=utf-8",
            headers=self.headers,
        )


def response_type(request: HttpRequest) -> str | None:
    """Return the content type for the answer; None if the client can read neither."""
    return _preferred(request, (PLAIN_JSON, GRAPHQL_JSON))


def looks_for_page(request: HttpRequest) -> bool:
    """Whether this is a browser that comes for something to look at."""
    if request.method != "GET" or "query" in request.GET:
        return False
    return _preferred(request, (PLAIN_JSON, GRAPHQL_JSON, "text/html")) == "text/html"


def _preferred(request: HttpRequest, offers: Sequence[str]) -> str | None:
    """Return what the client would like best, and of several that are equally welcome the first.

    Not by Django's method of that name, to which `application/json; charset=utf-8` is another type.
    """
    for accepted in request.accepted_types:
        wanted = MediaType(f"{accepted.main_type}/{accepted.sub_type}")
        match = next((offer for offer in offers if wanted.match(offer)), None)
        if match is not None:
            return match
    return None


async def read_parameters(request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
    """Return the parameters of a request to GraphQL; raise Refusal for anything else."""
    if request.method == "GET":
        parameters: object = _query_parameters(request.query_params)
    elif _is_json(request.content_type):
        parameters = _loads(await _body(request), "The body")
    else:
        # Pages on other sites can send forms and plain text without being asked.
        message = f"The body must be {PLAIN_JSON}, in UTF-8."
        raise Refusal.bad(message, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if isinstance(parameters, list):
        raise Refusal.bad("Batches are not served: send one request for each operation.")
    if not isinstance(parameters, dict):
        raise Refusal.bad("The body must be a JSON object.")
    return _checked(parameters)


def _is_json(content_type: str | None) -> bool:
    given = MediaType(content_type or "")
    charset = given.params.get("charset", "utf-8").lower()
    is_json = (given.main_type, given.sub_type) == ("application", "json")
    return is_json and charset in ("utf-8", "utf8")


async def _body(request: AsyncHTTPRequestAdapter) -> bytes:
    try:
        return await request.get_body()
    except RequestDataTooBig:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        raise Refusal.bad("The body is too large.", status) from None
    except UnreadablePostError:
        raise Refusal.bad("The body broke off.") from None


def _loads(text: str | bytes, name: str) -> object:
    try:
        return json_text.loads(text)
    except ValueError:
        raise Refusal.bad(f"{name} is not JSON.") from None


def _query_parameters(query: Mapping[str, Any]) -> dict[str, object]:
    """Return the parameters of a GET request, of which two are JSON in their turn."""
    parameters: dict[str, object] = dict(query)
    for name in ("variables", "extensions"):
        text = parameters.pop(name, None)
        if text:
            parameters[name] = _loads(str(text), f"`{name}`")
    return parameters


def _checked(parameters: Mapping[str, Any]) -> GraphQLRequestData:
    for name, (kind, description) in _SHAPES.items():
        value = parameters.get(name)
        if value is not None and not isinstance(value, kind):
            raise Refusal.bad(f"`{name}` must be {description} or null.")
    if not parameters.get("query"):
        raise Refusal.bad("There is no `query`.")
    return GraphQLRequestData(
        query=parameters["query"],
        variables=parameters.get("variables"),
        operation_name=parameters.get("operationName") or None,
        extensions=parameters.get("extensions"),
    )
