"""The errors that clients receive: one table of codes, and the mapping from exceptions to them.

An exception that is not in the table is an internal error: the client receives an id, and the log has that id with
the traceback.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from graphql import (
    ArgumentNode,
    GraphQLError,
    GraphQLSyntaxError,
    VariableDefinitionNode,
    VariableNode,
)
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from live_inbox import metrics
from live_inbox.database_errors import MESSAGES, kind_of
from live_inbox.delivery.hub import HubClosed
from live_inbox.errors import InvalidInput, NotificationError, RateLimited
from live_inbox.faults import RecurringFault
from live_inbox.identity.errors import AuthenticationFailed
from live_inbox.services import SenderDeleted, SendManyCancelled, SendManyInterrupted

logger = logging.getLogger(__name__)


class Code(StrEnum):
    """The value of `extensions.code`. The codes for errors of GraphQL itself are the ones that Apollo uses."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    """There are no credentials, or they are not accepted. `reason` is the cause, such as `expired`."""
    FORBIDDEN = "FORBIDDEN"
    """The caller lacks the permission, or the token the scope."""
    NOT_FOUND = "NOT_FOUND"
    """The caller has no notification with this id. The same if another user has one."""
    BAD_USER_INPUT = "BAD_USER_INPUT"
    """A value is invalid. `field` is the path of the argument, or the name of the variable."""
    CONFLICT = "CONFLICT"
    """The idempotency key was used before with different content."""
    RATE_LIMITED = "RATE_LIMITED"
    """The rate limit is exceeded. Retry after `retryAfter` seconds."""
    TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
    """The socket has too many open operations. Complete one first."""
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    """What `reason` names is not available. Retry later; the operation may have been executed."""
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"
    """An error in the server. The log has the details under `errorId`."""
    BAD_REQUEST = "BAD_REQUEST"
    """Not a GraphQL request, or an operation that this transport does not support."""
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    """The document is not GraphQL."""
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    """The document does not match the schema, or exceeds a limit."""
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    """The server does not know the document of this hash. Send the text beside the hash."""
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    """The server does not know this way to name a document. Send the text alone."""
    PERSISTED_QUERY_NOT_IN_LIST = "PERSISTED_QUERY_NOT_IN_LIST"
    """The document is not among those that this server executes."""
    MAX_COST_EXCEEDED = "MAX_COST_EXCEEDED"
    """The operation has a `cost` above the `limit`, and was not executed. Ask for shorter lists or fewer fields."""
    RESPONSE_TOO_LARGE = "RESPONSE_TOO_LARGE"
    """The result has more bytes than the `limit`. A mutation was executed all the same."""
    OPERATION_RESOLUTION_FAILURE = "OPERATION_RESOLUTION_FAILURE"
    """The document has no operation with this name."""


@dataclass(frozen=True, slots=True)
class ClientError:
    """The error that a client receives for an exception."""

    code: Code
    message: str
    details: dict[str, Any]

    @property
    def extensions(self) -> dict[str, Any]:
        """The extensions of the GraphQL error."""
        return {"code": self.code.value, **self.details}

    @property
    def formatted(self) -> dict[str, Any]:
        """The error as a JSON object, for errors outside an operation."""
        return {"message": self.message, "extensions": self.extensions}


def _authentication(error: AuthenticationFailed) -> ClientError:
    # The token may well be valid then, so a client must not sign its user out.
    is_temporary = error.reason.is_temporary
    code = Code.SERVICE_UNAVAILABLE if is_temporary else Code.UNAUTHENTICATED
    return ClientError(code, error.message, {"reason": error.reason.value})


def _operation_resolution(error: Exception) -> ClientError:
    message = "The document has no operation, or none with this name."
    return ClientError(Code.OPERATION_RESOLUTION_FAILURE, message, {})


def _wrong_operation_type(error: Exception) -> ClientError:
    return ClientError(
        Code.BAD_REQUEST, "This transport does not support this type of operation.", {}
    )


_database = RecurringFault("database (GraphQL)", metrics.DATABASE_FAULTS.labels("graphql"))


def _unavailable(error: Exception) -> ClientError:
    # No traceback for each: when the database is down, every request fails.
    _database.report(error)
    kind = kind_of(error)
    return ClientError(Code.SERVICE_UNAVAILABLE, MESSAGES[kind], {"reason": kind.value})


def _interrupted(error: SendManyInterrupted) -> ClientError:
    _database.report(error)
    details = {"reason": kind_of(error).value, **_progress(error)}
    return ClientError(Code.SERVICE_UNAVAILABLE, str(error), details)


def _sender_deleted(error: SenderDeleted) -> ClientError:
    return ClientError(Code(error.code), error.message, {"field": error.field, **_progress(error)})


def _cancelled(error: SendManyCancelled) -> ClientError:
    return ClientError(Code(error.code), error.message, _progress(error))


def _progress(error: SendManyInterrupted | SenderDeleted | SendManyCancelled) -> dict[str, int]:
    return {"sentCount": error.progress.reached, "remainingCount": error.remaining}


_Kinds = type[Exception] | tuple[type[Exception], ...]

_TABLE: Sequence[tuple[_Kinds, Callable[[Any], ClientError]]] = (
    (SenderDeleted, _sender_deleted),
    (InvalidInput, lambda e: ClientError(Code(e.code), e.message, {"field": e.field})),
    (
        RateLimited,
        lambda e: ClientError(Code(e.code), e.message, {"retryAfter": round(e.retry_after, 3)}),
    ),
    (SendManyCancelled, _cancelled),
    (NotificationError, lambda e: ClientError(Code(e.code), e.message, {})),
    (AuthenticationFailed, _authentication),
    (SendManyInterrupted, _interrupted),
    (CannotGetOperationTypeError, _operation_resolution),
    (InvalidOperationTypeError, _wrong_operation_type),
    (MissingQueryError, lambda e: ClientError(Code.BAD_REQUEST, "`query` is missing.", {})),
    # Only where others serve the subscription: our sockets are closed instead.
    (
        HubClosed,
        lambda e: ClientError(
            Code.SERVICE_UNAVAILABLE,
            "The server stops. Subscribe again after the last position.",
            {"reason": "restart"},
        ),
    ),
    (
        RecursionError,
        lambda e: ClientError(Code.GRAPHQL_PARSE_FAILED, "The document is nested too deeply.", {}),
    ),
)


def client_error(error: Exception) -> ClientError:
    """Return the error that clients receive for an exception. An unexpected one is logged under its `errorId`."""
    for kinds, show in _TABLE:
        if isinstance(error, kinds):
            return show(error)
    if kind_of(error).is_temporary:
        return _unavailable(error)
    error_id = uuid.uuid4().hex
    logger.error("GraphQL failed (error id %s).", error_id, exc_info=error)
    return ClientError(Code.INTERNAL_SERVER_ERROR, "Internal server error", {"errorId": error_id})


TOO_MANY_OPERATIONS = ClientError(
    Code.TOO_MANY_OPERATIONS, "This socket has too many operations open. Complete one first.", {}
)


def too_large(limit: int) -> GraphQLError:
    """Return the error in place of a result that has more bytes than the limit."""
    return GraphQLError(
        f"The result has more than {limit} bytes. Ask for shorter lists or fewer fields.",
        extensions={"code": Code.RESPONSE_TOO_LARGE.value, "limit": limit},
    )


def mark_invalid(errors: Iterable[GraphQLError]) -> list[GraphQLError]:
    """Set the code of validation errors that have none, and return them."""
    marked = list(errors)
    for error in marked:
        if "code" not in (error.extensions or {}):
            error.extensions = {"code": Code.GRAPHQL_VALIDATION_FAILED.value}
    return marked


def as_clients_see(error: GraphQLError) -> GraphQLError:
    """Return the error with its code and without internal details."""
    if "code" in (error.extensions or {}):
        return error
    shown = _client_error_of(error)
    return GraphQLError(
        shown.message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=shown.extensions,
    )


def is_about_request(error: GraphQLError) -> bool:
    """Whether an error is about the request or its arguments, and not about what a field did."""
    original = error.original_error
    return error.path is None or (isinstance(original, GraphQLError) and bool(original.nodes))


def as_clients_see_exception(error: Exception) -> GraphQLError:
    """Return the GraphQL error for an exception that was raised outside GraphQL."""
    if isinstance(error, GraphQLError):
        return as_clients_see(error)
    shown = client_error(error)
    return GraphQLError(shown.message, extensions=shown.extensions)


def _client_error_of(error: GraphQLError) -> ClientError:
    # Of other errors, graphql-core raises those about a result that does not have the type in the schema: with the path
    # of a field, and without a location in the document.
    original = error.original_error
    if original is not None and not (
        isinstance(original, GraphQLError) and is_about_request(error)
    ):
        return client_error(original)
    if isinstance(error, GraphQLSyntaxError):
        return ClientError(Code.GRAPHQL_PARSE_FAILED, error.message, {})
    return ClientError(Code.BAD_USER_INPUT, error.message, _named_field(error))


def _named_field(error: GraphQLError) -> dict[str, Any]:
    """Return the name of the variable or argument whose value is invalid, if the error has one."""
    for node in error.nodes or ():
        if isinstance(node, VariableDefinitionNode):
            return {"field": node.variable.name.value}
        if isinstance(node, ArgumentNode | VariableNode):
            return {"field": node.name.value}
    return {}
