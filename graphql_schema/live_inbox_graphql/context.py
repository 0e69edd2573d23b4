"""The context that resolvers get with each operation that our own view and our own sockets serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import strawberry
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from live_inbox.feed import Feed, OpenFeed
from live_inbox.identity.callers import Caller
from live_inbox.request_addresses import client_of_request
from live_inbox.sockets.asgi import client_address


@dataclass(eq=False)
class Context:
    """The context of one operation. Each operation of a socket gets a new one, so nothing is shared or outdated.

    A project's own resolvers find in it what Strawberry's contexts have: `context.request.user`, or
    `context["request"]`. Extensions may add attributes.
    """

    caller: Caller | None
    """None for an anonymous caller, who may only read the schema."""
    feed: Feed | None = None
    """None where there are no subscriptions: on HTTP, but for event streams."""
    request: Any = None
    """The HttpRequest, whose user is the caller; on a socket, in an event stream, and past Django's middleware, a
    ScopeRequest."""

    renew: Callable[[str], Awaitable[float | None]] | None = None
    """Extends the socket by a fresh token, and returns when it expires, in unix seconds. None on HTTP."""

    last_event_id: str | None = None
    """The position of the last event that the client of an event stream has received: it takes the place of `after`."""

    on_position: Callable[[str], None] | None = None
    """Is called with the position at which a subscription begins, and with that of each event before its result."""

    on_feed: Callable[[OpenFeed], None] | None = None
    """Is called with the feed of a subscription once it is open."""

    def __getitem__(self, key: str) -> Any:
        try:
            return getattr(self, key)
        except AttributeError:
            raise KeyError(key) from None

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, key, value)

    def get(self, key: str, default: Any = None) -> Any:
        """Return an attribute, or the default."""
        return getattr(self, key, default)


class ScopeRequest:
    """A socket's handshake, or a request with a token, as a project's resolvers read it: `request.user`,
    `request.scope["user"]`."""

    def __init__(self, scope: Mapping[str, Any], caller: Caller | None) -> None:
        self._scope = scope
        self.user: Any = AnonymousUser() if caller is None else caller.user

    @cached_property
    def scope(self) -> dict[str, Any]:
        """The ASGI scope, with the caller as `user`."""
        return {**self._scope, "user": self.user}

    @property
    def consumer(self) -> ScopeRequest:
        """Itself: with Channels, the scope is that of `request.consumer`."""
        return self

    @cached_property
    def headers(self) -> dict[str, str]:
        """The headers of the handshake, by their names in lower case.

        `manage.py serve` keeps `host`, `origin` and `user-agent` alone, so as to spend little memory on a socket. Of an
        event stream, all servers do.
        """
        pairs = self._scope["headers"]
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}


def address_of(context: Any) -> str:
    """Return the IP address of the client, behind trusted proxies, in our own or another context; empty if unknown."""
    request = (
        context.get("request") if hasattr(context, "get") else getattr(context, "request", None)
    )
    if isinstance(request, HttpRequest):
        return client_of_request(request)
    scope = getattr(request, "scope", None)
    return client_address(scope) if isinstance(scope, Mapping) else ""


Info = strawberry.Info[Any, Any]
"""The context is ours, or that of a view or a consumer of Strawberry (`callers.py`)."""
