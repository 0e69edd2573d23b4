"""Who is calling: the project's authenticator, or ours, which takes tokens and Django sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

from django.http import HttpRequest
from django.utils.module_loading import import_string

from live_inbox.clock import clock
from live_inbox.database_threads import in_lane
from live_inbox.identity.accounts import account_statuses
from live_inbox.identity.callers import Caller, authenticate, caller_of_session
from live_inbox.identity.config import DEFAULT_AUTHENTICATOR, authenticator_path, identity_config
from live_inbox.identity.deadlines import database_within
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.sessions import signed_in_user
from live_inbox.identity.tickets import PresentedTicket, redeem_ticket
from live_inbox.lanes import Lane


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client has presented. Nothing of it is verified.

    The JSON API has no cookies here, because it serves pages of any origin.
    """

    token: str | None = field(default=None, repr=False)
    """The token of the header `Authorization`, of `connection_init`, or of the JSON API's `?token=`; or the fresh one
    of an open socket."""
    session_key: str | None = field(default=None, repr=False)
    """The value of Django's session cookie."""
    headers: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)
    """The headers of the request or of the handshake, as in an ASGI scope: names in lower case. With a fresh token,
    only `Host`, `Origin` and `User-Agent`."""
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The payload of `connection_init`; empty elsewhere."""
    request: HttpRequest | None = None
    """The request; None for a socket, and for a page of another origin."""

    def header(self, name: str) -> str | None:
        """Return the first header with this name, whatever its case."""
        wanted = name.lower().encode("latin-1")
        values = (value.decode("latin-1") for key, value in self.headers if key == wanted)
        return next(values, None)


_PLAIN_HEADERS = frozenset({b"host", b"origin", b"user-agent"})


def plain_headers(handshake: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers that hold no credentials, and that neither browsers nor proxies add for the user."""
    return [header for header in handshake if header[0] in _PLAIN_HEADERS]


def fresh_credentials(token: str, handshake: Sequence[tuple[bytes, bytes]]) -> Credentials:
    """Return what an open socket presents when its client sends a fresh token: that token, and nothing from before.

    Of the headers of its handshake only those that hold no credentials are kept: an authenticator that prefers a header
    would take the old ones again.
    """
    return Credentials(token=token, headers=plain_headers(handshake))


@runtime_checkable
class Authenticator(Protocol):
    """What the setting AUTHENTICATOR names: a class that is called without arguments, once."""

    async def authenticate(self, credentials: Credentials) -> Caller | None:
        """Return the caller; None for a client without credentials. Raises AuthenticationFailed for wrong ones.

        Called for each request over HTTP, once for each socket, and for each fresh token of a socket. It must not block
        the event loop.
        """


class TokenOrSessionAuthenticator:
    """Takes JSON web tokens by the settings in `JWT`, or else Django sessions.

    A token takes precedence: if it is not accepted, the session is not tried.
    """

    async def authenticate(self, credentials: Credentials) -> Caller | None:
        """Return the caller of the token or of the session; None without either."""
        if credentials.token is not None:
            return await authenticate(credentials.token)
        async with database_within(identity_config().database_seconds):
            if credentials.request is not None:
                return await in_lane(Lane.ACCESS, _caller_of_request, credentials.request)
            if credentials.session_key is not None:
                return await in_lane(Lane.ACCESS, _caller_of_session, credentials.session_key)
        return None


def _caller_of_request(request: HttpRequest) -> Caller | None:
    # The project decides by its middleware who it is. Without that, there are no sessions.
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    session = getattr(request, "session", None)
    return caller_of_session(user, session, getattr(session, "session_key", None))


def _caller_of_session(session_key: str) -> Caller | None:
    user, session = signed_in_user(session_key)
    return None if user is None else caller_of_session(user, session, session_key)


async def caller_of(credentials: Credentials) -> Caller | None:
    """Return the caller that the authenticator of the settings finds; None for an anonymous one.

    Raises AuthenticationFailed for credentials that are not accepted; and, whatever the authenticator says, for an
    inactive user and for credentials that were issued before a revocation. A caller without a time of issue gets
    the current one: later revocations end its sockets, earlier ones do not.
    """
    now = clock.time()
    path = authenticator_path()
    caller = await authenticator(path).authenticate(credentials)
    if caller is None:
        return None
    if not caller.user.is_active:
        raise AuthenticationFailed(Reason.INACTIVE)
    if caller.issued_at is None:
        return replace(caller, issued_at=now)
    if path != DEFAULT_AUTHENTICATOR:
        # Ours has looked already.
        await in_lane(Lane.ACCESS, _refuse_revoked, caller)
    return caller


def _refuse_revoked(caller: Caller) -> None:
    status = account_statuses([caller.user_id]).get(caller.user_id)
    if status is not None and caller.token_id in status.token_ids:
        raise AuthenticationFailed(Reason.REVOKED)
    not_before = None if status is None else status.not_before
    if not_before is not None and caller.issued_at is not None and caller.issued_at < not_before:
        raise AuthenticationFailed(Reason.REVOKED)


async def caller_with_ticket(presented: PresentedTicket) -> Caller:
    """Return the caller of a ticket, which is used up by that; raise AuthenticationFailed.

    Tickets are the inbox's own: no authenticator is asked.
    """
    async with database_within(identity_config().database_seconds):
        return await in_lane(Lane.ACCESS, redeem_ticket, presented)


async def required_caller(credentials: Credentials) -> Caller:
    """Return the caller; raise AuthenticationFailed for an anonymous one, too."""
    caller = await caller_of(credentials)
    if caller is None:
        raise AuthenticationFailed(Reason.MISSING)
    return caller


@lru_cache(maxsize=4)
def authenticator(path: str) -> Authenticator:
    """Return the authenticator with this dotted path. Raises ImportError, or TypeError if it is none."""
    found = import_string(path)()
    if not isinstance(found, Authenticator):
        raise TypeError(f"{path} has no method authenticate")
    return found
