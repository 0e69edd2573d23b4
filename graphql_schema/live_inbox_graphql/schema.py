"""The schema, composed of its types."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLError,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    Undefined,
    get_operation_ast,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.types.execution import ExecutionContext, ExecutionResult, PreExecutionError

from live_inbox.delivery.hub import HubClosed
from live_inbox.internals.strawberry_schema import core_schema
from live_inbox_graphql.compiled.loading import subscription_compiler
from live_inbox_graphql.compiled.rendering import CompiledSubscription
from live_inbox_graphql.documents import DocumentCache, Documents, has_several_operations
from live_inbox_graphql.errors import as_clients_see
from live_inbox_graphql.events import EVENT_TYPES
from live_inbox_graphql.messages import OperationRequest
from live_inbox_graphql.mutations import Mutation
from live_inbox_graphql.queries import Query
from live_inbox_graphql.scalars import SCALARS
from live_inbox_graphql.subscriptions import Subscription


class InboxSchema(strawberry.Schema):
    """A schema whose results can be sent to clients on any transport: errors are coded and masked."""

    def __init__(self, cache: DocumentCache, **kwargs: Any) -> None:
        super().__init__(extensions=[lambda: Documents(cache)], **kwargs)
        self._cache = cache
        self._core = core_schema(self)
        self._compiler = subscription_compiler(self._core)

    def is_subscription(self, request: OperationRequest) -> bool:
        """Whether a request is a valid subscription."""
        document = self._cache.document(self._core, request.query)
        operation = document and get_operation_ast(document, request.operation_name)
        return bool(operation and operation.operation is OperationType.SUBSCRIPTION)

    def compiled(self, request: OperationRequest) -> CompiledSubscription | None:
        """Return the compiled subscription; None for a request that only `stream` can execute."""
        if self._compiler is None:
            return None
        document = self._cache.document(self._core, request.query)
        if document is None or (
            request.operation_name is None and has_several_operations(document)
        ):
            return None
        return self._compiler.compile(document, request.operation_name, request.variables)

    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Run a query or mutation. A result without a single field is a PreExecutionError."""
        return _fit(await super().execute(*args, **kwargs))

    async def stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[ExecutionResult, None]:
        """Run any operation. A PreExecutionError is the last result: there is nothing, or no more, to come.

        Raises HubClosed when the server stops, so that the transport can tell clients to come back.
        """
        return _fit_all(await super().stream(*args, **kwargs))

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Log nothing: errors are logged where they are masked."""


async def _fit_all(results: AsyncGenerator[Any, None]) -> AsyncGenerator[ExecutionResult, None]:
    try:
        async with aclosing(results):
            async for result in results:
                _raise_if_stopped(result)
                fit = _fit(result)
                yield fit
                if isinstance(fit, PreExecutionError):
                    return
    except HubClosed:
        raise
    except Exception as error:
        # Not a fault of the operation but of its setup. To end without a message would be worse.
        yield _fit(PreExecutionError(None, [GraphQLError(str(error), original_error=error)]))


def _raise_if_stopped(result: ExecutionResult) -> None:
    for error in result.errors or ():
        if isinstance(error.original_error, HubClosed):
            raise error.original_error


def _fit(result: ExecutionResult) -> ExecutionResult:
    """Return the result with the errors that clients see.

    Without data, an error that belongs to no field means that the request was refused or, in a stream, that
    its source has failed.
    """
    if not result.errors:
        return result
    is_final = result.data is None and any(error.path is None for error in result.errors)
    errors = [as_clients_see(error) for error in result.errors]
    if is_final or isinstance(result, PreExecutionError):
        return PreExecutionError(data=None, errors=errors, extensions=result.extensions)
    return ExecutionResult(data=result.data, errors=errors, extensions=result.extensions)


def build() -> InboxSchema:
    """Create the schema, with its own cache of documents."""
    schema = InboxSchema(
        DocumentCache(),
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=EVENT_TYPES,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    _drop_null_defaults(core_schema(schema))
    return schema


def _drop_null_defaults(schema: GraphQLSchema) -> None:
    """Print `after: String`, not `after: String = null`: resolvers have their own defaults."""
    values: list[GraphQLArgument | GraphQLInputField] = []
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            values += kind.fields.values()
        elif isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            values += [value for field in kind.fields.values() for value in field.args.values()]
    for value in values:
        if value.default_value is None:
            value.default_value = Undefined


schema = build()


def sdl() -> str:
    """Return the schema as it is committed in `schema.graphql`."""
    return schema.as_str() + "\n"
