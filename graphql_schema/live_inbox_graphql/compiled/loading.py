"""Loads the compiled selections, where graphql-core has the internals that they rely on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from graphql import DocumentNode, GraphQLSchema

from live_inbox_graphql.compiled.rendering import CompiledSubscription

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


def subscription_compiler(schema: GraphQLSchema) -> SubscriptionCompiler | None:
    """Return the compiler for a schema; None, with a warning in the log, if graphql-core's internals have changed."""
    try:
        from live_inbox_graphql.compiled.subscriptions import CompiledSubscriptions
    except (ImportError, AttributeError):
        logger.warning(
            "This version of graphql-core does not fit the compiled selections; graphql-core executes every "
            "subscription, which costs more time for each event.",
            exc_info=True,
        )
        return None
    return CompiledSubscriptions(schema)
