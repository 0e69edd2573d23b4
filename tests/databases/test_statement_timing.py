"""Statements are measured by what they do, on whichever way they go to the database, and by whichever thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.db.utils import ConnectionHandler

import live_inbox
from live_inbox import database, metrics, selectors, statement_timing
from live_inbox.models import Notification
from live_inbox.statement_rows import may_be_binary
from live_inbox.statement_timing import Statement, label_of, timed
from tests.databases.everything import call_everything

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def _all_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_timing, "MEASURED", 1.0)


@pytest.fixture
def users() -> list[User]:
    return User.objects.bulk_create(User(username=f"u{n}") for n in range(3))


def measured() -> Counter[str]:
    """Return how many statements have been measured, by label."""
    (family,) = metrics.DATABASE_STATEMENT_SECONDS.collect()
    return Counter(
        {
            each.labels["statement"]: int(each.value)
            for each in family.samples
            if each.name.endswith("_count")
        }
    )


# -- what they are called --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('UPDATE "live_inbox_notification" SET "read_at" = %s', "UPDATE notification"),
        ("UPDATE live_inbox_inbox SET epoch = %s WHERE user_id = %s", "UPDATE inbox"),
        ('INSERT INTO "live_inbox_inboxevent" (inbox_id) SELECT 1', "INSERT inboxevent"),
        ('INSERT OR IGNORE INTO "live_inbox_deployment" ("id")', "INSERT deployment"),
        ('DELETE FROM "live_inbox_bulksend" WHERE "id" IN (%s)', "DELETE bulksend"),
        ('SELECT "auth_user"."id" FROM "auth_user"', "SELECT user"),
        # Not the table of a subquery among the columns, and that of one which is the source.
        (
            "SELECT a, (SELECT COUNT(*) FROM x WHERE EXTRACT(EPOCH FROM y)) FROM live_inbox_bulksend",
            "SELECT bulksend",
        ),
        (
            'SELECT COUNT(*) FROM (SELECT "id" FROM "live_inbox_notification") subquery',
            "SELECT notification",
        ),
        ("/* live_inbox: list */ SELECT 1", "list"),
        ("/* live_inbox: a name of somebody else */ SELECT 1", "other"),
        ("/* live_inbox: never ended", "other"),
        ('SELECT "shop_order"."id" FROM "shop_order"', "other"),
        ("SELECT clock_timestamp()", "other"),
        ("SELECT * FROM", "other"),
        ("SAVEPOINT x", "other"),
        ("BEGIN IMMEDIATE", "other"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "other"),
        ("", "other"),
    ],
)
def test_a_statement_is_called_by_its_name_or_by_its_verb_and_table(text: str, label: str) -> None:
    assert label_of(text) == label


def test_a_long_statement_is_not_kept() -> None:
    text = f"INSERT INTO live_inbox_notification VALUES {'(%s), ' * 100_000}"
    assert label_of(text) == "INSERT notification"
    before = statement_timing._label_of.cache_info().currsize
    assert label_of(text + "(%s)") == "INSERT notification"
    assert statement_timing._label_of.cache_info().currsize == before


# -- which are measured ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("_all_are_measured")
def test_each_statement_of_the_inbox_is_measured_once(users: list[User]) -> None:
    call_everything(users)
    seen: list[str] = []

    def collect(execute: Any, sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    before = measured()
    with connection.execute_wrapper(collect):
        call_everything(users)
    found = measured() - before
    assert found.total() == len(seen) > 150
    assert found == Counter(map(label_of, seen))
    # What nobody could tell apart: transactions, clocks and sequences.
    others = {sql for sql in seen if label_of(sql) == "other"}
    assert [sql for sql in others if "live_inbox_" in sql] == []
    named = {"list", "log_events", "log_heads", "erase_events"}
    if connection.vendor == "postgresql":
        named |= {"send", "mark"}
    assert named <= found.keys()
    assert len(found) < 60


@pytest.mark.stack("production")
@pytest.mark.usefixtures("_all_are_measured")
def test_rows_in_binary_form_are_measured_and_still_come_in_it(users: list[User]) -> None:
    live_inbox.send(recipient=users[0], title="x")
    before = measured()
    assert may_be_binary(database.connection())
    page = selectors.page(user_id=users[0].pk, limit=5)
    assert len(page.notifications) == 1
    assert measured() - before == {"list": 1}


@pytest.mark.usefixtures("_all_are_measured")
def test_a_statement_that_fails_is_measured(users: list[User]) -> None:
    before = measured()
    with suppress(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE live_inbox_notification SET no_such_column = 1")
    assert (measured() - before)["UPDATE notification"] == 1


@pytest.mark.usefixtures("_all_are_measured")
def test_statements_of_any_thread_are_measured(users: list[User]) -> None:
    before = measured()

    def read() -> None:
        try:
            Notification.objects.count()
        finally:
            connection.close()

    thread = Thread(target=read)
    thread.start()
    thread.join()
    assert (measured() - before)["SELECT notification"] == 1


def test_one_in_eight_is_measured_by_chance(
    users: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: Iterator[float] = iter([0.0, 0.1249, 0.125, 0.9])
    monkeypatch.setattr(statement_timing, "_chance", lambda: next(drawn))
    before = measured()
    for _ in range(4):
        Notification.objects.exists()
    assert measured() - before == {"SELECT notification": 2}


# -- beside others ---------------------------------------------------------------------------------------


def test_a_wrapper_of_the_project_is_removed_and_not_ours(users: list[User]) -> None:
    def theirs(execute: Any, *arguments: Any) -> Any:
        return execute(*arguments)

    connection.close()
    connection.execute_wrappers.clear()
    with connection.execute_wrapper(theirs):
        connection.ensure_connection()
        assert connection.execute_wrappers == [timed, theirs]
        assert not may_be_binary(database.connection())
    assert connection.execute_wrappers == [timed]


def test_other_databases_of_the_project_are_left_alone(users: list[User]) -> None:
    of_project = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    other = ConnectionHandler({"default": {}, "reports": of_project})["reports"]
    other.ensure_connection()
    assert other.execute_wrappers == []
    other.close()


def test_names_are_some_that_an_operator_reads() -> None:
    assert all(label_of(f"{each.comment}SELECT 1") == each.value for each in Statement)
