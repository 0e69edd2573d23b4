"""Finding many users in one query, with the results of single queries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.lookups import Exact, In
from django.test.utils import CaptureQueriesContext, register_lookup
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_inbox.composed_queries import forget_composed
from live_inbox.identity.accounts import AccountConfig, AccountResult, account_for, accounts_for
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.revocation import revoke_tokens
from live_inbox.identity.tokens import VerifiedToken
from live_inbox.identity.user_lookup import users_by, value_of
from live_inbox.models import TokenRevocation

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
BY_NAME = AccountConfig(user_field="username")
BY_ADDRESS = AccountConfig(user_field="email")
TOO_BIG = "9" * 30


def token(user_ref: str, issued_at: float | None = NOON.timestamp()) -> VerifiedToken:
    return VerifiedToken(user_ref, frozenset(), issued_at, NOON.timestamp() + 300)


def alone(verified: VerifiedToken, config: AccountConfig) -> AccountResult:
    try:
        return account_for(verified, config)
    except AuthenticationFailed as refused:
        return refused.reason


@pytest.fixture
def people(db: None) -> list[User]:
    """One of each kind: in order, inactive, revoked at noon; two with one address, and one whose case differs."""
    names = ("alice", "bob", "carol", "twin", "other twin", "Alice")
    people = [User.objects.create_user(name, email=f"{name}@example.com") for name in names]
    User.objects.filter(username="bob").update(is_active=False)
    User.objects.filter(username__endswith="twin").update(email="twin@example.com")
    revoke_tokens(user_id=people[2].pk, now=NOON)
    return people


def test_one_query_finds_all_users(people: list[User]) -> None:
    alice, bob, carol, twin, _, other_alice = people
    asked = [
        token(str(alice.pk)),
        token(TOO_BIG),
        token(str(bob.pk)),
        token("no number"),
        token(str(carol.pk), NOON.timestamp() - 0.001),
        token(str(carol.pk), NOON.timestamp()),
        token(str(carol.pk), None),
        token("0"),
        token(f" {twin.pk} "),
        token(str(other_alice.pk)),
    ]
    with CaptureQueriesContext(connection) as queries:
        assert accounts_for(asked, AccountConfig()) == [
            alice,
            Reason.UNKNOWN_USER,
            Reason.INACTIVE,
            Reason.UNKNOWN_USER,
            Reason.REVOKED,
            carol,
            Reason.REVOKED,
            Reason.UNKNOWN_USER,
            twin,
            other_alice,
        ]
    assert len(queries) == 1


def test_an_address_shared_by_two_users_matches_neither_within_a_batch(people: list[User]) -> None:
    addresses = ("alice@example.com", "twin@example.com", "Alice@example.com", "x@example.com")
    with CaptureQueriesContext(connection) as queries:
        assert accounts_for([token(address) for address in addresses], BY_ADDRESS) == [
            people[0],
            Reason.UNKNOWN_USER,
            people[5],
            Reason.UNKNOWN_USER,
        ]
    assert len(queries) == 1


def test_a_value_shared_by_very_many_users_does_not_load_them_all(people: list[User]) -> None:
    User.objects.bulk_create(User(username=f"u{n}", email="all@example.com") for n in range(50))
    with CaptureQueriesContext(connection) as queries:
        asked = [token("all@example.com"), token("alice@example.com")]
        assert accounts_for(asked, BY_ADDRESS) == [Reason.UNKNOWN_USER, people[0]]
    assert [query["sql"].rpartition("LIMIT ")[2] for query in queries] == ["5", "2", "2"]


class _ExactIgnoringCase(Exact):
    def get_prep_lookup(self) -> Any:
        return self.rhs.lower()

    def process_lhs(self, *args: Any, **kwargs: Any) -> Any:
        sql, params = super().process_lhs(*args, **kwargs)
        return f"LOWER({sql})", params


class _InIgnoringCase(In):
    def get_prep_lookup(self) -> Any:
        return [value.lower() for value in self.rhs]

    def process_lhs(self, *args: Any, **kwargs: Any) -> Any:
        sql, params = super().process_lhs(*args, **kwargs)
        return f"LOWER({sql})", params


@pytest.fixture
def nothing_composed() -> Iterator[None]:
    """Compose the queries of users anew, and again after the test."""
    forget_composed()
    yield
    forget_composed()


@pytest.mark.usefixtures("nothing_composed")
def test_a_case_insensitive_column_gives_case_insensitive_results(people: list[User]) -> None:
    """A project may give the column such a type or collation."""
    field = User._meta.get_field("username")
    asked = [token(name) for name in ("CAROL", "Bob", "aLICE", "nobody")]
    with (
        register_lookup(field, _ExactIgnoringCase, _InIgnoringCase),  # type: ignore[arg-type]  # takes fields as well
        CaptureQueriesContext(connection) as queries,
    ):
        assert accounts_for(asked, BY_NAME) == [
            people[2],
            Reason.INACTIVE,
            Reason.UNKNOWN_USER,
            Reason.UNKNOWN_USER,
        ]
        assert len(queries) == 5


def test_values_that_the_field_cannot_hold_make_no_query(people: list[User]) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert accounts_for([], AccountConfig()) == []
        assert (
            accounts_for([token("x"), token(TOO_BIG)], AccountConfig()) == [Reason.UNKNOWN_USER] * 2
        )
        assert accounts_for([token("a\0"), token("\ud800")], BY_NAME) == [Reason.UNKNOWN_USER] * 2
    assert len(queries) == 0


@pytest.mark.parametrize("text", [TOO_BIG, f"-{TOO_BIG}", "x", "", "1.5", "9223372036854775808"])
def test_a_foreign_key_accepts_the_same_values_as_the_key_it_refers_to(text: str) -> None:
    for field in (User._meta.pk, TokenRevocation._meta.pk):
        assert value_of(field, text) is None
        assert value_of(field, " 7 ") == 7


REFS = st.sampled_from(
    ["alice", "bob", "carol", "twin", "other twin", "Alice", "ALICE", "alice ", " alice", "álice"]
) | st.text(max_size=8)
KEYS = st.integers(-2, 12).map(str) | st.sampled_from(
    [TOO_BIG, f"-{TOO_BIG}", "9223372036854775807", " 1", "٣", "1_0", "+1", "0x1", "1e3", "\0", ""]
)
ISSUED = st.sampled_from([None, NOON.timestamp() - 1, NOON.timestamp(), NOON.timestamp() + 1])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_batch_gives_the_same_results_as_single_lookups(
    people: list[User], data: st.DataObject
) -> None:
    field = data.draw(st.sampled_from(["pk", "username", "email", "last_name", "date_joined"]))
    config = AccountConfig(user_field=field)
    first = people[0].pk
    refs = {
        "pk": KEYS | st.integers(first - 1, first + 7).map(str),
        "username": REFS,
        "email": REFS.map(lambda name: f"{name}@example.com"),
        "last_name": REFS,
        "date_joined": st.sampled_from([str(people[0].date_joined), "2026-07-01 00:00Z", "x"]),
    }[field]
    asked = data.draw(st.lists(st.builds(token, refs, ISSUED), max_size=12))
    assert accounts_for(asked, config) == [alone(verified, config) for verified in asked]


def test_users_are_loaded_with_their_revocation(people: list[User]) -> None:
    field = User._meta.get_field("username")
    found = users_by(field, ["carol", "alice"])
    with CaptureQueriesContext(connection) as queries:
        assert found["carol"].live_inbox_token_revocation.not_before == NOON  # type: ignore[attr-defined]
        assert not hasattr(found["alice"], "live_inbox_token_revocation")
    assert len(queries) == 0
