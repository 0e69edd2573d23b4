"""The short answers with which a server refuses requests that no view sees: JSON in the form of a GraphQL error.

The address of such a request may not be known yet, so all have one form. docs/operating/connections.md has the table.
"""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus

from live_inbox.sockets.asgi import Send

_MESSAGES = {
    HTTPStatus.BAD_REQUEST: "The request is not valid.",
    HTTPStatus.REQUEST_TIMEOUT: "The request did not arrive in time.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.REQUEST_URI_TOO_LONG: "The address is too long.",
    HTTPStatus.UPGRADE_REQUIRED: "This address is for WebSockets; the request was not an upgrade to one.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests or connections.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The header is too large.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The server has too many connections.",
}
_CODES = {
    HTTPStatus.TOO_MANY_REQUESTS: "RATE_LIMITED",
    HTTPStatus.SERVICE_UNAVAILABLE: "SERVICE_UNAVAILABLE",
}
"""The error codes of the GraphQL API. Of the others, it is BAD_REQUEST."""

_OF_NO_PAGE = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
)
"""A page must not find a document of its own origin that has no policy."""

CONTENT_TYPE = "application/json; charset=utf-8"
RETRY_SECONDS = 5
"""When a client may try again that was refused because there is too much."""


@cache
def refusal_body(status: HTTPStatus) -> bytes:
    """Return the body of the answer."""
    code = _CODES.get(status, "BAD_REQUEST")
    error = {"message": _MESSAGES[status], "extensions": {"code": code}}
    return json.dumps({"errors": [error]}).encode()


@cache
def refusal_headers(status: HTTPStatus) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of the answer, in lower case."""
    headers = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", b"%d" % len(refusal_body(status))),
        (b"cache-control", b"no-store"),
        *_OF_NO_PAGE,
    ]
    if status in _CODES:
        headers.append((b"retry-after", b"%d" % RETRY_SECONDS))
    return tuple(headers)


@cache
def refusal_response(status: HTTPStatus) -> bytes:
    """Return the whole answer, after which the connection is closed."""
    fields = b"".join(b"%b: %b\r\n" % field for field in refusal_headers(status))
    return b"HTTP/1.1 %d %b\r\n%bconnection: close\r\n\r\n%b" % (
        status,
        status.phrase.encode(),
        fields,
        refusal_body(status),
    )


async def refuse_request(send: Send, status: HTTPStatus) -> None:
    """Answer an HTTP request, and have the server close its connection."""
    await _answer(send, "http.response", status, (b"connection", b"close"))


async def refuse_handshake(send: Send, status: HTTPStatus) -> None:
    """Answer the handshake of a WebSocket, on servers that have the extension `websocket.http.response`."""
    await _answer(send, "websocket.http.response", status)


async def _answer(send: Send, kind: str, status: HTTPStatus, *more: tuple[bytes, bytes]) -> None:
    headers = [*refusal_headers(status), *more]
    await send({"type": f"{kind}.start", "status": status.value, "headers": headers})
    await send({"type": f"{kind}.body", "body": refusal_body(status)})
