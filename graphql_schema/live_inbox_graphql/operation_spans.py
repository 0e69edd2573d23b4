"""Spans of GraphQL operations, on sockets and over HTTP (`live_inbox.tracing`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from graphql import GraphQLError

from live_inbox import tracing
from live_inbox.delivery.hub import HubClosed
from live_inbox.errors import NotificationError
from live_inbox.identity.errors import AuthenticationFailed
from live_inbox.log_context import operation_name as checked_name
from live_inbox_graphql.http_answers import HttpError
from live_inbox_graphql.served_schema import ServedSchema

if TYPE_CHECKING:
    from opentelemetry.context import Context as TraceContext

_UNKNOWN = "_OTHER"
"""What the conventions have for an error without a name."""


class OperationSpan:
    """The span of one operation: the current one while the operation runs."""

    def __init__(self, span: tracing.ActiveSpan) -> None:
        self._span = span

    def note_document(self, schema: ServedSchema, query: str, operation_name: str | None) -> None:
        """Note the type of the operation, once its document may be parsed."""
        if not self._span.is_recording:
            return
        operation_type = schema.operation_type(query, operation_name)
        self._span.set("graphql.operation.type", operation_type)
        if operation_type is not None:
            # Not with the operation's name: clients choose it, and there may be any number.
            self._span.rename(operation_type)

    def note_errors(self, errors: Iterable[GraphQLError]) -> None:
        """Note the code of the first of these errors; the operation has failed if one is the server's fault."""
        if not self._span.is_recording:
            return
        codes = [_code_of(error) for error in errors]
        ours = [code for code in codes if code in tracing.OUR_FAULTS]
        if codes:
            self._span.fail((ours or codes)[0], is_ours=bool(ours))

    def note_exception(self, error: Exception) -> None:
        """Note why the operation was not executed."""
        if isinstance(error, GraphQLError):
            self.note_errors([error])
        else:
            is_refusal = isinstance(error, NotificationError | AuthenticationFailed | HttpError)
            is_ours = not is_refusal and not isinstance(error, HubClosed)
            self._span.fail(type(error).__name__, is_ours=is_ours)


def _code_of(error: GraphQLError) -> str:
    return str((error.extensions or {}).get("code", _UNKNOWN))


@contextmanager
def operation_span(
    operation_name: str | None, parent: TraceContext | None
) -> Iterator[OperationSpan]:
    """Make the span of an operation the current one while in the block."""
    with tracing.operating(tracing.GRAPHQL_OPERATION, parent) as span:
        if span.is_recording:
            span.set("graphql.operation.name", checked_name(operation_name))
        operation = OperationSpan(span)
        try:
            yield operation
        except Exception as error:
            operation.note_exception(error)
            raise


def parent_of_request(request: Any) -> TraceContext | None:
    """Return the context that an HTTP request belongs to: of Django's request, or of a ScopeRequest."""
    if not tracing.is_on():
        return None
    if isinstance(request, HttpRequest):
        names = (b"traceparent", b"tracestate")
        given = [
            (name, request.headers.get(name.decode(), "").encode("latin-1", "replace"))
            for name in names
        ]
        return tracing.parent_of_headers(given)
    return tracing.parent_of_headers(request.scope["headers"])
