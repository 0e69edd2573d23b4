"""The messages that clients send on a GraphQL socket, validated. No socket, no loop (sans-IO).

Both subprotocols are alike here: a message is an object with a `type`; what concerns an operation has its
`id`; what begins one has the request as its `payload`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from live_inbox_graphql.persisted_documents import is_persisted

MAX_ID_BYTES = 128
"""The longest id of an operation, in bytes of UTF-8: every message about the operation repeats it."""


class InvalidMessage(ValueError):
    """Raised for an invalid message: the socket has to be closed."""


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """An operation that a client requests."""

    id: str
    query: str
    """Empty for a persisted document."""
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None = None


def message_type(message: object) -> str:
    """Return the type of a message."""
    if not isinstance(message, dict):
        raise InvalidMessage("not an object")
    kind = message.get("type")
    if not isinstance(kind, str):
        raise InvalidMessage("no type")
    return kind


def init_payload(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters of `connection_init`. That they may be null is in the protocol."""
    payload = message.get("payload")
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise InvalidMessage("the payload is not an object")
    return payload


def operation_id(message: Mapping[str, Any]) -> str:
    """Return the id of the operation that a message is about."""
    value = message.get("id")
    if not isinstance(value, str) or not value:
        raise InvalidMessage("the id is not a string")
    if len(value) > MAX_ID_BYTES or len(value.encode(errors="surrogatepass")) > MAX_ID_BYTES:
        raise InvalidMessage(f"the id has more than {MAX_ID_BYTES} bytes")
    return value


def operation_request(message: Mapping[str, Any]) -> OperationRequest:
    """Return the operation that a message requests."""
    payload = message.get("payload")
    if not isinstance(payload, dict):
        raise InvalidMessage("the payload is not an object")
    extensions = payload.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise InvalidMessage("the extensions are not an object")
    query = payload.get("query")
    if query is None and is_persisted(extensions):
        query = ""
    if not isinstance(query, str):
        raise InvalidMessage("the query is not a string")
    variables = payload.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise InvalidMessage("the variables are not an object")
    name = payload.get("operationName")
    if name is not None and not isinstance(name, str):
        raise InvalidMessage("the operationName is not a string")
    return OperationRequest(
        operation_id(message),
        query,
        variables,
        name or None,
        extensions if is_persisted(extensions) else None,
    )
