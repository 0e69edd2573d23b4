"""Executes compiled queries: from the caller and the rows of the database straight to bytes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from graphql import GraphQLError

from live_inbox import selectors
from live_inbox.events import Person
from live_inbox.identity.account_rows import CallerName
from live_inbox.identity.callers import (
    Caller,
    call_as_known,
    caller_with_known,
    name_with_known,
    refresh_caller,
    was_just_checked,
)
from live_inbox.identity.known_tokens import KnownToken
from live_inbox.identity.scopes import Right, allows
from live_inbox.list_batches import NewestList, list_batches
from live_inbox.request_threads import Use, in_request_thread
from live_inbox.services import person
from live_inbox_graphql import json_text
from live_inbox_graphql.errors import as_clients_see_exception

if TYPE_CHECKING:
    # It relies on internals of graphql-core.
    from live_inbox_graphql.compiled.compilation import RootField
    from live_inbox_graphql.compiled.queries import CompiledQuery


async def result_for(query: CompiledQuery, caller: Caller, *, is_fresh: bool) -> bytes | None:
    """Return the result as JSON, `{"data":...}`; None where graphql-core has to report errors.

    `is_fresh`: whether the caller's row has just been read. That of a socket's caller may be hours old.
    """
    if not allows(caller.scopes, Right.READ):
        return None
    reads_caller = query.wants_viewer and not is_fresh
    if not reads_caller and query.list_arguments is None:
        return query.rendered(person(caller.user) if query.wants_viewer else None, None)
    if not query.wants_viewer:
        return await _list(query, caller.user_id)
    use = _use_of(query, caller.user_id)
    try:
        return await in_request_thread(use, _read, caller, query, reads_caller=reads_caller)
    except Exception as error:
        return _failed(query, error)


async def result_with_known(
    query: CompiledQuery, token: str, known: KnownToken
) -> tuple[Caller | None, bytes | None]:
    """Return the result for a token that is known and may read. Its account is read, unless that was done a moment ago
    and nothing of it is wanted.

    Where graphql-core has to report errors, the caller is returned in place of a result.

    Raises AuthenticationFailed; and what the database raises when the account is read.
    """
    if not query.wants_viewer and was_just_checked(token):
        body = await _result_without_account(query, known)
        if body is not None:
            return None, body
    if query.list_arguments is None:
        body = query.rendered(await name_with_known(token, known), None)
    else:
        _, result = await call_as_known(
            token, known, _use_of(query, known.user_id), partial(_read_as_known, query)
        )
        body = _failed(query, result) if isinstance(result, Exception) else result
    return (await caller_with_known(token, known) if body is None else None), body


async def _result_without_account(query: CompiledQuery, known: KnownToken) -> bytes | None:
    if query.list_arguments is None:
        return query.rendered(None, None)
    return await _list(query, known.user_id)


async def _list(query: CompiledQuery, user_id: str) -> bytes | None:
    """Return the result of a query that needs nothing but a list."""
    asked, batches = query.list_arguments, list_batches()
    assert asked is not None
    try:
        if not (asked.is_newest and batches.takes(user_id)):
            return await in_request_thread(_use_of(query, user_id), _read_list, query, user_id)
        return await batches.ask(
            NewestList(
                user_id,
                asked.limit,
                asked.filter.read,
                partial(query.rendered, None),
                query.selection.attributes,
            )
        )
    except Exception as error:
        return _failed(query, error)


def _use_of(query: CompiledQuery, user_id: str) -> Use:
    arguments = query.list_arguments
    return Use.of_list(user_id, 0 if arguments is None else arguments.limit)


def _read(caller: Caller, query: CompiledQuery, *, reads_caller: bool) -> bytes | None:
    """Read what a query asks for and encode it, in a database thread: a long list would hold up the event loop."""
    if reads_caller:
        caller = refresh_caller(caller)
    viewer = person(caller.user) if query.wants_viewer else None
    return _read_list(query, caller.user_id, viewer)


def _read_as_known(query: CompiledQuery, caller: CallerName) -> bytes | None:
    """Do so for a caller whose name has just been read."""
    return _read_list(query, caller.user_id, caller.person)


def _read_list(query: CompiledQuery, user_id: str, viewer: Person | None = None) -> bytes | None:
    arguments = query.list_arguments
    page = None
    if arguments is not None:
        page = selectors.page(
            user_id=user_id,
            limit=arguments.limit,
            older_than=arguments.older_than,
            newer_than=arguments.newer_than,
            from_oldest=arguments.from_oldest,
            fields=query.selection.attributes,
            filter=arguments.filter,
        )
    return query.rendered(viewer, page)


def _failed(query: CompiledQuery, error: Exception) -> bytes:
    selection = query.selection
    field = selection.first("notifications") or selection.first("viewer")
    assert field is not None
    return failed(field, error)


def failed(field: RootField, error: Exception) -> bytes:
    """Return the result of an operation of which a field has failed that may not be null."""
    seen = as_clients_see_exception(error)
    located = GraphQLError(
        seen.message, nodes=[*field.nodes], path=[field.name], extensions=seen.extensions
    )
    return json_text.dumps({"data": None, "errors": [located.formatted]})
