"""Bulk sends that end half-way: how far they came is known, and the same call does the rest."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction

import live_inbox
from live_inbox import services
from live_inbox.database_errors import ErrorKind, kind_of
from live_inbox.errors import InvalidInput
from live_inbox.identity.callers import Caller
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import BulkSendChunk, InboxEvent, Notification
from live_inbox.services import SendManyInterrupted, SendStatus, SentMany, bulk_sending
from live_inbox_graphql.errors import client_error
from tests.domain.killing import kill_after, started
from tests.stacks.stack import Stack

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("bell")]

SENDER = ["tests.domain.bulk_sender", "release-7"]
"""A process that sends."""

Send = Callable[..., SentMany]


@pytest.fixture
def users(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> list[User]:
    """Users of three chunks."""
    monkeypatch.setattr(bulk_sending, "SEND_CHUNK", 4)
    return User.objects.bulk_create(User(username=f"u{n}") for n in range(10))


@pytest.fixture
def send(users: list[User]) -> Send:
    """Send to all users, with a key."""

    def send(**changes: Any) -> SentMany:
        content: dict[str, Any] = {"recipients": users, "title": "x", "idempotency_key": "k"}
        return live_inbox.send_many(**{**content, **changes})

    return send


@contextmanager
def before_chunk(number: int, act: Callable[[], object]) -> Iterator[None]:
    """Do something when a bulk send is about to insert the events of this chunk, counted from 1."""
    chunks = 0

    def execute_wrapper(execute: Any, sql: str, *rest: Any) -> Any:
        nonlocal chunks
        if sql.startswith("INSERT") and "inboxevent" in sql:
            chunks += 1
            if chunks == number:
                act()
        return execute(sql, *rest)

    with connection.execute_wrapper(execute_wrapper):
        yield


def cut() -> None:
    """End this thread's connection, as a server that is shut down does it; on SQLite, interrupt the statement."""
    if connection.vendor == "sqlite":
        raise OperationalError("interrupted")
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as operator:
        operator.execute(
            "SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid]
        )


def received() -> Counter[str]:
    return Counter(Notification.objects.values_list("recipient__username", flat=True))


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_an_outage_says_how_far_it_came_and_the_same_call_does_the_rest(
    send: Send, users: list[User], chunk: int
) -> None:
    with pytest.raises(SendManyInterrupted) as caught, before_chunk(chunk, cut):
        send()
    error = caught.value
    done = 4 * (chunk - 1)
    assert error.progress == SentMany(sent=done, suppressed=0)
    assert set(error.progress.notification_ids) == {user.pk for user in users[:done]}
    assert error.remaining == 10 - done
    assert f"{done} recipients had the notification and {10 - done} were left" in str(error)
    assert "with the same idempotency key" in str(error)
    assert kind_of(error) is ErrorKind.UNAVAILABLE
    assert isinstance(error, OperationalError)
    connection.close()
    assert sum(received().values()) == done
    assert send() == SentMany(sent=10 - done, suppressed=0, replayed=done)
    assert received() == {user.username: 1 for user in users}
    assert list(check_inboxes()) == []


def test_without_a_key_the_error_says_who_has_it(send: Send, users: list[User]) -> None:
    with (
        pytest.raises(SendManyInterrupted, match="had no idempotency key") as caught,
        before_chunk(3, cut),
    ):
        send(idempotency_key=None)
    connection.close()
    has_it = caught.value.progress.notification_ids
    rest = [user for user in users if user.pk not in has_it]
    assert send(recipients=rest, idempotency_key=None).sent == 2
    assert received() == {user.username: 1 for user in users}


def test_who_does_not_want_it_and_who_had_it_counts_in_the_progress(
    send: Send, users: list[User]
) -> None:
    services.set_preference(user_id=users[1].pk, type="general", enabled=False)
    send(recipients=users[:1])
    with pytest.raises(SendManyInterrupted) as caught, before_chunk(2, cut):
        send()
    assert caught.value.progress == SentMany(sent=3, suppressed=1, replayed=1)
    assert caught.value.remaining == 5


