"""Finds the caller in the context of an operation: in ours, or in that of a view or a consumer of Strawberry.

| context | has |
|---|---|
| `Context` | the caller |
| Strawberry's Django views | `request`, an HttpRequest |
| Strawberry's Channels consumers | `request`, with a `scope` or a `consumer.scope`; `connection_params` of a socket |
| one that the project makes | any of these, or `user` |

In all but ours, the user whom the project has authenticated comes first: `context.user`, `request.user` or
`scope["user"]`. Otherwise AUTHENTICATOR is asked, without cookies. How requests are protected against forgery is a
matter of the project's view; but a session on a WebSocket counts only if the page's origin is allowed, since a
browser sends cookies along with every handshake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest

from live_inbox.conf import inbox_settings
from live_inbox.database_threads import in_lane
from live_inbox.errors import Forbidden
from live_inbox.identity.authenticators import Credentials, required_caller
from live_inbox.identity.callers import (
    Caller,
    authenticate_synchronously,
    caller_of_session,
)
from live_inbox.identity.config import DEFAULT_AUTHENTICATOR, authenticator_path
from live_inbox.identity.credentials import token_from_headers, token_from_payload
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.lanes import Lane
from live_inbox.sockets.forwarding import apply_forwarded
from live_inbox.sockets.handshakes import credential_headers, page_of
from live_inbox_graphql.context import Context


class UnknownContext(TypeError):
    """Raised for a context in which nothing says who is calling."""

    def __init__(self) -> None:
        super().__init__(
            "The context has neither `request` nor `user`. docs/graphql.md says which contexts the inbox's fields know."
        )


async def caller_in(context: Any) -> Caller:
    """Return the caller. Raises AuthenticationFailed, Forbidden for a page of a strange origin, or UnknownContext."""
    if isinstance(context, Context):
        return _admitted(context.caller)
    found = _Found.of(context)
    # A user may be lazy, and then takes a query.
    caller = await in_lane(Lane.ACCESS, found.signed_in)
    return caller or await required_caller(found.credentials())


def caller_in_synchronously(context: Any) -> Caller:
    """Do the same in this thread, for a view that executes synchronously."""
    if isinstance(context, Context):
        return _admitted(context.caller)
    found = _Found.of(context)
    caller = found.signed_in()
    if caller is not None:
        return caller
    if authenticator_path() == DEFAULT_AUTHENTICATOR:
        # In this thread, and so in the request's own connection and transaction.
        return authenticate_synchronously(found.token())
    return async_to_sync(required_caller)(found.credentials())


def _admitted(caller: Caller | None) -> Caller:
    if caller is None:
        raise AuthenticationFailed(Reason.MISSING)
    return caller


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a context of Strawberry has what authenticates."""

    owner: Any
    """What has the user, as `owner.user` or `owner["user"]`."""
    headers: Iterable[tuple[bytes, bytes]]
    payload: object = None
    handshake: Mapping[str, Any] | None = None
    """The scope of a WebSocket."""

    @classmethod
    def of(cls, context: Any) -> _Found:
        """Return it; raise UnknownContext."""
        request = _get(context, "request") or _get(context, "ws")
        scope = getattr(request, "scope", None) or getattr(
            getattr(request, "consumer", None), "scope", None
        )
        has_user = _get(context, "user") is not None
        if isinstance(request, HttpRequest):
            header = request.headers.get("Authorization", "").encode("latin-1", "replace")
            return cls(context if has_user else request, [(b"authorization", header)])
        if isinstance(scope, Mapping):
            return cls(
                context if has_user else scope,
                scope.get("headers", ()),
                _get(context, "connection_params"),
                scope if scope.get("type") == "websocket" else None,
            )
        if not has_user:
            raise UnknownContext
        return cls(context, ())

    def signed_in(self) -> Caller | None:
        """Return the caller whom the project has authenticated. May make a query."""
        user = _get(self.owner, "user")
        if not getattr(user, "is_authenticated", False):
            return None
        self._check_origin()
        session = _get(self.owner, "session")
        return caller_of_session(user, session, getattr(session, "session_key", None))

    def token(self) -> str | None:
        """Return the token of a socket's `connection_init`, or else of the headers."""
        return token_from_payload(self.payload) or token_from_headers(self.headers)

    def credentials(self) -> Credentials:
        """Return what the authenticator may look at: no session, which is the project's to authenticate here."""
        payload = self.payload if isinstance(self.payload, Mapping) else {}
        headers = self.headers
        if self.handshake is not None:
            headers = credential_headers(self._forwarded(), inbox_settings().origins)
        headers = [header for header in headers if header[0] != b"cookie"]
        return Credentials(token=self.token(), headers=headers, payload=payload)

    def _check_origin(self) -> None:
        if self.handshake is None:
            return
        if not page_of(self._forwarded(), inbox_settings().origins).may_use_session:
            raise Forbidden("Pages of this origin may not act for a session: see ALLOWED_ORIGINS.")

    def _forwarded(self) -> Mapping[str, Any]:
        """Return the handshake as trusted proxies describe it: the project may have routed it by itself."""
        scope = dict(self.handshake or {})
        apply_forwarded(scope, inbox_settings().proxies)
        return scope


def _get(owner: Any, name: str) -> Any:
    """Return a key of a dictionary, or an attribute of anything else; None without one."""
    if isinstance(owner, Mapping):
        return owner.get(name)
    return getattr(owner, name, None)
