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


async def mutated(mutation: CompiledMutation, caller: Caller, *, is_fresh: bool) -> bytes:
    """Make the changes, one after the other, and return the result as JSON, `{"data":...}`. The caller may make them.

    `is_fresh`: whether the caller's row has just been read. That of a socket's caller may be hours old.
    """
    return await _continued(mutation, caller, [], is_fresh=is_fresh)


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
    return caller, await _continued(mutation, caller, [result], is_fresh=False)


async def _continued(
    mutation: CompiledMutation, caller: Caller, results: list[Any], *, is_fresh: bool
) -> bytes:
    """Make the changes that have no results yet. None of them may be null, so the first error is the last."""
    for call in mutation.calls[len(results) :]:
        try:
            results.append(
                await in_request_thread(
                    call.use(caller.user_id), call.perform, caller, is_fresh=is_fresh
                )
            )
        except Exception as error:
            return failed(call.field, error)
        is_fresh = False
    try:
        return mutation.render(results)
    except Exception as error:
        # The changes are committed: nobody may make them again.
        return failed(mutation.calls[0].field, error)
