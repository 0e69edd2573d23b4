"""Executes compiled mutations: from their arguments to the services, and from what these return straight to bytes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from live_inbox.identity.callers import (
    Caller,
    InboxOwner,
    call_as_known,
    call_as_known_with,
    call_with_known,
)
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


async def mutated_with_known(mutation: CompiledMutation, token: str, known: KnownToken) -> bytes:
    """Do so for the caller of a token that is known, whose account is read in the same turn of a thread.

    Raises AuthenticationFailed, and what the database raises when the account is read.
    """
    first = mutation.calls[0]
    use, perform = first.use(known.user_id), partial(first.perform, is_fresh=True)
    caller: Any
    if any(call.needs_account for call in mutation.calls):
        caller, result = await call_with_known(token, known, use, perform)
    elif first.join is not None and first.perform_joined is not None:
        caller, result = await call_as_known_with(
            token, known, use, first.join, first.perform_joined
        )
    else:
        caller, result = await call_as_known(token, known, use, perform)
    if isinstance(result, Exception):
        return failed(first.field, result)
    return await _continued(mutation, caller, [result])


async def _continued(mutation: CompiledMutation, caller: InboxOwner, results: list[Any]) -> bytes:
    """Make the changes that have no results yet. None of them may be null, so the first error is the last.

    `caller` is a Caller if one of the calls needs its account.
    """
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
