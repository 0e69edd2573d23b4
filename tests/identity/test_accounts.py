"""Finding the user of a verified token, and the account statuses for open sockets."""

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
from live_inbox.identity.admissions import AccountStatus
from live_inbox.identity.errors import AuthenticationFailed, InvalidIdentityConfig, Reason
from live_inbox.identity.revocation import revoke_tokens
from live_inbox.identity.tokens import VerifiedToken

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
BY_NAME = AccountConfig(user_field="username")
CREATING = AccountConfig(user_field="username", create_users=True)


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


def test_an_address_shared_by_two_users_matches_neither(alice: User) -> None:
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
def test_tokens_issued_before_a_revocation_are_refused(
    issued_at: float | None, is_refused: bool, alice: User
) -> None:
    assert account_for(token(str(alice.pk), issued_at), AccountConfig()) == alice
    assert revoke_tokens(user_id=alice.pk, now=NOON) == NOON
    verified = token(str(alice.pk), issued_at)
    if is_refused:
        assert refusal(verified) is Reason.REVOKED
    else:
        assert account_for(verified, AccountConfig()) == alice


def test_a_revocation_affects_one_user_only(alice: User) -> None:
    bob = User.objects.create_user("bob")
    revoke_tokens(user_id=str(alice.pk), now=NOON)
    assert account_for(token(str(bob.pk), None), AccountConfig()) == bob


def test_a_revocation_never_moves_back(alice: User) -> None:
    earlier, later = NOON.replace(hour=11), NOON.replace(hour=13)
    moments = [revoke_tokens(user_id=alice.pk, now=now) for now in (NOON, earlier, later)]
    assert moments == [NOON, NOON, later]


def test_a_revocation_defaults_to_the_current_time(alice: User) -> None:
    before = datetime.now(UTC)
    assert before <= revoke_tokens(user_id=alice.pk) <= datetime.now(UTC)


@pytest.mark.django_db
def test_revoking_the_tokens_of_an_unknown_user_raises() -> None:
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
def test_the_first_token_creates_the_user() -> None:
    created = account_for(token("auth0|5f7c"), CREATING)
    assert isinstance(created, User)
    assert (created.username, created.is_active, created.is_staff) == ("auth0|5f7c", True, False)
    assert not created.has_usable_password()
    assert account_for(token("auth0|5f7c"), CREATING) == created
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_no_user_is_created_unless_configured() -> None:
    assert refusal(token("carol"), BY_NAME) is Reason.UNKNOWN_USER
    assert refusal(token("c" * 151), CREATING) is Reason.UNKNOWN_USER
    assert not User.objects.exists()


def test_creation_does_not_activate_an_inactive_user(alice: User) -> None:
    User.objects.update(is_active=False)
    assert refusal(token("alice"), CREATING) is Reason.INACTIVE
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_with_the_first_token_create_one_user() -> None:
    together = threading.Barrier(4)

    def first_request() -> Any:
        try:
            connection.ensure_connection()
            together.wait(30)
            return account_for(token("carol"), CREATING).pk
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
def test_an_invalid_configuration_is_refused_at_startup(
    config: AccountConfig, message: str
) -> None:
    with pytest.raises(InvalidIdentityConfig) as failure:
        check_account_config(config)
    assert str(failure.value).startswith(message)


@pytest.mark.parametrize(
    "config", [AccountConfig(), AccountConfig("email"), BY_NAME, CREATING], ids=str
)
def test_a_valid_configuration_is_accepted(config: AccountConfig) -> None:
    check_account_config(config)


# -- account_statuses ------------------------------------------------------------------------------------


def test_account_statuses_take_one_query(alice: User) -> None:
    bob, carol, dave = (User.objects.create_user(name) for name in ("bob", "carol", "dave"))
    User.objects.filter(pk=bob.pk).update(is_active=False)
    revoke_tokens(user_id=carol.pk, now=NOON)
    ids = [str(user.pk) for user in (alice, bob, carol, dave)]
    dave.delete()
    with CaptureQueriesContext(connection) as queries:
        assert account_statuses(ids) == {
            ids[0]: AccountStatus(True, None, alice.password),
            ids[1]: AccountStatus(False, None, bob.password),
            ids[2]: AccountStatus(True, NOON.timestamp(), carol.password),
        }
    assert len(queries) == 1


@pytest.mark.django_db
def test_more_users_than_one_statement_accepts() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert account_statuses([str(number) for number in range(20_001)]) == {}
    assert len(queries) == 3
    assert account_statuses([]) == {}