def test_within_a_transaction_nothing_is_done_by_halves(send: Send) -> None:
    with (
        pytest.raises(OperationalError) as caught,
        transaction.atomic(),
        before_chunk(2, cut),
    ):
        send()
    assert not isinstance(caught.value, SendManyInterrupted)
    connection.close()
    assert not Notification.objects.exists()


def test_a_fault_of_the_program_is_raised_as_it_is(send: Send) -> None:
    def fail() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError), before_chunk(2, fail):
        send()


def test_a_lock_of_another_writer(send: Send, users: list[User]) -> None:
    """A real one: of the whole file on SQLite, of one inbox on PostgreSQL."""
    send(recipients=users[-1:], idempotency_key="other")
    with ExitStack() as opened:
        if connection.vendor == "sqlite":
            connection.cursor().execute("PRAGMA busy_timeout = 0")
            other = sqlite3.connect(str(connection.settings_dict["NAME"]), isolation_level=None)
            opened.callback(other.close)
            lock = threading.Event()

            def after_commit(execute: Any, sql: str, *rest: Any) -> Any:
                if (
                    sql.startswith("BEGIN")
                    and Notification.objects.count() > 1
                    and not lock.is_set()
                ):
                    lock.set()
                    other.execute("BEGIN IMMEDIATE")
                return execute(sql, *rest)

            opened.enter_context(connection.execute_wrapper(after_commit))
        else:
            connection.cursor().execute("SET lock_timeout = 50")
            # Connections of a pool keep it.
            opened.callback(connection.cursor().execute, "RESET lock_timeout")
            session = opened.enter_context(psycopg.connect(**connection.get_connection_params()))
            session.execute(
                "SELECT 1 FROM live_inbox_inbox WHERE user_id = %s FOR UPDATE", [users[-1].pk]
            )
        with pytest.raises(SendManyInterrupted) as caught:
            send()
        # On SQLite all that follows is locked as well.
        expected = (4, 8) if connection.vendor == "sqlite" else (9,)
        assert caught.value.progress.sent in expected
    connection.close()
    assert send().replayed == caught.value.progress.sent
    assert received() == {user.username: 1 + (user == users[-1]) for user in users}


def test_users_who_are_deleted_meanwhile_are_skipped_and_named(
    send: Send, users: list[User]
) -> None:
    gone = users[5].pk

    def delete() -> None:
        thread = threading.Thread(target=delete_in_thread, args=[gone])
        thread.start()
        thread.join()

    # SQLite has one writer: there the user is deleted between two transactions.
    with before_deletion(delete):
        sent = send()
    assert sent == SentMany(sent=9, suppressed=0, replayed=0, skipped=1)
    assert sent.skipped_recipients == {gone}
    assert gone not in sent.notification_ids
    assert list(check_inboxes()) == []


def delete_in_thread(key: int) -> None:
    try:
        User.objects.get(pk=key).delete()
    finally:
        connection.close()


