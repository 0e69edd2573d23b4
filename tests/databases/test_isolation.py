"""Transactions that conflict: a stricter default isolation, and deadlocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connections, transaction
from pytest_django import Settings

import live_inbox
from live_inbox import database, selectors
from live_inbox.delivery.log import LogRange
from live_inbox.delivery.position import ORIGIN
from live_inbox.identity.accounts import (
    AccountConfig,
    account_for,
    account_statuses,
    accounts_for,
)
from live_inbox.identity.callers import Caller, refresh_caller
from live_inbox.identity.revocation import revoke_tokens
from live_inbox.identity.tokens import VerifiedToken
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox
from tests.databases.conftest import AddDatabase, Router
from tests.domain.concurrency import at_once
from tests.domain.doorbells import RememberingDoorbell
from tests.domain.replica import Replica, log_of

pytestmark = pytest.mark.stack("production")


STRICT = ["repeatable read", "serializable"]


@pytest.fixture(params=["read committed", *STRICT])
def isolated(
    request: pytest.FixtureRequest,
    add_database: AddDatabase,
    settings: Settings,
    bell: RememberingDoorbell,
) -> str:
    """The alias of the inbox, whose transactions have another isolation by default."""
    level = request.param.replace(" ", "\\ ")
    # PostgreSQL looks for a deadlock only after a second.
    options = f"-c default_transaction_isolation={level} -c deadlock_timeout=50ms"
    alias = add_database(OPTIONS={"options": options})
    settings.DATABASE_ROUTERS = [Router(write=alias, read=alias)]
    with connections[alias].cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == (request.param,)
    return alias


@pytest.fixture
def alice(isolated: str) -> User:
    """The owner of an inbox."""
    return User.objects.db_manager(isolated).create_user("alice")


@pytest.fixture
def bob(isolated: str) -> User:
    """Somebody else."""
    return User.objects.db_manager(isolated).create_user("bob")


def test_concurrent_sends_to_one_inbox_all_succeed(alice: User, bell: RememberingDoorbell) -> None:
    sends = [partial(live_inbox.send, recipient=alice, title=f"{n}") for n in range(48)]
    failed = [result for result in at_once(*sends) if isinstance(result, Exception)]
    assert failed == []
    assert sorted(event.sequence for event in bell.events(alice.pk)) == list(range(1, 49))
    _assert_whole(alice)


def test_everything_at_once_succeeds(alice: User, bob: User) -> None:
    ids = [_send(alice) for _ in range(12)]
    marked, deleted = iter(ids[:6]), iter(ids[6:])
    calls: list[Callable[[], Any]] = []
    for n in range(6):
        calls += [
            partial(live_inbox.send, recipient=alice, title="x", idempotency_key=f"k{n % 2}"),
            partial(live_inbox.send_many, recipients=[bob, alice], title="y"),
            partial(live_inbox.mark_read, user=alice, notification_id=next(marked)),
            partial(live_inbox.delete, user=alice, notification_id=next(deleted)),
            partial(live_inbox.mark_all_read, user=alice),
            partial(live_inbox.set_preference, user=bob, type="news", enabled=False),
            partial(revoke_tokens, user_id=alice.pk),
            partial(_account_of_new_user, "carol"),
        ]
    failed = [result for result in at_once(*calls) if isinstance(result, Exception)]
    assert failed == []
    assert selectors.inbox_state(user_id=alice.pk).total_count == 14
    _assert_whole(alice, bob)


@pytest.mark.parametrize("isolated", STRICT, indirect=True)
def test_the_transaction_of_the_caller_is_not_repeated(isolated: str, alice: User) -> None:
    """Only its owner can repeat it: what came before the send would be lost."""

    def conflict() -> None:
        with transaction.atomic(using=isolated):
            assert User.objects.using(isolated).count() == 1
            thread = threading.Thread(target=_in_thread, args=[partial(_send, alice)])
            thread.start()
            thread.join()
            _send(alice)

    with pytest.raises(OperationalError) as caught:
        conflict()
    assert getattr(caught.value.__cause__, "sqlstate", None) == "40001"
    assert Inbox.objects.using(isolated).get().last_sequence == 1
    _send(alice)
    _assert_whole(alice)


def test_requests_that_lock_in_opposite_order_end_by_a_retriable_error(
    isolated: str, alice: User, bob: User, bell: RememberingDoorbell
) -> None:
    """As with ATOMIC_REQUESTS: locks last as long as the transaction of the request."""
    both_hold_one = threading.Barrier(2)

    def request(first: User, second: User) -> str:
        with transaction.atomic(using=isolated):
            live_inbox.send(recipient=first, title="first")
            both_hold_one.wait(60)
            live_inbox.send(recipient=second, title="second")
        return "committed"

    results = at_once(partial(request, alice, bob), partial(request, bob, alice))
    assert "committed" in results
    (failure,) = [result for result in results if result != "committed"]
    assert isinstance(failure, OperationalError)
    assert getattr(failure.__cause__, "sqlstate", None) in ("40P01", "40001")
    for user in (alice, bob):
        assert [event.sequence for event in bell.events(user.pk)] == [1]
    _assert_whole(alice, bob)


def test_requests_that_lock_in_the_order_of_keys_both_succeed(
    add_database: AddDatabase, settings: Settings, bell: RememberingDoorbell
) -> None:
    alias = add_database()
    settings.DATABASE_ROUTERS = [Router(write=alias, read=alias)]
    users = [User.objects.db_manager(alias).create_user(name) for name in ("alice", "bob")]

    def request(recipients: list[User]) -> str:
        with transaction.atomic(using=alias):
            for user in sorted(recipients, key=lambda user: user.pk):
                live_inbox.send(recipient=user, title="x")
        return "committed"

    orders = [users, users[::-1]] * 5
    assert at_once(*(partial(request, order) for order in orders)) == ["committed"] * 10
    _assert_whole(*users)


@pytest.fixture
def plain(add_database: AddDatabase, settings: Settings, bell: RememberingDoorbell) -> str:
    """The alias of the inbox, with the isolation that PostgreSQL has by default."""
    alias = add_database()
    settings.DATABASE_ROUTERS = [Router(write=alias, read=alias)]
    return alias


@pytest.fixture
def conflicts(plain: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Make as many statements fail with a serialization failure as the first item says."""
    monkeypatch.setattr(database, "RETRY_SECONDS", 0)
    remaining = [0]

    def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if remaining[0] and sql.startswith(("INSERT INTO", "SELECT", "/* live_inbox: ")):
            remaining[0] -= 1
            execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", None, False, context)
        return execute(sql, params, many, context)

    with connections[plain].execute_wrapper(fail):
        yield remaining


