"""A bulk send and inboxes that are locked by others: it holds up nobody else while it waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction

import live_inbox
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import BulkSend, Notification
from live_inbox.services import SentMany, bulk_sending
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("bell"),
    pytest.mark.stack("production"),
]

Start = Callable[..., Future[SentMany]]
WAIT_SECONDS = 30.0


@pytest.fixture
def users(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> list[User]:
    """Users of three chunks, each with an inbox."""
    monkeypatch.setattr(bulk_sending, "SEND_CHUNK", 4)
    users = User.objects.bulk_create(User(username=f"u{n}") for n in range(10))
    live_inbox.send_many(recipients=users, title="first")
    return users


@pytest.fixture
def start(users: list[User]) -> Iterator[Start]:
    """Send to all users, in another thread."""

    def send(**changes: Any) -> SentMany:
        try:
            return live_inbox.send_many(recipients=users, title="second", **changes)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        yield lambda **changes: pool.submit(send, **changes)


def received() -> set[int]:
    return set(Notification.objects.filter(title="second").values_list("recipient", flat=True))


@pytest.mark.parametrize("key", [{}, {"idempotency_key": "k"}], ids=["no key", "key"])
def test_those_who_are_not_locked_come_first_and_are_free_again(
    users: list[User], start: Start, key: dict[str, Any]
) -> None:
    locked = {users[1].pk, users[6].pk}
    others = {user.pk for user in users} - locked
    with psycopg.connect(**connection.get_connection_params()) as session:
        for pk in locked:
            session.execute("SELECT 1 FROM live_inbox_inbox WHERE user_id = %s FOR UPDATE", [pk])
        sending = start(**key)
        wait_until(lambda: received() == others, seconds=WAIT_SECONDS)
        with psycopg.connect(**connection.get_connection_params()) as owner:
            # As a change of each of them does, but without waiting.
            owner.execute(
                "SELECT 1 FROM live_inbox_inbox WHERE user_id = ANY(%s) FOR UPDATE NOWAIT",
                [list(others)],
            )
        assert not sending.done()
    sent = sending.result(WAIT_SECONDS)
    assert sent == SentMany(sent=10, suppressed=0)
    assert received() == others | locked
    assert list(check_inboxes()) == []
    if key:
        assert live_inbox.send_many(recipients=users, title="second", **key).replayed == 10
        assert sum(chunk.sent for chunk in BulkSend.objects.get().chunk_rows.all()) == 10


def test_within_a_transaction_it_waits_at_once(users: list[User]) -> None:
    with psycopg.connect(**connection.get_connection_params()) as session:
        session.execute(
            "SELECT 1 FROM live_inbox_inbox WHERE user_id = %s FOR UPDATE", [users[1].pk]
        )
        with pytest.raises(OperationalError), transaction.atomic():
            connection.cursor().execute("SET LOCAL lock_timeout = 50")
            live_inbox.send_many(recipients=users, title="second")
    assert received() == set()
