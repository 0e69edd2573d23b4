"""Executes compiled mutations: from their arguments to the services, and from what these return straight to bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from live_inbox.identity.callers import Caller, call_with_known
from live_inbox.identity.known_tokens import KnownToken
from live_inbox.identity.scopes import allows
from live_inbox.request_threads import in_request_thread
from live_inbox_graphql.query_results import failed

if TYPE_CHECKING:
    # It relies on internals of graphql-core.
    from live_inbox_graphql.compiled.mutations import CompiledMutation


def may_mutate(mutation: CompiledMutation, scopes: frozenset[str]) -> bool:
    """Whether these scopes allow all that a mutation does. If not, graphql-core reports it."""
    return all(allows(scopes, call.right) for call in mutation.calls)


async def mutated(mutation: CompiledMutation, caller: Caller) -> bytes:
    """Make the changes, which the caller may make, one after the other; return the result as JSON, `{"data":...}`."""
    return await _continued(mutation, caller, [])


async def mutated_with_known(
    mutation: CompiledMutation, token: str, known: KnownToken
) -> tuple[Caller, bytes]:
    """Do so for the caller of a token that is known, whose account is read in the same turn of a thread. Return both.

    Raises AuthenticationFailed, and what the database raises when the account is read.
    """
    first = mutation.calls[0]
    caller, result = await call_with_known(
        token, known, first.use(known.user_id), first.perform, is_fresh=True
    )
    if isinstance(result, Exception):
        return caller, failed(first.field, result)
    return caller, await _continued(mutation, caller, [result])


async def _continued(mutation: CompiledMutation, caller: Caller, results: list[Any]) -> bytes:
    """Make the changes that have no results yet. None of them may be null, so the first error is the last."""
    for call in mutation.calls[len(results) :]:
        try:
            # Whoever has authenticated the caller, perhaps the project, may have read the row long ago.
            result = await in_request_thread(
                call.use(caller.user_id), call.perform, caller, is_fresh=False
            )
        except Exception as error:
            return failed(call.field, error)
        results.append(result)
    try:
        return mutation.render(results)
    except Exception as error:
        # The changes are committed: nobody may make them again.
        return failed(mutation.calls[0].field, error)
