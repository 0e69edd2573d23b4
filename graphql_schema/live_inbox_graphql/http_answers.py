"""Answers to GraphQL requests over HTTP: results and errors, with their status, as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil

from strawberry.http import process_result
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from live_inbox.conf import inbox_settings
from live_inbox_graphql import json_text
from live_inbox_graphql.errors import ClientError, Code, too_large
from live_inbox_graphql.event_stream_format import only_result
from live_inbox_graphql.media_types import (
    EVENT_STREAM,
    GRAPHQL_JSON,
    PLAIN_JSON,
    response_type,
)

VARY = "Accept, Authorization, Cookie, Origin"
"""The headers of a request on which the answer depends."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: JSON in UTF-8, and headers beside those that every answer has."""

    body: bytes
    media_type: str = PLAIN_JSON
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content_type(self) -> str:
        """The value of the header Content-Type."""
        return f"{self.media_type}; charset=utf-8"


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

    def answer(self, accept: str) -> Answer:
        """Return the answer: the body of a GraphQL error, in the type that the client prefers."""
        body = json_text.dumps({"errors": [self.error.formatted]})
        return Answer(body, response_type(accept) or PLAIN_JSON, self.status, self.headers)


def server_error(error: ClientError) -> HttpError:
    """Return the error for a fault that is not the client's, by its code."""
    if error.code is Code.SERVICE_UNAVAILABLE:
        return HttpError(HTTPStatus.SERVICE_UNAVAILABLE, error, Retry_After="5")
    return HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, error)


def unauthenticated(error: ClientError) -> HttpError:
    """Return the error for credentials that are not accepted."""
    if error.code is Code.SERVICE_UNAVAILABLE:
        return server_error(error)
    challenge = f'Bearer error="invalid_token", error_description="{error.message}"'
    return HttpError(HTTPStatus.UNAUTHORIZED, error, WWW_Authenticate=challenge)


def wrong_method(operation_type: OperationType) -> HttpError:
    """Return the error for an operation that the method of the request does not allow."""
    if operation_type is OperationType.SUBSCRIPTION:
        return HttpError.bad(
            f"Subscriptions are served on a WebSocket at this address, or with Accept: {EVENT_STREAM}."
        )
    message = "Send mutations by POST."
    return HttpError.bad(message, HTTPStatus.METHOD_NOT_ALLOWED, Allow="POST")


def answer_result(result: ExecutionResult, media_type: str) -> Answer:
    """Return the answer. A request that was not executed has no `data`, not even null."""
    body = process_result(result)
    was_refused = isinstance(result, PreExecutionError)
    if was_refused:
        del body["data"]
    # Clients of persisted documents look into the body of a 200 only.
    is_bad_request = was_refused and media_type == GRAPHQL_JSON and not _is_about_persisted(result)
    wait = _wait(result) if was_refused else None
    if wait is not None:
        status, headers = HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(ceil(wait))}
    else:
        status, headers = HTTPStatus.BAD_REQUEST if is_bad_request else HTTPStatus.OK, {}
    return Answer(within_limit(json_text.dumps(body)), media_type, status, headers)


def as_event_stream(answer: Answer) -> Answer:
    """Return the answer as an event stream with one result."""
    return Answer(only_result(answer.body), EVENT_STREAM)


def within_limit(body: bytes) -> bytes:
    """Return the body of a result, or in its place that of an error if it is larger than MAX_RESPONSE_BYTES."""
    limit = inbox_settings().max_response_bytes
    if len(body) <= limit:
        return body
    return json_text.dumps({"data": None, "errors": [too_large(limit).formatted]})


def _wait(result: ExecutionResult) -> float | None:
    """Return the seconds to wait of a request that was refused because it came too fast."""
    waits = [(error.extensions or {}).get("retryAfter") for error in result.errors or ()]
    return next((wait for wait in waits if wait is not None), None)


def _is_about_persisted(result: ExecutionResult) -> bool:
    codes = {(error.extensions or {}).get("code") for error in result.errors or ()}
    return bool(codes & {Code.PERSISTED_QUERY_NOT_FOUND, Code.PERSISTED_QUERY_NOT_SUPPORTED})
