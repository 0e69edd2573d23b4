"""What is read of notifications and senders: only what is wanted, in binary form, and always as the ORM reads it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.db import ProgrammingError, connection, transaction
from django.db.models.signals import post_init
from django.utils import timezone

from live_inbox import database, selectors, services
from live_inbox.events import Snapshot
from live_inbox.models import Notification
from live_inbox.selectors.inbox_state import InboxState
from live_inbox.selectors.snapshot_rows import ALL, reader_for
from live_inbox.snapshots import snapshot
from live_inbox.statement_rows import may_be_binary, rows_of_statement
from tests.changed_settings import changed_settings
from tests.domain.query_counting import queries

pytestmark = pytest.mark.django_db(transaction=True)

STATE = {field.name for field in dataclasses.fields(InboxState)}
DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(Snapshot)}
HERE = "tests.domain.test_read_columns"
NAMES = [
    {"username": "bob", "first_name": "Bob", "last_name": "Brown"},
    {"username": "bob@example.com", "first_name": " ", "last_name": ""},
    {"username": "bøb", "first_name": "“Bob”\u202e", "last_name": "bob@example.com"},
]
CONTENTS: list[dict[str, Any]] = [
    {"title": "x"},
    {"title": "“é” \U0001f514", "message": 'a\n"b"\\', "type": "billing.paid", "link": "/a?b=c"},
    {"title": "y", "data": {"a": [1, 2.5, None, True, "é"], "big": 2**60, "b": {}}},
]


@pytest.fixture
def filled(alice: User) -> User:
    """Alice, whose inbox has something of everything."""
    senders = [None, *(User.objects.create_user(**names) for names in NAMES)]
    for content in CONTENTS:
        for sender in senders:
            sender_id = None if sender is None else sender.pk
            sent = services.send(recipient_id=alice.pk, sender_id=sender_id, **content)
            if sender is not None and sent.notification is not None:
                services.mark_read(user_id=alice.pk, notification_id=sent.notification.pk)
    return alice


def by_orm(user: User) -> list[Snapshot]:
    found = Notification.objects.filter(recipient=user).select_related("sender").order_by("-pk")
    return [snapshot(each) for each in found]


@contextmanager
def watched(statements: list[str]) -> Iterator[None]:
    """Have a wrapper of the project around each statement."""

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with database.connection().execute_wrapper(watch):
        yield


def test_a_list_is_what_the_orm_reads(filled: User) -> None:
    page = selectors.page(user_id=filled.pk, limit=50)
    assert page.notifications == by_orm(filled)
    assert len(page.notifications) == len(CONTENTS) * (1 + len(NAMES))


def test_who_watches_statements_sees_lists_and_changes_nothing(filled: User) -> None:
    unwatched = selectors.page(user_id=filled.pk, limit=50)
    statements: list[str] = []
    with watched(statements):
        assert not may_be_binary(database.connection())
        assert selectors.page(user_id=filled.pk, limit=50) == unwatched
    assert len(statements) == 1
    with queries() as counted:
        selectors.page(user_id=filled.pk, limit=50)
    assert len(counted) == 1


@pytest.mark.parametrize("fields", [set(), *({name} for name in ALL), set(ALL), {"title", "data"}])
def test_what_is_not_wanted_is_left_out(filled: User, fields: set[str]) -> None:
    page = selectors.page(user_id=filled.pk, limit=50, fields=frozenset(fields))
    for whole, part in zip(by_orm(filled), page.notifications, strict=True):
        for name in fields | {"id"}:
            assert getattr(part, name) == getattr(whole, name)
        for name in set(ALL) - fields - {"id"}:
            assert getattr(part, name) in (None, DEFAULTS.get(name))


def test_the_rows_may_come_in_any_order(filled: User) -> None:
    services.snooze(
        user_id=filled.pk,
        notification_id=by_orm(filled)[-1].id,
        until=timezone.now() + timedelta(days=1),
    )
    services.unsnooze(user_id=filled.pk, notification_id=by_orm(filled)[-1].id)
    expected = selectors.page(user_id=filled.pk, limit=50).notifications
    assert expected[0].returned_rank is not None
    reader = reader_for(database.alias())
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {reader.sql('note', 'sender')} FROM live_inbox_notification AS note"
            " LEFT JOIN auth_user AS sender ON sender.id = note.sender_id ORDER BY note.title, note.id"
        )
        assert reader.snapshots(cursor.fetchall()) == expected


@pytest.mark.parametrize("unread", [0, 3])
@pytest.mark.parametrize("fields", [set(), *({name} for name in STATE), {*STATE, "title"}])
def test_what_is_not_wanted_of_the_inbox_is_left_out(
    filled: User, fields: set[str], unread: int
) -> None:
    if not unread:
        services.mark_all_read(user_id=filled.pk)
    whole = selectors.page(user_id=filled.pk, limit=50, read=False)
    part = selectors.page(user_id=filled.pk, limit=50, read=False, fields=frozenset(fields))
    assert len(part.notifications) == len(whole.notifications) == unread
    assert whole.inbox == selectors.inbox_state(user_id=filled.pk)
    for name in STATE & fields:
        assert getattr(part.inbox, name) == getattr(whole.inbox, name)
    for name in STATE - fields - {"position"}:
        assert getattr(part.inbox, name) is None
    if "position" not in fields:
        assert part.inbox.position.epoch is None


def full_name(user: User) -> str:
    """A project's own idea of a name."""
    return f"{user.last_name}, {user.first_name} ({user.is_staff})"


