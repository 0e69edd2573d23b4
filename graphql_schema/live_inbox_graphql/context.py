"""The context that resolvers get with each operation."""

from __future__ import annotations

from dataclasses import dataclass

import strawberry

from live_inbox.feed import Feed
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed, Reason


@dataclass(frozen=True, slots=True)
class Context:
    """The context of one operation. Each operation of a socket gets a new one, so nothing is shared or outdated."""

    caller: Caller | None
    """None for an anonymous caller, who may only read the schema."""
    feed: Feed | None = None
    """None where there are no subscriptions: on HTTP."""


Info = strawberry.Info[Context, None]


def caller_of(info: Info) -> Caller:
    """Return the caller; raise AuthenticationFailed if there is none."""
    caller = info.context.caller
    if caller is None:
        raise AuthenticationFailed(Reason.MISSING)
    return caller
