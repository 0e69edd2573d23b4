"""Loads the compiled selections, where graphql-core has the internals that they rely on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from graphql import DocumentNode, GraphQLSchema

from live_inbox_graphql.compiled.rendering import CompiledSubscription

if TYPE_CHECKING:
    # It relies on the internals.
    from live_inbox_graphql.compiled.mutations import CompiledMutation
    from live_inbox_graphql.compiled.queries import CompiledQuery

logger = logging.getLogger(__name__)


class SubscriptionCompiler(Protocol):
    """Compiles subscriptions: `live_inbox_graphql.compiled.subscriptions.CompiledSubscriptions`."""

    def compile(
        self,
        document: DocumentNode,
        operation_name: str | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> CompiledSubscription | None:
        """Return what a request asks for, or None to leave it to graphql-core."""


class QueryCompiler(Protocol):
    """Compiles queries: `live_inbox_graphql.compiled.queries.CompiledQueries`."""

    def compile(
        self,
        document: DocumentNode,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
    ) -> CompiledQuery | None:
        """Return what a request asks for, or None to leave it to graphql-core."""


class MutationCompiler(Protocol):
    """Compiles mutations: `live_inbox_graphql.compiled.mutations.CompiledMutations`."""

    def compile(
        self,
        document: DocumentNode,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
    ) -> CompiledMutation | None:
        """Return what a request asks for, or None to leave it to graphql-core."""


class Compilers(NamedTuple):
    """The compilers of one schema."""

    subscriptions: SubscriptionCompiler
    queries: QueryCompiler
    mutations: MutationCompiler


def compilers(schema: GraphQLSchema) -> Compilers | None:
    """Return the compilers for a schema; None, with a warning in the log, if graphql-core's internals have changed."""
    try:
        from live_inbox_graphql.compiled.mutations import CompiledMutations
        from live_inbox_graphql.compiled.queries import CompiledQueries
        from live_inbox_graphql.compiled.subscriptions import CompiledSubscriptions
    except (ImportError, AttributeError):
        logger.warning(
            "This version of graphql-core does not fit the compiled selections; graphql-core executes every "
            "operation, which costs more time for each event, each list and each change.",
            exc_info=True,
        )
        return None
    return Compilers(
        CompiledSubscriptions(schema), CompiledQueries(schema), CompiledMutations(schema)
    )
