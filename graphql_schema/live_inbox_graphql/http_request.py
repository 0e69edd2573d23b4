"""Reads GraphQL requests over HTTP: content negotiation, the parameters, and the errors for bad requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.request import MediaType

from live_inbox.conf import inbox_settings
from live_inbox_graphql import json_text
from live_inbox_graphql.errors import ClientError, Code
from live_inbox_graphql.persisted_documents import is_persisted

PLAIN_JSON = "application/json"
"""The older response type: the status is 200 even if GraphQL refused the request."""
GRAPHQL_JSON = "application/graphql-response+json"
"""The response type of the GraphQL over HTTP specification: the status is 400 if GraphQL refused the request."""

MAX_TYPE_CHARACTERS = 1024
"""Of the headers Accept and Content-Type. Those of browsers have some hundred."""

_PARAMETER_TYPES = {
    "query": (str, "a string"),
    "operationName": (str, "a string"),
    "variables": (dict, "an object"),
    "extensions": (dict, "an object"),
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one GraphQL request."""

    query: str
    """Empty for a persisted document."""
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None = None


class HttpError(Exception):
    """Raised to answer a request with an HTTP error instead of a GraphQL result."""

    def __init__(self, status: HTTPStatus, error: ClientError, **headers: str) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @classmethod
    def bad(
        cls, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST, **headers: str
    ) -> HttpError:
        """Return the error for a request that is not a valid GraphQL request (`BAD_REQUEST`)."""
        return cls(status, ClientError(Code.BAD_REQUEST, message, {}), **headers)

    def response(self, request: HttpRequest) -> HttpResponse:
        """Return the response: the body of a GraphQL error, in the type that the client prefers."""
        return HttpResponse(
            json_text.dumps({"errors": [self.error.formatted]}),
            status=self.status,
            content_type=f"{response_type(request) or PLAIN_JSON}; charset=utf-8",
            headers=self.headers,
        )


def response_type(request: HttpRequest) -> str | None:
    """Return the content type of the response; None if the client accepts none that this API has."""
    return _preferred(request, (PLAIN_JSON, GRAPHQL_JSON))


def accepts_html(request: HttpRequest) -> bool:
    """Whether a browser asks for a page: a GET without `query` that prefers HTML."""
    if request.method != "GET" or "query" in request.GET:
        return False
    return _preferred(request, (PLAIN_JSON, GRAPHQL_JSON, "text/html")) == "text/html"


def _preferred(request: HttpRequest, offers: Sequence[str]) -> str | None:
    """Return the offer that the client prefers; among equally preferred ones the first.

    Django's `get_preferred_type` treats `application/json; charset=utf-8` as a different type.
    """
    if accept_is_too_long(request):
        return None
    for accepted in request.accepted_types:
        wanted = MediaType(f"{accepted.main_type}/{accepted.sub_type}")
        match = next((offer for offer in offers if wanted.match(offer)), None)
        if match is not None:
            return match
    return None


def read_parameters(request: HttpRequest) -> Parameters:
    """Return the parameters of a GraphQL request; raise HttpError for any other request."""
    if request.method == "GET":
        parameters: object = _query_parameters(request)
    elif _is_json(request.headers.get("Content-Type", "")):
        parameters = _loads(_body(request), "The body")
    else:
        # Pages on other sites can send forms and plain text without a CORS preflight.
        message = f"The body must be {PLAIN_JSON}, in UTF-8."
        raise HttpError.bad(message, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if isinstance(parameters, list):
        raise HttpError.bad("Batches are not supported: send one request for each operation.")
    if not isinstance(parameters, dict):
        raise HttpError.bad("The body must be a JSON object.")
    return _checked(parameters)


def accept_is_too_long(request: HttpRequest) -> bool:
    """Whether the client lists more types than are read: Django takes long for them."""
    return len(request.META.get("HTTP_ACCEPT", "")) > MAX_TYPE_CHARACTERS


def _is_json(content_type: str) -> bool:
    if len(content_type) > MAX_TYPE_CHARACTERS:
        return False
    given = MediaType(content_type)
    charset = given.params.get("charset", "utf-8").lower()
    is_json = (given.main_type, given.sub_type) == ("application", "json")
    return is_json and charset in ("utf-8", "utf8")


def _body(request: HttpRequest) -> bytes:
    longest = inbox_settings().max_request_bytes
    try:
        # Not read into memory if it says that it is too large.
        body = b"" if _length(request) > longest else request.body
    except RequestDataTooBig:
        raise _too_large() from None
    except UnreadablePostError:
        raise HttpError.bad("The body is incomplete.") from None
    if max(_length(request), len(body)) > longest:
        raise _too_large()
    return body


def _length(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdecimal() and len(text) < 20 else 0


def _too_large() -> HttpError:
    return HttpError.bad("The body is too large.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _loads(text: str | bytes, name: str) -> object:
    try:
        return json_text.loads(text)
    except ValueError:
        raise HttpError.bad(f"{name} is not JSON.") from None


def _query_parameters(request: HttpRequest) -> dict[str, object]:
    """Return the parameters of a GET request; `variables` and `extensions` are JSON within it."""
    parameters: dict[str, object] = dict(request.GET.items())
    for name in ("variables", "extensions"):
        text = parameters.pop(name, None)
        if text:
            parameters[name] = _loads(str(text), f"`{name}`")
    return parameters


def _checked(parameters: Mapping[str, Any]) -> Parameters:
    for name, (kind, description) in _PARAMETER_TYPES.items():
        value = parameters.get(name)
        if value is not None and not isinstance(value, kind):
            raise HttpError.bad(f"`{name}` must be {description} or null.")
    extensions = parameters.get("extensions")
    if not parameters.get("query") and not is_persisted(extensions):
        raise HttpError.bad("`query` is missing.")
    return Parameters(
        query=parameters.get("query") or "",
        variables=parameters.get("variables"),
        operation_name=parameters.get("operationName") or None,
        extensions=extensions,
    )
