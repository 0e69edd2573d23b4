"""Who callers are, read without the ORM's objects: always what the ORM says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User, UserManager
from django.db import connection, models
from django.test.utils import CaptureQueriesContext, register_lookup

from live_inbox.database import connection as inbox_connection
from live_inbox.identity.account_rows import (
    CallerName,
    JoinedColumns,
    NameResult,
    _reader_for,
    name_with,
    names_for,
)
from live_inbox.identity.accounts import AccountConfig, accounts_for
from live_inbox.identity.errors import Reason
from live_inbox.identity.revocation import revoke_token, revoke_tokens
from live_inbox.identity.tokens import VerifiedToken
from live_inbox.snapshots import person
from tests.changed_settings import changed_settings
from tests.identity.test_user_lookup import BY_ADDRESS, BY_NAME, TOO_BIG, _ExactIgnoringCase

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
BY_KEY = AccountConfig()


def token(
    user_ref: object, issued_at: float | None = NOON.timestamp(), **rest: Any
) -> VerifiedToken:
    return VerifiedToken(str(user_ref), frozenset(), issued_at, NOON.timestamp() + 300, **rest)


@pytest.fixture
def people(db: None) -> list[User]:
    """One of each kind: in order, inactive, all revoked at noon, one token revoked, named by an address."""
    names = ("alice", "bob", "carol", "dave", "erin@example.com")
    people = [User.objects.create_user(name, first_name=name.title()) for name in names]
    User.objects.filter(username="bob").update(is_active=False)
    revoke_tokens(user_id=people[2].pk, now=NOON)
    revoke_token(user_id=people[3].pk, token_id="stolen")
    return people


@pytest.fixture
def asked(people: list[User]) -> list[VerifiedToken]:
    """Every kind of token, some twice."""
    alice, bob, carol, dave, erin = (each.pk for each in people)
    return [
        token(alice),
        token(f" {alice} "),
        token(TOO_BIG),
        token("no number"),
        token("0"),
        token(bob),
        token(carol, NOON.timestamp() - 0.001),
        token(carol),
        token(carol, None),
        token(dave),
        token(dave, token_id="stolen"),
        token(dave, token_id="other"),
        token(erin),
        token(alice),
    ]


def by_orm(asked: list[VerifiedToken], config: AccountConfig = BY_KEY) -> list[NameResult]:
    return [
        each if isinstance(each, Reason) else CallerName(str(each.pk), person(each))
        for each in accounts_for(asked, config)
    ]


def has_reader(config: AccountConfig = BY_KEY) -> bool:
    return _reader_for(inbox_connection(), config) is not None


def test_all_are_who_the_orm_says_in_one_query(asked: list[VerifiedToken]) -> None:
    assert has_reader()
    with CaptureQueriesContext(connection) as queries:
        found = names_for(asked, BY_KEY)
    assert len(queries) == 1
    assert found == by_orm(asked) == names_for(asked, BY_KEY)
    assert sum(isinstance(each, CallerName) for each in found) == 7


def test_each_alone(asked: list[VerifiedToken]) -> None:
    assert [names_for([each], BY_KEY)[0] for each in asked] == by_orm(asked)


EMAIL = JoinedColumns(
    "CAST(joined.email AS TEXT)",
    "LEFT JOIN auth_user AS joined ON joined.id = account.id AND joined.username = %s",
    ("alice",),
    is_same_in_binary=True,
)


def test_columns_that_are_joined_come_with_each_account(
    people: list[User], asked: list[VerifiedToken]
) -> None:
    User.objects.filter(username="alice").update(email="a@example.com")
    found = [name_with(each, BY_KEY, EMAIL) for each in asked]
    assert [name for name, _ in found] == by_orm(asked)
    rows = [None if row is None else tuple(row) for _, row in found]
    mine, other = ("a@example.com",), (None,)
    assert rows == [mine, mine, None, None, None, *[other] * 8, mine]


def test_without_such_a_statement_nothing_is_joined(people: list[User]) -> None:
    named, row = name_with(token("alice"), BY_NAME, EMAIL)
    assert (by_orm([token("alice")], BY_NAME), row) == ([named], None)


@pytest.mark.parametrize("count", range(6))
def test_any_number(people: list[User], count: int) -> None:
    asked = [token(each.pk) for each in people[:count]]
    assert names_for(asked, BY_KEY) == by_orm(asked)


@pytest.mark.parametrize("config", [BY_NAME, BY_ADDRESS])
def test_fields_that_are_compared_otherwise_are_left_to_the_orm(
    people: list[User], config: AccountConfig
) -> None:
    assert not has_reader(config)
    asked = [token("alice"), token("Alice"), token("x")]
    assert names_for(asked, config) == by_orm(asked, config)


class TestProjects:
    """What a project has a say in is left to the ORM."""

    def test_names(self, asked: list[VerifiedToken], monkeypatch: pytest.MonkeyPatch) -> None:
        before = names_for(asked, BY_KEY)
        monkeypatch.setattr(User, "get_full_name", lambda user: f"{user.pk}, {user.email}")
        after = names_for(asked, BY_KEY)
        assert after == by_orm(asked) != before

    def test_the_setting(self, asked: list[VerifiedToken]) -> None:
        with changed_settings(SENDER_NAME="tests.domain.test_read_columns.full_name"):
            assert not has_reader()
            assert names_for(asked, BY_KEY) == by_orm(asked)

    def test_a_manager_that_chooses(
        self, asked: list[VerifiedToken], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def some(manager: models.Manager[User]) -> models.QuerySet[User]:
            return models.QuerySet(User, using=manager._db).exclude(username="alice")

        monkeypatch.setattr(UserManager, "get_queryset", some)
        assert not has_reader()
        assert names_for(asked, BY_KEY) == by_orm(asked)

    def test_a_lookup(self, asked: list[VerifiedToken]) -> None:
        key: Any = User._meta.pk
        with register_lookup(key, _ExactIgnoringCase):
            assert not has_reader()
