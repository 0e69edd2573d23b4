"""Authenticates the caller of a request or socket. Both APIs use it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

from live_inbox import database
from live_inbox.batching import Batcher, no_pause, pause_after
from live_inbox.clock import clock
from live_inbox.conf import inbox_settings
from live_inbox.database_threads import in_lane
from live_inbox.events import Person
from live_inbox.identity.account_rows import (
    CallerName,
    JoinedColumns,
    NameResult,
    name_with,
    names_for,
)
from live_inbox.identity.accounts import (
    AccountResult,
    account_for,
    account_statuses,
    accounts_for,
    is_session_revoked,
)
from live_inbox.identity.admissions import AccountStatus, Admissions
from live_inbox.identity.config import IdentityConfig, identity_config
from live_inbox.identity.deadlines import database_within, keys_within
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.known_tokens import KnownToken, KnownTokens
from live_inbox.identity.recent_checks import Check, RecentChecks
from live_inbox.identity.sessions import checkable_key, ended_sessions, signed_in_at
from live_inbox.identity.tokens import TokenConfig, TokenVerifier, VerifiedToken
from live_inbox.identity.user_lookup import users_with
from live_inbox.identity.verification import announce_verified
from live_inbox.lanes import Lane
from live_inbox.request_threads import Use, in_request_thread

Accounts = Batcher[VerifiedToken, AccountResult]

T = TypeVar("T")
CallerT = TypeVar("CallerT")


@dataclass(frozen=True, slots=True)
class Caller:
    """A user with the rights of one token or session. Times are unix seconds.

    `user` is the row as it was at authentication. Read it again (`refresh_caller`) where a change matters. A socket is
    closed at `expires_at`, and by a revocation of the user's tokens and sessions after `issued_at`, which for a session
    is when the user signed in.
    """

    user: AbstractBaseUser
    scopes: frozenset[str] = frozenset()
    issued_at: float | None = None
    expires_at: float | None = None
    password: str | None = field(default=None, repr=False)
    """The password as stored, for a session: its socket is closed when the user gets another one. None for a token."""
    checks_csrf: bool = True
    """Whether a request over HTTP without `Authorization` needs Django's CSRF check. Not where the credentials were in
    a header of their own: browsers add cookies by themselves, but no such header."""
    token_id: str | None = None
    """The id (`jti`) of the token, if it has one: its sockets are closed when it is revoked by that."""
    session_key: str | None = field(default=None, repr=False)
    """The key of the session, where its end can be found out: its sockets are closed when there is no such session."""

    @property
    def user_id(self) -> str:
        """The user's primary key as text: the key of their inbox."""
        return str(self.user.pk)


class InboxOwner(Protocol):
    """A caller, for what needs no more of one than whose inbox is meant."""

    @property
    def user_id(self) -> str: ...


OwnerT = TypeVar("OwnerT", bound=InboxOwner)


@lru_cache(maxsize=4)
def verifier_for(config: TokenConfig) -> TokenVerifier:
    """Return the verifier for this configuration, memoized because a verifier caches its keys.

    Changed settings make another configuration, so nothing needs invalidating.
    """
    return TokenVerifier(config, clock=clock.time)


async def authenticate(token: str | None) -> Caller:
    """Return the caller that this token authenticates; raise AuthenticationFailed. Never blocks the event loop.

    Concurrent calls are batched: thousands of tokens that arrive together cost a few queries. Raises OperationalError
    if the database does not answer in time.
    """
    text = token or ""
    known = known_token(text)
    verified = await _verified(text) if known is None else known.verified
    announce_verified()
    check = recent_checks().begin()
    caller = await _caller_of_verified(verified)
    if known is None or known.user_id != caller.user_id:
        known_tokens(identity_config().tokens).put(text, verified, caller.user_id)
    recent_checks().put(text, check)
    return caller


async def _verified(token: str) -> VerifiedToken:
    config = identity_config()
    verifier = verifier_for(config.tokens)
    pending = verifier.pending_keys(token)
    if pending is not None:
        async with keys_within(config.keys_seconds):
            await asyncio.wrap_future(pending)
    return verifier.verify(token, fetch=False)


async def _caller_of_verified(verified: VerifiedToken) -> Caller:
    config = identity_config()
    async with database_within(config.database_seconds):
        result = await _accounts.ask(verified)
        if result is Reason.UNKNOWN_USER and config.accounts.create_users:
            # Outside the batch and its lane: the write, which may wait for a lock, would delay the other tokens.
            use = Use(verified.user_ref, changed_inbox=f"of a new user: {verified.user_ref}")
            result = await in_request_thread(use, account_for, verified, config.accounts)
    if isinstance(result, Reason):
        raise AuthenticationFailed(result)
    return _caller_with_token(result, verified)