class TestNames:
    """The three columns of Django's names are enough for Django's names only."""

    def test_a_model_with_names_of_its_own(
        self, filled: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = selectors.page(user_id=filled.pk, limit=50)
        monkeypatch.setattr(User, "get_full_name", full_name)
        after = selectors.page(user_id=filled.pk, limit=50)
        assert after.notifications == by_orm(filled) != before.notifications

    def test_a_username_of_its_own(self, filled: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(User, "get_username", lambda user: user.first_name)
        assert selectors.page(user_id=filled.pk, limit=50).notifications == by_orm(filled)

    def test_the_setting(self, filled: User) -> None:
        before = selectors.page(user_id=filled.pk, limit=50)
        with changed_settings(SENDER_NAME=f"{HERE}.full_name"):
            after = selectors.page(user_id=filled.pk, limit=50)
            assert after.notifications == by_orm(filled) != before.notifications

    def test_a_receiver_that_changes_users(self, filled: User) -> None:
        def shout(instance: User, **kwargs: Any) -> None:
            instance.first_name = instance.first_name.upper()

        before = selectors.page(user_id=filled.pk, limit=50)
        post_init.connect(shout, sender=User)
        try:
            after = selectors.page(user_id=filled.pk, limit=50)
            assert after.notifications == by_orm(filled) != before.notifications
        finally:
            post_init.disconnect(shout, sender=User)


@pytest.mark.stack("production")
class TestBinary:
    def test_lists_are_binary_where_nobody_watches(self) -> None:
        assert may_be_binary(database.connection())
        with watched([]):
            assert not may_be_binary(database.connection())

    def test_an_error_is_one_of_django(self) -> None:
        with pytest.raises(ProgrammingError):
            rows_of_statement(database.connection(), "SELECT nothing", [], is_binary=True)

    def test_a_broken_transaction_is_not_read_in(self, filled: User) -> None:
        with transaction.atomic():
            transaction.set_rollback(True)
            with pytest.raises(transaction.TransactionManagementError):
                selectors.page(user_id=filled.pk, limit=1)

    def test_a_column_of_another_type_is_text(self, filled: User) -> None:
        """Such as `citext`, whose values psycopg does not know."""
        whole = by_orm(filled)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE TYPE mood AS ENUM ('Alice', 'Bob', ' ', '', '“Bob”\u202e')")
            cursor.execute(
                "ALTER TABLE auth_user ALTER first_name TYPE mood USING first_name::mood"
            )
            assert may_be_binary(database.connection())
            assert selectors.page(user_id=filled.pk, limit=50).notifications == whole
            transaction.set_rollback(True)
