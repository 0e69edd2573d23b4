"""SQLite as a new project of Django has it: no `transaction_mode`, and no write-ahead log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction
from pytest_django import Settings

import live_inbox
from live_inbox.maintenance.repair import check_inboxes
from tests.databases.conftest import AddDatabase, Router
from tests.domain.concurrency import THREADS, at_once
from tests.domain.doorbells import RememberingDoorbell

pytestmark = pytest.mark.stack("embedded")


@pytest.fixture(params=["delete", "wal"])
def plain(
    request: pytest.FixtureRequest,
    add_database: AddDatabase,
    settings: Settings,
    bell: RememberingDoorbell,
) -> str:
    """The alias of the inbox, in a file with this journal."""
    alias = add_database()
    settings.DATABASE_ROUTERS = [Router(write=alias, read=alias)]
    with connections[alias].cursor() as cursor:
        cursor.execute(f"PRAGMA journal_mode={request.param}")
    return alias


def test_concurrent_changes_all_succeed(plain: str) -> None:
    alice = User.objects.db_manager(plain).create_user("alice")

    def changes() -> None:
        for n in range(12):
            sent = live_inbox.send(recipient=alice, title="x", idempotency_key=f"k{n % 3}")
            assert sent.notification is not None
            live_inbox.mark_read(user=alice, notification_id=sent.notification.pk)
            live_inbox.set_preference(user=alice, type="news", enabled=False)

    calls: list[Callable[[], Any]] = [changes] * THREADS
    assert at_once(*calls) == [None] * THREADS
    assert list(check_inboxes()) == []


def test_the_mode_of_other_transactions_stays(plain: str) -> None:
    alice = User.objects.db_manager(plain).create_user("alice")
    live_inbox.send(recipient=alice, title="x")
    statements: list[str] = []

    def collect(execute: Any, sql: str, *others: Any) -> Any:
        statements.append(sql)
        return execute(sql, *others)

    with connections[plain].execute_wrapper(collect):
        with transaction.atomic(using=plain):
            live_inbox.send(recipient=alice, title="x")
        live_inbox.send(recipient=alice, title="x")
        connections[plain].close()
        live_inbox.send(recipient=alice, title="x")
    begun = [sql for sql in statements if sql.startswith("BEGIN")]
    assert begun == ["BEGIN", "BEGIN IMMEDIATE", "BEGIN IMMEDIATE"]
