"""Reads GraphQL requests over HTTP: their parameters, of a body or of a query string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from live_inbox_graphql import json_text
from live_inbox_graphql.http_answers import HttpError
from live_inbox_graphql.media_types import (
    GRAPHQL_JSON,
    PLAIN_JSON,
    is_json,
    is_too_long,
    response_type,
)
from live_inbox_graphql.persisted_documents import is_persisted

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


def negotiated_type(accept: str) -> str:
    """Return the type of the answer. Raises HttpError: 431 for a header that is too long, 406 for no type of ours."""
    if is_too_long(accept):
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        raise HttpError.bad("The header Accept is too long.", status)
    negotiated = response_type(accept)
    if negotiated is None:
        message = f"Responses are {GRAPHQL_JSON} or {PLAIN_JSON}."
        raise HttpError.bad(message, HTTPStatus.NOT_ACCEPTABLE)
    return negotiated


def check_content_type(content_type: str) -> None:
    """Raise HttpError (415) for a body that is not JSON in UTF-8."""
    if not is_json(content_type):
        # Pages on other sites can send forms and plain text without a CORS preflight.
        message = f"The body must be {PLAIN_JSON}, in UTF-8."
        raise HttpError.bad(message, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def parameters_of_body(body: bytes) -> Parameters:
    """Return the parameters in the body of a POST. Raises HttpError."""
    parameters = _loads(body, "The body")
    if isinstance(parameters, list):
        raise HttpError.bad("Batches are not supported: send one request for each operation.")
    if not isinstance(parameters, dict):
        raise HttpError.bad("The body must be a JSON object.")
    return _checked(parameters)


def parameters_of_query(fields: Mapping[str, object]) -> Parameters:
    """Return the parameters in the query string of a GET: `variables` and `extensions` are JSON. Raises HttpError."""
    parameters = dict(fields)
    for name in ("variables", "extensions"):
        text = parameters.pop(name, None)
        if text:
            parameters[name] = _loads(str(text), f"`{name}`")
    return _checked(parameters)


def body_too_large() -> HttpError:
    """Return the error for a body beyond MAX_REQUEST_BYTES."""
    return HttpError.bad("The body is too large.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def body_incomplete() -> HttpError:
    """Return the error for a body that broke off."""
    return HttpError.bad("The body is incomplete.")


def _loads(text: str | bytes, name: str) -> object:
    try:
        return json_text.loads(text)
    except ValueError:
        raise HttpError.bad(f"{name} is not JSON.") from None


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
