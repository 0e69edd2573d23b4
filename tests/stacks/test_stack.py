"""The database of the tests on each stack: emptied after a test, copied for servers of their own."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import dj_database_url
import psycopg
import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from tests.stacks import cleaning
from tests.stacks.stack import Stack


def usernames(url: str) -> list[str]:
    """Read a database that Django does not know."""
    address = dj_database_url.parse(url)
    query = "SELECT username FROM auth_user"
    if "sqlite" in address["ENGINE"]:
        with closing(sqlite3.connect(address["NAME"])) as file:
            return [name for (name,) in file.execute(query)]
    with psycopg.connect(url) as server:
        return [name for (name,) in server.execute(query)]


def test_the_stack_is_what_the_tests_run_on(stack: Stack) -> None:
    vendors = {"embedded": "sqlite", "production": "postgresql"}
    assert connection.vendor == vendors[stack.name]
    assert (stack.redis is not None) == stack.is_production
    assert stack.redis is None or stack.redis.answers()


@pytest.mark.django_db(transaction=True)
def test_cleaning_takes_rows_and_leaves_what_migrations_made() -> None:
    before = (ContentType.objects.count(), Permission.objects.count())
    group = Group.objects.create(name="group")
    group.permissions.add(Permission.objects.first() or pytest.fail("there are permissions"))
    user = User.objects.create(username="user")
    user.groups.add(group)

    cleaning.empty_database("default")

    assert [User.objects.count(), Group.objects.count()] == [0, 0]
    assert (ContentType.objects.count(), Permission.objects.count()) == before


@pytest.mark.stack("production")
@pytest.mark.django_db(transaction=True)
def test_cleaning_truncates_what_has_grown_large() -> None:
    kept = (ContentType.objects.count(), Permission.objects.count())
    User.objects.bulk_create(User(username=f"user{n}", first_name="x" * 100) for n in range(8000))
    sizes = []
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_relation_size('auth_user')")
            sizes.append(cursor.fetchone()[0])
        cleaning.empty_database("default")
    assert sizes[0] > cleaning.LARGE_BYTES
    assert sizes[1] == 0
    assert (ContentType.objects.count(), Permission.objects.count()) == kept


@pytest.mark.stack("production")
@pytest.mark.django_db(transaction=True)
def test_cleaning_ends_what_a_failed_test_left(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "LOCK_SECONDS", 1)
    User.objects.create(username="alice")
    with closing(psycopg.connect(stack.test_database_url())) as forgotten:
        forgotten.execute("UPDATE auth_user SET first_name = 'held'")
        cleaning.empty_database("default")
        with pytest.raises(psycopg.OperationalError):
            forgotten.commit()
    assert User.objects.count() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "second"])
def test_a_test_that_commits_finds_nothing_of_the_one_before(time: str) -> None:
    assert User.objects.count() == 0
    User.objects.create(username="the same name each time")


@pytest.mark.django_db(transaction=True)
def test_a_fresh_database_is_migrated_and_empty(stack: Stack) -> None:
    User.objects.create(username="alice")
    assert usernames(stack.test_database_url()) == ["alice"]
    assert usernames(stack.fresh_database()) == []


def test_fresh_databases_are_different(stack: Stack, django_db_setup: None) -> None:
    assert stack.fresh_database() != stack.fresh_database()
