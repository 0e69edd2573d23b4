"""Answers operations that are compiled: for requests over HTTP, and on sockets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from live_inbox_graphql.context import Context
from live_inbox_graphql.mutation_results import may_mutate, mutated
from live_inbox_graphql.operation_rate import take_operation
from live_inbox_graphql.query_results import result_for
from live_inbox_graphql.served_schema import ServedSchema


async def compiled_result(
    schema: ServedSchema,
    context: Context,
    query: str,
    operation_name: str | None,
    variables: Mapping[str, Any] | None,
    *,
    may_change: bool,
    is_fresh: bool,
) -> bytes | None:
    """Return the result of an operation as JSON, `{"data":...}`; None to leave it to graphql-core.

    `may_change`: whether it may be a mutation. `is_fresh`: whether the caller's row has just been read. The document
    has been taken of the caller's allowance. Raises RateLimited.
    """
    caller = context.caller
    if caller is None:
        return None
    asked = query, operation_name, variables
    compiled = schema.compiled_query(*asked)
    if compiled is not None:
        if compiled.extra_weight:
            take_operation(context, compiled.extra_weight)
        return await result_for(compiled, caller, is_fresh=is_fresh)
    mutation = schema.compiled_mutation(*asked) if may_change else None
    if mutation is None or not may_mutate(mutation, caller.scopes):
        return None
    if mutation.extra_weight:
        take_operation(context, mutation.extra_weight)
    return await mutated(mutation, caller)
