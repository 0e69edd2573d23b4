"""From a verified token to the user, and how users with open sockets stand."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from live_inbox.identity.accounts import (
    AccountConfig,
    account_for,
    account_statuses,
    check_account_config,
)
from live_inbox.identity.errors import AuthenticationFailed, InvalidIdentityConfig, Reason
from live_inbox.identity.revocation import revoke_tokens
from live_inbox.identity.sessions import AccountStatus
from live_inbox.identity.tokens import VerifiedToken

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
BY_NAME = AccountConfig(user_field="username")
FIRST_SIGHT = AccountConfig(user_field="username", create_users=True)


def token(user_ref: str, issued_at: float | None = NOON.timestamp()) -> VerifiedToken:
    return VerifiedToken(user_ref, frozenset(), issued_at, NOON.timestamp() + 300)


def refusal(verified: VerifiedToken, config: AccountConfig = AccountConfig()) -> Reason:  # noqa: B008
    with pytest.raises(AuthenticationFailed) as failure:
        account_for(verified, config)
    return failure.value.reason


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", email="alice@example.com")


def test_the_user_is_found_by_primary_key_in_one_query(alice: User) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert account_for(token(str(alice.pk)), AccountConfig()) == alice
    assert len(queries) == 1


def test_the_user_is_found_by_a_configured_field(alice: User) -> None:
    assert account_for(token("alice"), BY_NAME) == alice
    assert account_for(token("alice@example.com"), AccountConfig(user_field="email")) == alice


@pytest.mark.django_db
@pytest.mark.parametrize("user_ref", ["0", "-1", "x", "1.5", "9" * 30, "", "None", "1 OR 1=1"])
def test_an_unknown_primary_key(user_ref: str) -> None:
    assert refusal(token(user_ref)) is Reason.UNKNOWN_USER
    assert not User.objects.exists()


def test_an_address_that_two_users_have_names_neither(alice: User) -> None:
    User.objects.create_user("mallory", email=alice.email)
    assert refusal(token(alice.email), AccountConfig(user_field="email")) is Reason.UNKNOWN_USER


def test_an_inactive_user(alice: User) -> None:
    User.objects.update(is_active=False)
    assert refusal(token(str(alice.pk))) is Reason.INACTIVE


# -- revocation -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issued_at", "is_refused"),
    [(NOON.timestamp() - 0.001, True), (None, True), (NOON.timestamp(), False)],
)
def test_tokens_from_before_a_revocation_are_refused(
    issued_at: float | None, is_refused: bool, alice: User
) -> None:
    assert account_for(token(str(alice.pk), issued_at), AccountConfig()) == alice
    assert revoke_tokens(user_id=alice.pk, now=NOON) == NOON
    verified = token(str(alice.pk), issued_at)
    if is_refused:
        assert refusal(verified) is Reason.REVOKED
    else:
        assert account_for(verified, AccountConfig()) == alice


def test_a_revocation_is_of_one_user(alice: User) -> None:
    bob = User.objects.create_user("bob")
    revoke_tokens(user_id=str(alice.pk), now=NOON)
    assert account_for(token(str(bob.pk), None), AccountConfig()) == bob


def test_a_revocation_never_moves_back(alice: User) -> None:
    earlier, later = NOON.replace(hour=11), NOON.replace(hour=13)
    moments = [revoke_tokens(user_id=alice.pk, now=now) for now in (NOON, earlier, later)]
    assert moments == [NOON, NOON, later]


def test_a_revocation_is_now_by_default(alice: User) -> None:
    before = datetime.now(UTC)
    assert before <= revoke_tokens(user_id=alice.pk) <= datetime.now(UTC)


@pytest.mark.django_db
def test_the_tokens_of_nobody_cannot_be_revoked() -> None:
    with pytest.raises(User.DoesNotExist):
        revoke_tokens(user_id=5)


def test_a_deleted_user_leaves_no_revocation(alice: User) -> None:
    revoke_tokens(user_id=alice.pk)
    alice.delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM live_inbox_tokenrevocation")
        assert cursor.fetchone() == (0,)


# -- first sight ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_user_is_created_on_first_sight() -> None:
    created = account_for(token("auth0|5f7c"), FIRST_SIGHT)
    assert isinstance(created, User)
    assert (created.username, created.is_active, created.is_staff) == ("auth0|5f7c", True, False)
    assert not created.has_usable_password()
    assert account_for(token("auth0|5f7c"), FIRST_SIGHT) == created
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_nobody_is_created_unless_configured() -> None:
    assert refusal(token("carol"), BY_NAME) is Reason.UNKNOWN_USER
    assert refusal(token("c" * 151), FIRST_SIGHT) is Reason.UNKNOWN_USER
    assert not User.objects.exists()


def test_creation_does_not_wake_an_inactive_user(alice: User) -> None:
    User.objects.update(is_active=False)
    assert refusal(token("alice"), FIRST_SIGHT) is Reason.INACTIVE
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_requests_with_the_first_token_create_one_user() -> None:
    together = threading.Barrier(4)

    def first_request() -> Any:
        try:
            connection.ensure_connection()
            together.wait(30)
            return account_for(token("carol"), FIRST_SIGHT).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(first_request) for _ in range(4)]
    assert {result.result() for result in results} == {User.objects.get().pk}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (AccountConfig(user_field="nick"), "JWT_USER_FIELD: the user model has no field 'nick'."),
        (AccountConfig(user_field="groups__name"), "JWT_USER_FIELD: the user model has no field"),
        (AccountConfig(user_field="logentry"), "JWT_USER_FIELD: the user model has no field"),
        (AccountConfig(create_users=True), "JWT_CREATE_USERS needs a JWT_USER_FIELD that the"),
        (AccountConfig("id", create_users=True), "JWT_CREATE_USERS needs a JWT_USER_FIELD that the"),
        (AccountConfig("email", create_users=True), "JWT_CREATE_USERS needs a unique "),
    ],
)  # fmt: skip
def test_rules_that_cannot_work_are_refused_at_start(config: AccountConfig, message: str) -> None:
    with pytest.raises(InvalidIdentityConfig) as failure:
        check_account_config(config)
    assert str(failure.value).startswith(message)


@pytest.mark.parametrize(
    "config", [AccountConfig(), AccountConfig("email"), BY_NAME, FIRST_SIGHT], ids=str
)
def test_rules_that_can_work(config: AccountConfig) -> None:
    check_account_config(config)


# -- account_statuses ------------------------------------------------------------------------------------


def test_standings_come_in_one_query(alice: User) -> None:
    bob, carol, dave = (User.objects.create_user(name) for name in ("bob", "carol", "dave"))
    User.objects.filter(pk=bob.pk).update(is_active=False)
    revoke_tokens(user_id=carol.pk, now=NOON)
    ids = [str(user.pk) for user in (alice, bob, carol, dave)]
    dave.delete()
    with CaptureQueriesContext(connection) as queries:
        assert account_statuses(ids) == {
            ids[0]: AccountStatus(active=True, not_before=None),
            ids[1]: AccountStatus(active=False, not_before=None),
            ids[2]: AccountStatus(active=True, not_before=NOON.timestamp()),
        }
    assert len(queries) == 1


@pytest.mark.django_db
def test_more_users_than_one_statement_takes() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert account_statuses([str(number) for number in range(20_001)]) == {}
    assert len(queries) == 3
    assert account_statuses([]) == {}