@lru_cache(maxsize=4)
def known_tokens(config: TokenConfig) -> KnownTokens:
    """Return the tokens that were verified a moment ago by this configuration."""
    return KnownTokens(clock.time)


@lru_cache(maxsize=4)
def _known_tokens_of(config: IdentityConfig) -> KnownTokens:
    return known_tokens(config.tokens)


def known_token(token: str) -> KnownToken | None:
    """Return a token that was verified a moment ago; None for one that has to be authenticated."""
    return _known_tokens_of(identity_config()).get(token)


@lru_cache(maxsize=1)
def recent_checks() -> RecentChecks:
    """Return the known tokens whose accounts were read a moment ago."""
    return RecentChecks(clock.monotonic)


def was_just_checked(token: str) -> bool:
    """Whether the account of a known token was in order less than ACCOUNT_CHECK_SECONDS ago.

    That admits a request that needs nothing of the account: what it is now is not known.
    """
    return recent_checks().has(token, inbox_settings().account_check_seconds)


async def caller_with_known(token: str, known: KnownToken) -> Caller:
    """Do as `authenticate`, for a token that is known."""
    check = recent_checks().begin()
    # The deadline is that of the lane.
    return _of_known(token, known, await _known_accounts.ask(known.verified), check)


async def name_with_known(token: str, known: KnownToken) -> Person:
    """Return who the caller of a token that is known is now. Raises what `caller_with_known` raises."""
    check = recent_checks().begin()
    return _admitted(token, known, await _known_names.ask(known.verified), check).person


async def call_with_known(
    token: str, known: KnownToken, use: Use, function: Callable[[Caller], T]
) -> tuple[Caller, T | Exception]:
    """Look up the account of a token that is known and call a function, in one turn of a database thread.

    `use` is what the function uses the database for. Return the caller, and what the function returns or raises. Raises
    AuthenticationFailed, and what the database raises when the account is looked up.
    """
    accounts_config = identity_config().accounts
    check = recent_checks().begin()

    def look_up() -> Caller:
        (result,) = accounts_for([known.verified], accounts_config)
        return _of_known(token, known, result, check)

    return await _look_up_and_call(use, look_up, function)


async def call_as_known(
    token: str, known: KnownToken, use: Use, function: Callable[[CallerName], T]
) -> tuple[CallerName, T | Exception]:
    """Do as `call_with_known` for a function that needs no more than the key of the caller: that is read faster."""
    accounts_config = identity_config().accounts
    check = recent_checks().begin()

    def look_up() -> CallerName:
        (result,) = names_for([known.verified], accounts_config)
        return _admitted(token, known, result, check)

    return await _look_up_and_call(use, look_up, function)


async def call_as_known_with(
    token: str,
    known: KnownToken,
    use: Use,
    join: Callable[[], JoinedColumns | None],
    function: Callable[[CallerName, Sequence[Any] | None], T],
) -> tuple[CallerName, T | Exception]:
    """Do so for a function that wants columns of other tables, which are read with the account.

    `join` says which. It is called in the thread, and so is the function: with None where they have to be read on their
    own.
    """
    accounts_config = identity_config().accounts
    check = recent_checks().begin()

    def look_up() -> tuple[CallerName, Sequence[Any] | None]:
        joined, row = join(), None
        if joined is None:
            (result,) = names_for([known.verified], accounts_config)
        else:
            result, row = name_with(known.verified, accounts_config, joined)
        return _admitted(token, known, result, check), row

    (caller, _), called = await _look_up_and_call(use, look_up, lambda found: function(*found))
    return caller, called


async def _look_up_and_call(
    use: Use, look_up: Callable[[], CallerT], function: Callable[[CallerT], T]
) -> tuple[CallerT, T | Exception]:
    found: list[CallerT] = []

    def look_up_and_call() -> T:
        caller = look_up()
        found.append(caller)
        return function(caller)

    try:
        result = await in_request_thread(use, look_up_and_call)
    except Exception as error:
        # Raised in the thread, too, whose connections are closed after errors of the database.
        if not found:
            raise
        return found[0], error
    return found[0], result


def _of_known(token: str, known: KnownToken, result: AccountResult, check: Check) -> Caller:
    """Return the caller, whose account was read after the check had begun. Raises what `_admitted` raises."""
    caller: Caller | Reason = (
        result if isinstance(result, Reason) else _caller_with_token(result, known.verified)
    )
    return _admitted(token, known, caller, check)


def _admitted(token: str, known: KnownToken, result: OwnerT | Reason, check: Check) -> OwnerT:
    """Return the caller that a look-up has found, which began after the check.

    Raises AuthenticationFailed, also if the token names another user by now. The token is not known any more then: it
    has no precedence, and takes nothing of its former user's allowance.
    """
    if isinstance(result, Reason):
        raise _refused(token, result)
    if result.user_id != known.user_id:
        raise _refused(token, Reason.UNKNOWN_USER)
    recent_checks().put(token, check)
    return result


