"""What resolvers know of the operation that they work for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import strawberry
from django.contrib.auth import get_user_model

from backend.identity.callers import Caller
from backend.identity.errors import AuthenticationFailed, Reason
from backend.notifications.feed import Feed


@dataclass(frozen=True, slots=True)
class Context:
    """One operation's context. Sockets make a new one for each, so nothing is shared or grows stale."""

    caller: Caller | None
    """None for nobody in particular, who may look at the schema only."""
    feed: Feed | None = None
    """None where there are no subscriptions: on HTTP."""


Info = strawberry.Info[Context, None]


def caller_of(info: Info) -> Caller:
    """Return who asks; raise AuthenticationFailed for nobody."""
    caller = info.context.caller
    if caller is None:
        raise AuthenticationFailed(Reason.MISSING)
    return caller


def renewed(caller: Caller) -> Caller:
    """Return the caller with the user's row as it is now; raise AuthenticationFailed if it is of no use any more.

    A socket's caller may be hours old, and with it what the user may do. Synchronous: one query.
    """
    user = get_user_model()._default_manager.filter(pk=caller.user.pk).first()
    if user is None:
        raise AuthenticationFailed(Reason.UNKNOWN_USER)
    if not user.is_active:
        raise AuthenticationFailed(Reason.INACTIVE)
    return replace(caller, user=user)
