"""Authenticating callers by token or session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import DatabaseError, connection

from live_inbox.clock import clock as server_clock
from live_inbox.conf import InboxSettings
from live_inbox.database_threads import in_database_thread
from live_inbox.identity import callers
from live_inbox.identity.accounts import accounts_for
from live_inbox.identity.admissions import AccessEnd
from live_inbox.identity.callers import (
    Caller,
    authenticate,
    build_admissions,
    caller_for_session,
    verifier_for,
)
from live_inbox.identity.config import check_identity_config, identity_config
from live_inbox.identity.errors import AuthenticationFailed, InvalidIdentityConfig, Reason
from live_inbox.identity.issuing import issue_token
from live_inbox.identity.revocation import revoke_tokens
from tests.authentication import authenticate_now
from tests.identity.issuer import SECRET, KeyPair

Configure = Callable[..., InboxSettings]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice(configure: Configure) -> User:
    return User.objects.create_user("alice")


def refusal(token: str | None) -> Reason:
    """Return the reason why this token is refused."""
    with pytest.raises(AuthenticationFailed) as failure:
        authenticate_now(token)
    return failure.value.reason


def test_the_caller_of_a_token(alice: User) -> None:
    token = issue_token(alice, ttl_seconds=60, scopes=["notifications:send"])
    caller = authenticate_now(token)
    assert (caller.user, caller.user_id) == (alice, str(alice.pk))
    assert caller.scopes == {"notifications:send"}
    assert caller.issued_at is not None
    assert caller.expires_at is not None
    assert caller.expires_at == pytest.approx(caller.issued_at + 70)


def test_refused_tokens(alice: User) -> None:
    assert refusal(None) is Reason.MISSING
    assert refusal("") is Reason.MISSING
    assert refusal("x") is Reason.MALFORMED
    token = issue_token(alice, ttl_seconds=60)
    alice.is_active = False
    alice.save()
    assert refusal(token) is Reason.INACTIVE
    alice.delete()
    assert refusal(token) is Reason.UNKNOWN_USER


def test_the_caller_of_a_session(alice: User) -> None:
    assert caller_for_session(alice) == Caller(alice, password=alice.password)
    with pytest.raises(AuthenticationFailed) as failure:
        caller_for_session(AnonymousUser())
    assert failure.value.reason is Reason.MISSING
    alice.is_active = False
    with pytest.raises(AuthenticationFailed) as failure:
        caller_for_session(alice)
    assert failure.value.reason is Reason.INACTIVE


def test_the_verifier_is_made_once_and_follows_the_settings(configure: Configure) -> None:
    first = verifier_for(identity_config().tokens)
    assert verifier_for(identity_config().tokens) is first
    configure(jwt_issuer="https://id.example")
    assert verifier_for(identity_config().tokens) is not first
    configure()
    assert verifier_for(identity_config().tokens) is first


def test_the_configuration_comes_from_the_settings(configure: Configure) -> None:
    configure(
        jwt_previous_secrets=["b" * 32],
        jwt_audience="inbox",
        jwt_leeway_seconds=3,
        jwt_max_ttl_seconds=600,
        jwt_user_field="username",
        jwt_create_users=True,
        session_check_seconds=2,
    )
    config = identity_config()
    assert config.tokens.secrets == (SECRET, "b" * 32)
    assert (config.tokens.algorithms, config.tokens.user_claims) == (("HS256",), ("user_id", "sub"))
    assert (config.tokens.audience, config.tokens.leeway_seconds) == ("inbox", 3)
    assert (config.accounts.user_field, config.accounts.create_users) == ("username", True)
    assert (config.session_check_seconds, config.max_session_seconds) == (2, 600)
    check_identity_config()


def test_invalid_settings_are_detected(configure: Configure) -> None:
    for settings in ({"jwt_secret": "short"}, {"jwt_create_users": True}):
        configure(**settings)
        with pytest.raises(InvalidIdentityConfig):
            check_identity_config()


def test_a_public_key_may_have_escaped_line_breaks(
    alice: User, configure: Configure, key_pairs: dict[str, KeyPair]
) -> None:
    pair = key_pairs["EdDSA"]
    configure(jwt_public_key=pair.public_pem.replace("\n", "\\n"), jwt_algorithms=["EdDSA"])
    token = jwt.encode(
        {"user_id": alice.pk, "iat": server_clock.time(), "exp": 4e9},
        pair.private,
        algorithm="EdDSA",
    )
    assert authenticate_now(token).user == alice


# -- many at once ---------------------------------------------------------------------------------


@contextmanager
def counted_queries() -> Iterator[list[str]]:
    """Collect the queries of the database threads while the block runs."""
    queries: list[str] = []

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        queries.append(sql)
        return execute(sql, params, many, context)

    def counting(*args: Any) -> Any:
        with connection.execute_wrapper(count):
            return accounts_for(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callers, "accounts_for", counting)
        yield queries


def test_a_thousand_concurrent_callers_cost_a_few_queries(configure: Configure) -> None:
    User.objects.bulk_create(User(username=f"user {number}") for number in range(1000))
    users = list(User.objects.order_by("pk"))
    tokens = [issue_token(user, ttl_seconds=60) for user in users]

    async def scenario() -> list[Caller]:
        return await asyncio.gather(*map(authenticate, tokens))

    with counted_queries() as queries:
        found = asyncio.run(scenario())
    assert [caller.user for caller in found] == users
    assert len({caller.user_id for caller in found}) == 1000
    assert 1 <= len(queries) <= 4


def test_a_refusal_reaches_only_its_own_caller(alice: User) -> None:
    bob, carol = (User.objects.create_user(name) for name in ("bob", "carol"))
    tokens: list[str | None] = [issue_token(user, ttl_seconds=60) for user in (alice, bob, carol)]
    User.objects.filter(pk=bob.pk).update(is_active=False)
    revoke_tokens(user_id=carol.pk)
    dave = User(pk=10**30)
    tokens += [issue_token(dave, ttl_seconds=60), None, "x"]

    async def scenario() -> list[Any]:
        return await asyncio.gather(*map(authenticate, tokens), return_exceptions=True)

    with counted_queries() as queries:
        caller, *refused = asyncio.run(scenario())
    assert caller.user == alice
    assert [refusal.reason for refusal in refused] == [
        Reason.INACTIVE,
        Reason.REVOKED,
        Reason.UNKNOWN_USER,
        Reason.MISSING,
        Reason.MALFORMED,
    ]
    assert len(queries) == 1


def test_all_new_users_of_a_batch_are_created(configure: Configure) -> None:
    configure(jwt_user_field="username", jwt_create_users=True)
    User.objects.create_user("inactive", is_active=False)
    names = ["carol", "dave", "carol", "inactive", "d" * 151]
    tokens = [issue_token(User(username=name), ttl_seconds=60) for name in names]

    async def scenario() -> list[Any]:
        return await asyncio.gather(*map(authenticate, tokens), return_exceptions=True)

    *found, inactive, too_long = asyncio.run(scenario())
    assert [caller.user.get_username() for caller in found] == ["carol", "dave", "carol"]
    assert (inactive.reason, too_long.reason) == (Reason.INACTIVE, Reason.UNKNOWN_USER)
    assert User.objects.count() == 3


def test_a_database_failure_affects_the_current_batch_only(alice: User) -> None:
    tokens = [issue_token(alice, ttl_seconds=60) for _ in range(3)]
    table, hidden = User._meta.db_table, "elsewhere"

    async def scenario() -> None:
        await in_database_thread(_rename_table, table, hidden)
        try:
            outcomes = await asyncio.gather(*map(authenticate, tokens), return_exceptions=True)
        finally:
            await in_database_thread(_rename_table, hidden, table)
        assert [isinstance(outcome, DatabaseError) for outcome in outcomes] == [True] * 3
        assert [caller.user for caller in await asyncio.gather(*map(authenticate, tokens))] == [
            alice
        ] * 3

    asyncio.run(scenario())


def _rename_table(table: str, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{table}" RENAME TO "{name}"')


def test_a_cancelled_caller_does_not_affect_the_others_of_its_batch(alice: User) -> None:
    token = issue_token(alice, ttl_seconds=60)

    async def scenario() -> None:
        tasks = [asyncio.create_task(authenticate(token)) for _ in range(4)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[2].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(one, asyncio.CancelledError) for one in outcomes] == [True, False] * 2
        assert outcomes[1] == outcomes[3] == authenticated

    authenticated = authenticate_now(token)
    asyncio.run(scenario())


def test_open_sockets_are_checked_against_the_database(alice: User) -> None:
    bob = User.objects.create_user("bob")
    ended: list[tuple[str, AccessEnd]] = []

    async def scenario() -> None:
        admissions = build_admissions()
        for user in (alice, bob):
            caller = await authenticate(await asyncio.to_thread(issue_token, user, ttl_seconds=60))
            name = user.username
            admissions.register(caller, lambda reason, name=name: ended.append((name, reason)))  # type: ignore[misc]
        await admissions.check()
        assert ended == []
        await in_database_thread(revoke_tokens, user_id=alice.pk)
        await in_database_thread(bob.delete)
        await admissions.check()

    asyncio.run(scenario())
    assert sorted(ended) == [("alice", AccessEnd.REVOKED), ("bob", AccessEnd.DEACTIVATED)]
