"""The query of docs/operating/postgresql.md shows which transaction the others wait for, and what they do."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction

import live_inbox
from tests.databases.conftest import AddDatabase
from tests.stacks.stack import Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack("production")]

PAGE = Path(__file__).parents[2] / "docs" / "operating" / "postgresql.md"


def test_who_waits_for_whom(add_database: AddDatabase, stack: Stack) -> None:
    (query,) = re.findall(
        r"^## Who waits for whom\n.+?```sql\n(.+?)```", PAGE.read_text(), re.M | re.S
    )
    user = User.objects.create_user("alice")
    live_inbox.send(recipient=user, title="before")
    observer = connections[add_database(url=stack.test_database_url())]

    def transactions() -> list[tuple[Any, ...]]:
        with observer.cursor() as cursor:
            cursor.execute(query)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def send() -> None:
        live_inbox.send(recipient=user, title="waits")
        connections.close_all()

    sending = threading.Thread(target=send)
    with transaction.atomic():
        live_inbox.send(recipient=user, title="holds the lock")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (own,) = cursor.fetchone()
        sending.start()
        wait_until(lambda: any(row[3] for row in transactions()))
        holder, waiter = transactions()
    sending.join()
    assert (holder[0], holder[1], holder[3]) == (own, "idle in transaction", [])
    assert (waiter[1], waiter[3]) == ("active", [own])
    assert waiter[4].startswith("/* live_inbox: send */ ")
    assert transactions() == []
