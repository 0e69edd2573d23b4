"""Who is calling, for every door."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

from live_inbox.batching import Batcher
from live_inbox.database_threads import in_database_thread
from live_inbox.identity.accounts import Verdict, account_for, account_statuses, verdicts
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.rules import identity_rules
from live_inbox.identity.sessions import AccountStatus, OpenSessions
from live_inbox.identity.tokens import TokenRules, TokenVerifier, VerifiedToken


@dataclass(frozen=True, slots=True)
class Caller:
    """A user with the rights of one token or session. Times are unix seconds; a session has none.

    `user` is the row as it was when the caller came: what may have changed since is read anew.
    """

    user: AbstractBaseUser
    scopes: frozenset[str] = frozenset()
    issued_at: float | None = None
    expires_at: float | None = None

    @property
    def user_id(self) -> str:
        """The user's primary key as text: the name of their inbox."""
        return str(self.user.pk)


@lru_cache(maxsize=4)
def verifier_for(rules: TokenRules) -> TokenVerifier:
    """Return the verifier for these rules, always the same one: it holds the keys.

    Changed settings make other rules, so there is nothing to invalidate.
    """
    return TokenVerifier(rules)


def authenticate_token(token: str | None) -> Caller:
    """Return whom this token speaks for, or raise AuthenticationFailed.

    Asks the database, and for published keys the network: not for the event loop.
    """
    rules = identity_rules()
    verified = verifier_for(rules.tokens).verify(token or "")
    return _caller(verified, account_for(verified, rules.accounts))


async def authenticate(token: str | None) -> Caller:
    """Return whom this token speaks for, or raise AuthenticationFailed; the event loop runs on.

    Thousands who come at once are looked up together, in a few queries.
    """
    rules = identity_rules()
    verifier = verifier_for(rules.tokens)
    given = token or ""
    if verifier.may_block(given):
        # Not in a database thread: an issuer that is slow must not use them up.
        verified = await asyncio.to_thread(verifier.verify, given)
    else:
        verified = verifier.verify(given, fetch=False)
    verdict = await _accounts.ask(verified)
    if verdict is Reason.UNKNOWN_USER and rules.accounts.create_users:
        # Apart from the others, whom the writing would hold up.
        verdict = await in_database_thread(account_for, verified, rules.accounts)
    if isinstance(verdict, Reason):
        raise AuthenticationFailed(verdict)
    return _caller(verified, verdict)


def caller_for_session(user: AbstractBaseUser | AnonymousUser) -> Caller:
    """Return the caller of a Django session, or raise AuthenticationFailed for nobody."""
    if not user.is_authenticated or isinstance(user, AnonymousUser):
        raise AuthenticationFailed(Reason.MISSING)
    if not user.is_active:
        raise AuthenticationFailed(Reason.INACTIVE)
    return Caller(user=user)


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


def open_sessions() -> OpenSessions:
    """Return a register of open sockets that asks the database how their users stand."""
    rules = identity_rules()
    return OpenSessions(
        _read_standings,
        check_seconds=rules.session_check_seconds,
        max_age_seconds=rules.max_session_seconds,
    )


async def _read_standings(user_ids: Collection[str]) -> Mapping[str, AccountStatus]:
    return await in_database_thread(account_statuses, user_ids)


async def _read_accounts(tokens: Sequence[VerifiedToken]) -> Sequence[Verdict]:
    return await in_database_thread(verdicts, tokens, identity_rules().accounts)


# As many as make a query and its rows the cost, not the crossing; and few enough for a thread to be done soon.
_accounts = Batcher(_read_accounts, most=500)


def _caller(verified: VerifiedToken, user: AbstractBaseUser) -> Caller:
    return Caller(
        user=user,
        scopes=verified.scopes,
        issued_at=verified.issued_at,
        expires_at=verified.expires_at,
    )
