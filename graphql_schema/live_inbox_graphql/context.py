"""What resolvers know of the operation that they work for."""

from __future__ import annotations

from dataclasses import dataclass

import strawberry

from live_inbox.feed import Feed
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed, Reason


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
