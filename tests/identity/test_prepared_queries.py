"""A composed query gives what the ORM gives, and nothing is composed that may change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import F, Manager, QuerySet

from live_inbox.composed_queries import fetch
from live_inbox.identity.user_lookup import has_plain_rows, users_by
from live_inbox.internals import psycopg_rows
from live_inbox.internals.prepared_queries import PreparedQuery
from live_inbox.models import TokenRevocation
from live_inbox.statement_rows import RowReader, are_same_in_binary
from tests.domain.query_counting import queries

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def by_name(name: str) -> QuerySet[User]:
    return User.objects.select_related("live_inbox_token_revocation").filter(username=name)[:2]


def prepared_query(query: QuerySet[Any], values: list[object]) -> PreparedQuery:
    return PreparedQuery(query, values, RowReader().read)


def test_it_gives_the_same_objects() -> None:
    alice = User.objects.create_user("alice", last_name="Adams", email="a@example.com")
    bob = User.objects.create_user("bob", last_login=NOON)
    TokenRevocation.objects.create(user=bob, not_before=NOON, token_ids={"a": 5.5})
    prepared = prepared_query(by_name("somebody"), ["somebody"])
    for user in (alice, bob):
        with queries() as statements:
            (found,) = prepared.fetch([user.username])
            (expected,) = by_name(user.username)
            same = [getattr(found, each.attname) for each in User._meta.concrete_fields]
            revocations = [
                getattr(each, "live_inbox_token_revocation", None) for each in (found, expected)
            ]
        assert same == [getattr(expected, each.attname) for each in User._meta.concrete_fields]
        assert (found, found._state.db, found._state.adding) == (user, connection.alias, False)
        assert revocations[0] == revocations[1]
        assert statements[0] == statements[1]
        assert len(statements) == 2
    assert found.live_inbox_token_revocation.token_ids == {"a": 5.5}
    assert found.live_inbox_token_revocation.not_before == NOON
    assert prepared.fetch(["nobody"]) == []


def test_rows_in_binary_form_give_the_same_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    in_binary = psycopg_rows.fetch

    def noted(connection: Any, text: str, *args: Any, **kwargs: Any) -> Any:
        read.append(text)
        return in_binary(connection, text, *args, **kwargs)

    monkeypatch.setattr(psycopg_rows, "fetch", noted)
    bob = User.objects.create_user("bob", last_login=NOON, last_name="B\u00f6ll", is_staff=True)
    TokenRevocation.objects.create(user=bob, not_before=NOON, token_ids={"a": 5.5})
    prepared = prepared_query(by_name("somebody"), ["somebody"])
    found = [prepared.fetch(["bob"])[0] for _ in range(3)]
    attributes = [each.attname for each in User._meta.concrete_fields]
    (expected,) = by_name("bob")
    for each in found:
        values = [(type(value := getattr(each, name)), value) for name in attributes]
        assert values == [
            (type(getattr(expected, name)), getattr(expected, name)) for name in attributes
        ]
        assert (each.last_login, each.last_login.utcoffset()) == (NOON, timedelta())
        assert each.live_inbox_token_revocation.token_ids == {"a": 5.5}
    # The first one finds out whether the columns allow it.
    assert len(read) == (2 if connection.vendor == "postgresql" else 0)


@pytest.mark.parametrize(
    ("column", "is_same"),
    [
        ("1::bigint, 'a'::text, true, '{}'::jsonb, now(), now()::date, 1.5::numeric", True),
        ("'192.0.2.1'::inet", False),
        ("'{1}'::integer[]", False),
        ("interval '1 hour'", False),
        ("'a'::name", False),
    ],
)
def test_other_types_are_read_as_text(column: str, is_same: bool) -> None:
    if connection.vendor != "postgresql":
        assert not are_same_in_binary(connection, ())
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column}")
        assert are_same_in_binary(connection, cursor.description) is is_same


@pytest.mark.parametrize(
    "query",
    [
        lambda: User.objects.filter(username="a", last_name="b"),
        lambda: User.objects.all(),
        lambda: User.objects.filter(username__in=["a", "b"]),
        lambda: User.objects.filter(username="b"),
    ],
)
def test_other_parameters_are_refused(query: Any) -> None:
    with pytest.raises(ValueError, match=r"parameters|not in list"):
        prepared_query(query(), ["a"])


class _Active(Manager[User]):
    def get_queryset(self) -> QuerySet[User]:
        return super().get_queryset().filter(is_active=True)


class _Other(QuerySet[User]):
    pass


def test_managers_that_choose_are_left_to_the_orm() -> None:
    assert has_plain_rows(User._default_manager)
    assert has_plain_rows(Group._default_manager) is True
    assert not has_plain_rows(_Active())
    assert not has_plain_rows(Manager.from_queryset(_Other)())


def test_users_are_looked_up_by_one_statement_each_time() -> None:
    users = [User.objects.create_user(name) for name in ("alice", "bob")]
    field = User._meta.get_field("username")
    for user in users * 2:
        with queries() as statements:
            assert users_by(field, [user.username]) == {user.username: user}
        assert len(statements) == 1


def test_parameters_have_any_order_and_annotations_are_there() -> None:
    for name in ("alice", "bob"):
        User.objects.create_user(name, last_name=f"of {name}")

    def query(last_name: str, name: str) -> QuerySet[Any]:
        found = User.objects.annotate(other=F("last_name"))
        return found.filter(username=name).filter(last_name=last_name)

    prepared = prepared_query(query("of alice", "alice"), ["of alice", "alice"])
    (bob,) = prepared.fetch(["of bob", "bob"])
    assert (bob.username, bob.other) == ("bob", "of bob")
    assert prepared.fetch(["bob", "of bob"]) == []
    with pytest.raises(ValueError, match="other parameters"):
        prepared_query(query("same", "same"), ["same", "same"])


def test_equal_values_are_left_to_the_orm_until_others_come() -> None:
    alice = User.objects.create_user("alice", last_name="alice")

    def find(name: str, last_name: str) -> list[Any]:
        query = User.objects.filter(username=name, last_name=last_name)
        return fetch("by two names", lambda: query, [name, last_name])

    assert find("alice", "alice") == [alice]
    assert find("alice", "other") == []
    assert find("other", "alice") == []
    assert find("alice", "alice") == [alice]
