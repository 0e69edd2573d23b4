"""The errors that clients see: one table of codes, and what becomes of every exception.

An error that is not in the table is a fault of ours: clients learn an id, the log has the id and the traceback.
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
from live_inbox.database_threads import UNAVAILABLE_ERRORS
from live_inbox.errors import InvalidInput, NotificationError, RateLimited
from live_inbox.faults import RecurringFault
from live_inbox.identity.errors import AuthenticationFailed, Reason

logger = logging.getLogger(__name__)


class Code(StrEnum):
    """The value of `extensions.code`. Those of GraphQL itself are named as Apollo's clients know them."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    """Nobody, or nobody with access, is asking. `reason` says why in a word: `expired`, `revoked`, ..."""
    FORBIDDEN = "FORBIDDEN"
    """The caller may not do that."""
    NOT_FOUND = "NOT_FOUND"
    """The caller has no such notification; also when somebody else has."""
    BAD_USER_INPUT = "BAD_USER_INPUT"
    """A value is not acceptable. `field` is the path of the argument, or the name of the variable."""
    CONFLICT = "CONFLICT"
    """The idempotency key was used before for something else."""
    RATE_LIMITED = "RATE_LIMITED"
    """Too often. `retryAfter` is how many seconds to wait."""
    TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
    """The socket has too many operations open; complete one first."""
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    """The database does not answer, or the keys of tokens cannot be had: try again later. It may have been done."""
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"
    """A fault of the server. `errorId` finds it in the log."""
    BAD_REQUEST = "BAD_REQUEST"
    """Not a GraphQL request, or one that this transport does not serve."""
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    """The document is not GraphQL."""
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    """The document does not fit the schema, or exceeds the limits."""
    OPERATION_RESOLUTION_FAILURE = "OPERATION_RESOLUTION_FAILURE"
    """The document has no operation of that name."""


@dataclass(frozen=True, slots=True)
class ClientError:
    """What clients see of an exception."""

    code: Code
    message: str
    details: dict[str, Any]

    @property
    def extensions(self) -> dict[str, Any]:
        """The extensions of the GraphQL error."""
        return {"code": self.code.value, **self.details}

    @property
    def formatted(self) -> dict[str, Any]:
        """The error as JSON, where there is no operation that it belongs to."""
        return {"message": self.message, "extensions": self.extensions}


def _authentication(error: AuthenticationFailed) -> ClientError:
    # The keys that would tell are out of reach: no reason for a client to sign its user out.
    is_ours = error.reason is Reason.KEYS_UNAVAILABLE
    code = Code.SERVICE_UNAVAILABLE if is_ours else Code.UNAUTHENTICATED
    return ClientError(code, error.message, {"reason": error.reason.value})


def _operation(error: Exception) -> ClientError:
    message = "The document has no operation, or none of that name."
    return ClientError(Code.OPERATION_RESOLUTION_FAILURE, message, {})


def _unserved(error: Exception) -> ClientError:
    return ClientError(
        Code.BAD_REQUEST, "This transport does not serve operations of that kind.", {}
    )


_database = RecurringFault("database (GraphQL)", metrics.DATABASE_FAULTS.labels("graphql"))


def _unavailable(error: Exception) -> ClientError:
    # Not a fault of ours, each with its traceback: when the database goes away, all requests have one.
    _database.report(error)
    return ClientError(
        Code.SERVICE_UNAVAILABLE, "The database does not answer. Try again later.", {}
    )


_Kinds = type[Exception] | tuple[type[Exception], ...]

_TABLE: Sequence[tuple[_Kinds, Callable[[Any], ClientError]]] = (
    (InvalidInput, lambda e: ClientError(Code(e.code), e.message, {"field": e.field})),
    (
        RateLimited,
        lambda e: ClientError(Code(e.code), e.message, {"retryAfter": round(e.retry_after, 3)}),
    ),
    (NotificationError, lambda e: ClientError(Code(e.code), e.message, {})),
    (AuthenticationFailed, _authentication),
    (CannotGetOperationTypeError, _operation),
    (InvalidOperationTypeError, _unserved),
    (MissingQueryError, lambda e: ClientError(Code.BAD_REQUEST, "`query` is missing.", {})),
    (UNAVAILABLE_ERRORS, _unavailable),
    (
        RecursionError,
        lambda e: ClientError(Code.GRAPHQL_PARSE_FAILED, "It is nested too deeply.", {}),
    ),
)


def client_error(error: Exception) -> ClientError:
    """Return what clients see of an exception. One that nobody expected is logged, with the id that they see."""
    for kinds, show in _TABLE:
        if isinstance(error, kinds):
            return show(error)
    error_id = uuid.uuid4().hex
    logger.error("GraphQL failed (error id %s).", error_id, exc_info=error)
    return ClientError(Code.INTERNAL_SERVER_ERROR, "Internal server error", {"errorId": error_id})


TOO_MANY_OPERATIONS = ClientError(
    Code.TOO_MANY_OPERATIONS, "This socket has too many operations open. Complete one first.", {}
)


def mark_invalid(errors: Iterable[GraphQLError]) -> list[GraphQLError]:
    """Give the errors of a document their code."""
    marked = list(errors)
    for error in marked:
        error.extensions = {"code": Code.GRAPHQL_VALIDATION_FAILED.value}
    return marked


def as_clients_see(error: GraphQLError) -> GraphQLError:
    """Return the error with its code, and without anything that is not meant for clients."""
    if "code" in (error.extensions or {}):
        return error
    seen = _shown_of(error)
    return GraphQLError(
        seen.message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=seen.extensions,
    )


def as_clients_see_exception(error: Exception) -> GraphQLError:
    """Return the error for an exception that did not come out of GraphQL."""
    seen = client_error(error)
    return GraphQLError(seen.message, extensions=seen.extensions)


def _shown_of(error: GraphQLError) -> ClientError:
    original = error.original_error
    if original is not None and not (isinstance(original, GraphQLError) and _is_of_input(error)):
        return client_error(original)
    if isinstance(error, GraphQLSyntaxError):
        return ClientError(Code.GRAPHQL_PARSE_FAILED, error.message, {})
    return ClientError(Code.BAD_USER_INPUT, error.message, _named_field(error))


def _is_of_input(error: GraphQLError) -> bool:
    """Whether an error of graphql-core is about what the client gave.

    If not, it is about a result that has not the type that the schema promises: such an error is
    raised without a place in the document, and belongs to a field.
    """
    original = error.original_error
    return error.path is None or (isinstance(original, GraphQLError) and bool(original.nodes))


def _named_field(error: GraphQLError) -> dict[str, Any]:
    """Return the name of the variable or argument whose value is wrong, if GraphQL tells."""
    for node in error.nodes or ():
        if isinstance(node, VariableDefinitionNode):
            return {"field": node.variable.name.value}
        if isinstance(node, ArgumentNode | VariableNode):
            return {"field": node.name.value}
    return {}