@contextmanager
def before_deletion(act: Callable[[], object]) -> Iterator[None]:
    """Do something after the look-up of the recipients and before the second chunk."""
    done = threading.Event()

    def execute_wrapper(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT INTO") and 'live_inbox_inbox"' in sql and not done.is_set():
            if connection.vendor == "postgresql":
                done.set()
                act()
        elif sql.startswith("BEGIN") and not done.is_set():
            done.set()
            act()
        return execute(sql, *rest)

    with connection.execute_wrapper(execute_wrapper):
        yield


def test_the_same_call_is_completed_though_users_were_deleted_in_between(
    send: Send, users: list[User]
) -> None:
    with pytest.raises(SendManyInterrupted), before_chunk(2, cut):
        send()
    connection.close()
    keys = [user.pk for user in users]
    users[0].delete()
    users[9].delete()
    sent = send(recipients=keys)
    assert sent == SentMany(sent=5, suppressed=0, replayed=3, skipped=2)
    assert sent.skipped_recipients == {keys[0], keys[9]}


def test_users_who_have_never_existed_are_an_error_while_nobody_has_it(
    send: Send, users: list[User]
) -> None:
    keys = [*(user.pk for user in users), 10_000]
    with pytest.raises(InvalidInput, match="1 recipients do not exist"):
        send(recipients=keys)
    assert not Notification.objects.exists()


def test_over_the_apis_a_user_who_is_deleted_meanwhile_is_unknown(users: list[User]) -> None:
    service = Caller(users[0], scopes=frozenset({"notifications:send-to-anyone"}))
    gone = users[5].pk

    def delete() -> None:
        thread = threading.Thread(target=delete_in_thread, args=[gone])
        thread.start()
        thread.join()

    with before_deletion(delete):
        results = services.send_many_for_caller(
            service, recipient_ids=[str(user.pk) for user in users], title="x"
        )
    assert [result.status for result in results] == [
        SendStatus.UNKNOWN_RECIPIENT if number == 5 else SendStatus.SENT for number in range(10)
    ]


def test_over_graphql_an_outage_says_how_far_it_came(send: Send) -> None:
    with pytest.raises(SendManyInterrupted) as caught, before_chunk(2, cut):
        send()
    connection.close()
    shown = client_error(caught.value)
    assert shown.extensions == {
        "code": "SERVICE_UNAVAILABLE",
        "reason": "database_unavailable",
        "sentCount": 4,
        "remainingCount": 6,
    }


@pytest.mark.parametrize("seed", range(2))
def test_a_process_that_is_killed_at_any_moment(stack: Stack, tmp_path: Path, seed: int) -> None:
    """Killed again and again, while users delete what they got and turn the type off and on; the last call finishes.

    Nobody gets it twice, nobody lacks it, and logs equal rows.
    """
    users = User.objects.bulk_create(User(username=f"u{n}") for n in range(400))
    chance = random.Random(seed)
    off = set(chance.sample(users, 40))
    for user in off:
        services.set_preference(user_id=user.pk, type="general", enabled=False)
    dealt_with = 0
    for _ in range(4):
        kill_after(stack, SENDER, chance.randrange(0, 6), chance.random() * 0.01)
        # Each transaction as a whole, or not at all.
        recorded = outcomes()
        assert len(recorded) % 20 == 0
        assert len(recorded) >= dealt_with
        dealt_with = len(recorded)
        assert {key for key, sent in recorded.items() if sent is None} == {
            user.pk for user in off if user.pk in recorded
        }
        assert times_added() == {key: 1 for key, sent in recorded.items() if sent is not None}
        for notification in Notification.objects.order_by("?")[:5]:
            notification.delete()
    # Whoever has been passed over stays so, and the others get it if they want it by now.
    for user in off:
        services.set_preference(user_id=user.pk, type="general", enabled=True)
    suppressed = sum(sent is None for sent in outcomes().values())
    assert dealt_with > 0
    with started(stack, SENDER) as (_, output):
        *_, last = output.read().splitlines()
    assert last == (
        f"SentMany(sent={400 - dealt_with}, suppressed={suppressed}, replayed={dealt_with - suppressed}, "
        "skipped=0, scheduled=0)"
    )
    assert set(times_added().values()) == {1}
    assert len(times_added()) == 400 - suppressed
    assert list(check_inboxes()) == []


def outcomes() -> dict[int, int | None]:
    """What is recorded of each user; nobody twice."""
    pairs = [pair for row in BulkSendChunk.objects.all() for pair in json.loads(row.outcomes)]
    found = dict(pairs)
    assert len(found) == len(pairs)
    return found


def times_added() -> Counter[int]:
    """How often each user got it, by the log: also those who have deleted it."""
    return Counter(InboxEvent.objects.filter(kind="added").values_list("inbox_id", flat=True))
