"""A Strawberry schema as our view and our sockets serve it: limits, coded errors, compiled subscriptions."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import strawberry
from graphql import DocumentNode, GraphQLError, OperationType, get_operation_ast
from strawberry.extensions import SchemaExtension
from strawberry.types.execution import ExecutionContext, ExecutionResult, PreExecutionError

from live_inbox.conf import inbox_settings
from live_inbox.delivery.hub import HubClosed
from live_inbox.internals.strawberry_schema import core_schema, validate_document
from live_inbox_graphql.compiled.loading import compilers
from live_inbox_graphql.compiled.rendering import CompiledSubscription
from live_inbox_graphql.document_thread import MOST_INLINE, DocumentThread
from live_inbox_graphql.document_turns import turn_of_document
from live_inbox_graphql.documents import (
    DocumentCache,
    Documents,
    LimitedDocuments,
    has_several_operations,
)
from live_inbox_graphql.errors import as_clients_see, is_about_request
from live_inbox_graphql.introspection import without_suggestions
from live_inbox_graphql.messages import OperationRequest
from live_inbox_graphql.operation_rate import CHARACTERS_EACH, NEW_DOCUMENT
from live_inbox_graphql.persisted_documents import PersistedDocuments

if TYPE_CHECKING:
    from live_inbox_graphql.compiled.mutations import CompiledMutation
    from live_inbox_graphql.compiled.queries import CompiledQuery


class ServedSchema:
    """Executes operations of a schema: our own, or a project's, which has our types in it.

    A project's extensions run for every operation. Nobody knows what they do, so with any of them no document counts
    as valid because it was valid before, and no subscription is compiled (unless COMPILE_DESPITE_EXTENSIONS is on).

    Errors of a project's own fields are left to the project.
    """

    def __init__(self, schema: strawberry.Schema, *, is_own: bool = False) -> None:
        self._cache = DocumentCache()
        self._is_own = is_own
        self.persisted: Final = PersistedDocuments()
        # Our own has none but those that an instrumentation adds to every schema, as Sentry's does: with them,
        # nothing would be compiled.
        self._extensions = () if is_own else tuple(schema.extensions)
        self._has_extensions = bool(self._extensions)
        self.schema: Final = self._with_documents(schema)
        self._core = core_schema(schema)
        self._thread = DocumentThread(self._core)
        self._compilers = compilers(self._core)

    def _with_documents(self, schema: strawberry.Schema) -> strawberry.Schema:
        """Return a copy: the project may serve its schema elsewhere, too, without our limits."""
        served = copy.copy(schema)
        served.extensions = (self._documents, *self._extensions)
        if self._is_own:
            # Errors are logged where they are masked.
            served.process_errors = _log_nothing  # type: ignore[method-assign]
        return served

    def _documents(self) -> SchemaExtension:
        return LimitedDocuments() if self._has_extensions else Documents(self._cache)

    def has_checked(self, text: str) -> bool:
        """Whether a document was found to be valid before, so that it is not parsed again."""
        return not self._has_extensions and self._cache.get(text) is not None

    def weight(self, text: str) -> int:
        """Return what a document takes of its caller's allowance: more if it has to be parsed and validated."""
        is_known = self._has_extensions or self._cache.get(text) is not None
        return 1 if is_known else NEW_DOCUMENT + len(text) // CHARACTERS_EACH

    async def examine(self, text: str) -> None:
        """Have a document that is new parsed and checked in a thread, or wait for its turn if it is short.

        What follows finds the result, or parses and checks it at once. A project's extensions may do so in ways of
        their own, so with any of them Strawberry does it.
        """
        if self._has_extensions or validate_document is None or self._cache.has_examined(text):
            return
        if len(text) <= MOST_INLINE:
            await turn_of_document()
        else:
            self._cache.note(text, await self._thread.examine(text))

    def is_subscription(self, request: OperationRequest) -> bool:
        """Whether a request is a subscription."""
        document = self._cache.parsed(request.query)
        operation = document and get_operation_ast(document, request.operation_name)
        return bool(operation and operation.operation is OperationType.SUBSCRIPTION)

    def operation_type(self, query: str, operation_name: str | None) -> str | None:
        """Return `query`, `mutation` or `subscription`; None for a document that is not GraphQL."""
        document = self._cache.parsed(query)
        operation = document and get_operation_ast(document, operation_name)
        return operation.operation.value if operation else None

    def compiled(self, request: OperationRequest) -> CompiledSubscription | None:
        """Return the compiled subscription; None for a request that only `stream` can execute."""
        if self._compilers is None or not self._may_compile():
            return None
        document = self._named_document(request.query, request.operation_name)
        if document is None:
            return None
        compiler = self._compilers.subscriptions
        return compiler.compile(document, request.operation_name, request.variables)

    def compiled_query(
        self, query: str, operation_name: str | None, variables: Mapping[str, Any] | None
    ) -> CompiledQuery | None:
        """Return the compiled query; None for a request that only `execute` or `stream` can execute."""
        document = self._remembered_document(query, operation_name)
        if self._compilers is None or document is None:
            return None
        return self._compilers.queries.compile(document, operation_name, variables)

    def compiled_mutation(
        self, query: str, operation_name: str | None, variables: Mapping[str, Any] | None
    ) -> CompiledMutation | None:
        """Return the compiled mutation; None for a request that only `execute` or `stream` can execute."""
        document = self._remembered_document(query, operation_name)
        if self._compilers is None or document is None:
            return None
        return self._compilers.mutations.compile(document, operation_name, variables)

    def _remembered_document(self, query: str, operation_name: str | None) -> DocumentNode | None:
        """Return a valid document that may be compiled; None for others."""
        if self._compilers is None or self._has_extensions or not inbox_settings().fast_path:
            return None
        document = self._named_document(query, operation_name)
        # What is not remembered would be compiled each time.
        return None if document is None or document is not self._cache.get(query) else document

    def _named_document(self, query: str, operation_name: str | None) -> DocumentNode | None:
        """Return a valid document; None if it is not, or if the request has to name the operation."""
        document = self._cache.document(self._core, query)
        if document is None or (operation_name is None and has_several_operations(document)):
            return None
        return document

    def _may_compile(self) -> bool:
        return not self._has_extensions or inbox_settings().compile_despite_extensions

    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Run a query or mutation. A result without a single field is a PreExecutionError."""
        return self._fit(await self.schema.execute(*args, **kwargs))

    async def stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[ExecutionResult, None]:
        """Run any operation. A PreExecutionError is the last result: there is nothing, or no more, to come.

        Raises HubClosed when the server stops, so that the transport can tell clients to come back.
        """
        return self._fit_all(await self.schema.stream(*args, **kwargs))

    async def _fit_all(
        self, results: AsyncGenerator[Any, None]
    ) -> AsyncGenerator[ExecutionResult, None]:
        try:
            async with aclosing(results):
                async for result in results:
                    _raise_if_stopped(result)
                    fit = self._fit(result)
                    yield fit
                    if isinstance(fit, PreExecutionError):
                        return
        except HubClosed:
            raise
        except Exception as error:
            # Not a fault of the operation but of its setup, or no GraphQL. To end without a message would be worse.
            shown = (
                error
                if isinstance(error, GraphQLError)
                else GraphQLError(str(error), original_error=error)
            )
            yield self._fit(PreExecutionError(None, [shown]))

    def _fit(self, result: ExecutionResult) -> ExecutionResult:
        """Return the result with the errors that clients see.

        Without data, an error that belongs to no field means that the request was refused or, in a stream, that
        its source has failed.
        """
        if not result.errors:
            return result
        is_final = result.data is None and any(error.path is None for error in result.errors)
        errors = [self._seen(error) for error in result.errors]
        if is_final or isinstance(result, PreExecutionError):
            return PreExecutionError(data=None, errors=errors, extensions=result.extensions)
        return ExecutionResult(data=result.data, errors=errors, extensions=result.extensions)

    def _seen(self, error: GraphQLError) -> GraphQLError:
        if self._is_own or is_about_request(error):
            return without_suggestions(as_clients_see(error))
        return error


def _log_nothing(
    errors: list[GraphQLError], execution_context: ExecutionContext | None = None
) -> None:
    """Stand for `strawberry.Schema.process_errors`."""


def _raise_if_stopped(result: ExecutionResult) -> None:
    for error in result.errors or ():
        if isinstance(error.original_error, HubClosed):
            raise error.original_error
