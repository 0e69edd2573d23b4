"""Runs what is behind the inbox's fields, with their caller, and codes their errors in any schema."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar, cast

from live_inbox.identity.callers import Caller
from live_inbox.identity.scopes import Right, require
from live_inbox.request_threads import BULK, SENT, Use, in_request_thread
from live_inbox_graphql.callers import caller_in, caller_in_synchronously
from live_inbox_graphql.context import Info
from live_inbox_graphql.errors import as_clients_see_exception

P = ParamSpec("P")
T = TypeVar("T")


def for_caller(
    info: Info, function: Callable[Concatenate[Caller, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Call a function that reads by the ORM with the caller and these arguments, and return its result.

    Where there is an event loop, the result is a coroutine, and the function runs in a database thread; graphql-core
    awaits it. Without one (Strawberry's synchronous view), it runs here, in the request's own connection and
    transaction. Raises GraphQLError with the code of what was raised,
    and with FORBIDDEN if the caller's token lacks the scope.
    """
    return _call(info, Right.READ, _reading, function, *args, **kwargs)


def changing_own(
    info: Info, function: Callable[Concatenate[Caller, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do as `for_caller`, for a function that changes the caller's inbox."""
    return _call(info, Right.WRITE, _changing, function, *args, **kwargs)


def changing(
    inbox: str,
    info: Info,
    function: Callable[Concatenate[Caller, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Do as `for_caller`, for a function that changes the inbox of the user with this primary key."""
    return _call(
        info, Right.SEND, lambda caller: Use(caller.user_id, inbox), function, *args, **kwargs
    )


def changing_sent(
    info: Info, function: Callable[Concatenate[Caller, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do as `for_caller`, for a function that changes what was sent: whose inbox, only the function finds out."""
    return _call(
        info, Right.SEND, lambda caller: Use(caller.user_id, SENT), function, *args, **kwargs
    )


def changing_many(
    info: Info, function: Callable[Concatenate[Caller, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do as `for_caller`, for a function that changes many inboxes."""
    return _call(info, Right.SEND, lambda _: BULK, function, *args, **kwargs)


def _reading(caller: Caller) -> Use:
    return Use(caller.user_id)


def _changing(caller: Caller) -> Use:
    return Use(caller.user_id, caller.user_id)


def _call(
    info: Info,
    right: Right,
    use: Callable[[Caller], Use],
    function: Callable[Concatenate[Caller, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _here(info, right, function, *args, **kwargs)
    return cast("T", _in_thread(info, right, use, function, *args, **kwargs))


async def _in_thread(
    info: Info,
    right: Right,
    use: Callable[[Caller], Use],
    function: Callable[Concatenate[Caller, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    with coded_errors():
        caller = await caller_in(info.context)
        require(caller.scopes, right)
        return await in_request_thread(use(caller), function, caller, *args, **kwargs)


def _here(
    info: Info,
    right: Right,
    function: Callable[Concatenate[Caller, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    with coded_errors():
        caller = caller_in_synchronously(info.context)
        require(caller.scopes, right)
        return function(caller, *args, **kwargs)


class coded_errors:  # used like a function
    """A block whose exceptions are raised as GraphQLErrors with their codes, internal details masked.

    Not a generator with `contextmanager`, which costs a microsecond for each field.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Exception):
            raise as_clients_see_exception(error) from error