def _refused(token: str, reason: Reason) -> AuthenticationFailed:
    """Forget a known token, and return why it is refused."""
    known_tokens(identity_config().tokens).forget(token)
    return AuthenticationFailed(reason)


def authenticate_synchronously(token: str | None) -> Caller:
    """Do the same without an event loop: verify in this thread, and look up the account in its connection."""
    config = identity_config()
    verified = verifier_for(config.tokens).verify(token or "")
    return _caller_with_token(account_for(verified, config.accounts), verified)


def _caller_with_token(user: AbstractBaseUser, verified: VerifiedToken) -> Caller:
    return Caller(
        user=user,
        scopes=verified.scopes,
        issued_at=verified.issued_at,
        expires_at=verified.expires_at,
        token_id=verified.token_id,
    )


def caller_for_session(
    user: AbstractBaseUser | AnonymousUser,
    *,
    signed_in_at: float | None = None,
    session_key: str | None = None,
) -> Caller:
    """Return the caller of a Django session; raise AuthenticationFailed for an anonymous or inactive user.

    `signed_in_at` is when the session began, in unix seconds; None if that is unknown.
    """
    if not user.is_authenticated or isinstance(user, AnonymousUser):
        raise AuthenticationFailed(Reason.MISSING)
    if not user.is_active:
        raise AuthenticationFailed(Reason.INACTIVE)
    # A project whose users have no passwords may have removed the column.
    return Caller(
        user=user,
        issued_at=signed_in_at,
        password=getattr(user, "password", None) or "",
        session_key=session_key,
    )


def caller_of_session(user: AbstractBaseUser, session: Any, key: str | None) -> Caller:
    """Return the caller who is signed in with a session; raise AuthenticationFailed, also if it was revoked.

    `session` is the session or its data. If nobody has signed in with it, or without one, the project has found the
    user by other means, which it has to end itself. Synchronous: one query.
    """
    if session is None or SESSION_KEY not in session:
        return caller_for_session(user)
    began = signed_in_at(session)
    caller = caller_for_session(user, signed_in_at=began, session_key=checkable_key(key))
    if is_session_revoked(user, began):
        raise AuthenticationFailed(Reason.REVOKED)
    return caller


@database.reading
def refresh_caller(caller: Caller) -> Caller:
    """Return the caller with the user's current row; raise AuthenticationFailed if the user is gone or inactive.

    A socket's caller may be hours old, and the user's permissions with it. Synchronous: one query.
    """
    found = users_with([caller.user.pk])
    if not found:
        raise AuthenticationFailed(Reason.UNKNOWN_USER)
    (user,) = found
    if not user.is_active:
        raise AuthenticationFailed(Reason.INACTIVE)
    return replace(caller, user=user)


def build_admissions(*, on_checked: Callable[[], None] = lambda: None) -> Admissions:
    """Return a registry of open sockets that reads account statuses from the database."""
    config = identity_config()
    return Admissions(
        _read_statuses,
        check_seconds=config.session_check_seconds,
        max_age_seconds=config.max_session_seconds,
        warning_seconds=inbox_settings().expiry_warning_seconds,
        clock=clock.time,
        on_checked=on_checked,
        read_ended_sessions=_read_ended_sessions,
    )


async def _read_statuses(user_ids: Collection[str]) -> Mapping[str, AccountStatus]:
    return await in_lane(Lane.ACCESS, account_statuses, user_ids)


async def _read_ended_sessions(keys: Collection[str]) -> Collection[str]:
    return await in_lane(Lane.ACCESS, ended_sessions, keys)


async def _read_accounts(tokens: Sequence[VerifiedToken]) -> Sequence[AccountResult]:
    return await in_lane(Lane.ACCESS, accounts_for, tokens, identity_config().accounts)


def _pause_after_users(tokens: Sequence[VerifiedToken]) -> float:
    """Return the pause after a reading for so many users. Devices of a few users are no reconnect storm."""
    return pause_after(len({token.user_ref for token in tokens}))


# Enough tokens that the query outweighs the thread hop, and few enough that a thread is free again soon.
_accounts: Accounts = Batcher(_read_accounts, most=500, pause=_pause_after_users)


async def _read_names(tokens: Sequence[VerifiedToken]) -> Sequence[NameResult]:
    return await in_lane(Lane.ACCESS, names_for, tokens, identity_config().accounts)


# Requests of clients that are here already are no reconnect storm: a pause would only delay them.
_known_accounts: Accounts = Batcher(_read_accounts, most=100, pause=no_pause)
_known_names: Batcher[VerifiedToken, NameResult] = Batcher(_read_names, most=100, pause=no_pause)