def test_a_conflict_is_retried_a_few_times(plain: str, conflicts: list[int]) -> None:
    user = User.objects.db_manager(plain).create_user("alice")
    conflicts[0] = database.ATTEMPTS - 1
    _send(user)
    conflicts[0] = 1000
    with pytest.raises(OperationalError):
        _send(user)
    # Once as one statement.
    assert conflicts[0] == 1000 - database.ATTEMPTS - 1
    conflicts[0] = 0
    _assert_whole(user)
    assert len(log_of(user.pk)) == 1


def _reads(user: User, notification: int) -> dict[str, Callable[[], object]]:
    key = user.pk
    token = VerifiedToken(user_ref=str(key), scopes=frozenset(), issued_at=None, expires_at=2e9)
    return {
        "page": partial(selectors.page, user_id=key, limit=5),
        "notification": partial(selectors.notification, user_id=key, notification_id=notification),
        "heads": partial(selectors.heads, [str(key)]),
        "events": partial(selectors.events, [LogRange(str(key), 0)], limit=5),
        "state": partial(selectors.inbox_state, user_id=key),
        "preferences": partial(selectors.preferences, user_id=key),
        "preference": partial(selectors.preference, user_id=key, type="news"),
        "wanting": partial(selectors.users_who_want, user_ids=[key], type="news"),
        "accounts": partial(accounts_for, [token], AccountConfig()),
        "statuses": partial(account_statuses, [str(key)]),
        "caller": partial(refresh_caller, Caller(user)),
    }


def test_reads_are_repeated_as_well(plain: str, conflicts: list[int]) -> None:
    """With SERIALIZABLE, a single SELECT can fail."""
    user = User.objects.db_manager(plain).create_user("alice")
    for name, read in _reads(user, _send(user)).items():
        expected = read()
        conflicts[0] = database.ATTEMPTS - 1
        assert read() == expected, name
        assert conflicts[0] == 0, name


def test_the_connection_has_its_own_isolation_again_after_a_retry(
    isolated: str, alice: User
) -> None:
    at_once(*[partial(_send, alice)] * 8)
    expected = _isolation(isolated)
    _send(alice)
    assert _isolation(isolated) == expected


def _isolation(alias: str) -> str:
    with connections[alias].cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        return str(cursor.fetchone()[0])


def _account_of_new_user(name: str) -> None:
    token = VerifiedToken(user_ref=name, scopes=frozenset(), issued_at=None, expires_at=2e9)
    account_for(token, AccountConfig(user_field="username", create_users=True))


def _in_thread(call: Callable[[], Any]) -> None:
    try:
        call()
    finally:
        connections.close_all()


def _send(user: User) -> int:
    sent = live_inbox.send(recipient=user, title="x")
    assert sent.notification is not None
    return int(sent.notification.pk)


def _assert_whole(*users: User) -> None:
    """Nothing is wrong or half done, and replaying the log gives the inbox."""
    for user in users:
        replica = Replica(ORIGIN, 0, 0, 0, {})
        replica.apply_all(log_of(user.pk))
        assert replica == Replica.read(user.pk)
    assert list(check_inboxes()) == []
