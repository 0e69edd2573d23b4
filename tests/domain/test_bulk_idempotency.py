"""Bulk sends that are made again with the same key: each recipient has the notification once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils.translation import gettext_lazy

import live_inbox
from live_inbox import services
from live_inbox.errors import Conflict, InvalidInput
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Notification
from live_inbox.services import SentMany, bulk_sending
from tests.domain.concurrency import THREADS, at_once
from tests.domain.conftest import VerifyEvents
from tests.domain.query_counting import queries


@pytest.fixture
def users(db: None, monkeypatch: pytest.MonkeyPatch) -> list[User]:
    """Users of three chunks."""
    monkeypatch.setattr(bulk_sending, "SEND_CHUNK", 4)
    return User.objects.bulk_create(User(username=f"u{n}") for n in range(10))


@pytest.fixture
def send(users: list[User]) -> Callable[..., SentMany]:
    """Send to all users, with a key."""

    def send(**changes: Any) -> SentMany:
        content = {"recipients": users, "title": "x", "data": {"a": 1.0}, "idempotency_key": "k"}
        return live_inbox.send_many(**{**content, **changes})

    return send


def titles(user: User) -> list[str]:
    return list(Notification.objects.filter(recipient=user).values_list("title", flat=True))


def test_a_repeated_bulk_reaches_nobody_twice(
    send: Callable[..., SentMany], users: list[User], verify_events: VerifyEvents
) -> None:
    with verify_events(*users):
        assert send() == SentMany(sent=10, suppressed=0, replayed=0)
        assert send() == SentMany(sent=0, suppressed=0, replayed=10)
    assert [titles(user) for user in users] == [["x"]] * 10


def test_a_bulk_that_died_is_completed(
    send: Callable[..., SentMany],
    users: list[User],
    verify_events: VerifyEvents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chunks = 0

    def die_in_the_second(execute: Any, sql: str, *rest: Any) -> Any:
        nonlocal chunks
        if sql.startswith("INSERT") and "inboxevent" in sql:
            chunks += 1
            if chunks == 2:
                raise KeyboardInterrupt
        return execute(sql, *rest)

    with verify_events(*users):
        with pytest.raises(KeyboardInterrupt), connection.execute_wrapper(die_in_the_second):
            send()
        assert Notification.objects.count() == 4
        assert send() == SentMany(sent=6, suppressed=0, replayed=4)
    assert [titles(user) for user in users] == [["x"]] * 10


def test_more_recipients_may_be_given_with_the_same_key(
    send: Callable[..., SentMany], users: list[User]
) -> None:
    assert send(recipients=users[:3]).sent == 3
    assert send() == SentMany(sent=7, suppressed=0, replayed=3)


@pytest.mark.parametrize("field", ["title", "message", "type", "link", "data"])
def test_other_content_is_a_conflict_and_reaches_nobody(
    send: Callable[..., SentMany], users: list[User], field: str
) -> None:
    send(recipients=users[-1:])
    with pytest.raises(Conflict):
        send(**{field: {"a": 2} if field == "data" else "/other" if field == "link" else "other"})
    assert Notification.objects.count() == 1


def test_a_key_belongs_to_its_sender_and_to_bulk_sends(
    send: Callable[..., SentMany], users: list[User]
) -> None:
    content: dict[str, Any] = {"title": "x", "data": {"a": 1.0}, "idempotency_key": "k"}
    assert not live_inbox.send(recipient=users[0], **content).replayed
    assert [send(sender=sender).sent for sender in (None, users[0], users[1])] == [10, 10, 10]
    assert [send(sender=sender).sent for sender in (None, users[0], users[1])] == [0, 0, 0]


def test_who_has_turned_the_type_off_is_counted_each_time(
    send: Callable[..., SentMany], users: list[User]
) -> None:
    services.set_preference(user_id=users[0].pk, type="general", enabled=False)
    assert send() == SentMany(sent=9, suppressed=1, replayed=0)
    assert send() == SentMany(sent=0, suppressed=1, replayed=9)


def test_a_key_may_have_200_characters_and_no_more(
    send: Callable[..., SentMany], users: list[User]
) -> None:
    assert send(idempotency_key="☀" * 200).sent == 10
    assert send(idempotency_key="☀" * 200).replayed == 10
    for key in ("☀" * 201, " ", 7, "\x00"):
        with pytest.raises(InvalidInput) as caught:
            send(idempotency_key=key)
        assert caught.value.field == "idempotency_key"


def test_a_key_costs_two_statements_for_each_chunk_and_three_more(
    send: Callable[..., SentMany], users: list[User]
) -> None:
    def cost(**changes: Any) -> int:
        with queries() as statements:
            send(**changes)
        return len(statements)

    assert (cost(idempotency_key=None), cost()) == (12, 21)
    # What is recorded; and for each chunk, how many exist.
    assert cost() == 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bell")
def test_the_same_bulk_at_the_same_time_is_one(
    send: Callable[..., SentMany], users: list[User]
) -> None:
    for n in range(4):
        results = at_once(*[partial(send, idempotency_key=f"k{n}")] * THREADS)
        sent = [result for result in results if isinstance(result, SentMany)]
        assert len(sent) == THREADS, results
        assert sum(each.sent for each in sent) == 10
        assert all(each.sent + each.replayed == 10 for each in sent)
    assert [len(titles(user)) for user in users] == [4] * 10
    assert list(check_inboxes()) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bell")
def test_overlapping_bulks_within_transactions_are_one_for_each_user(
    send: Callable[..., SentMany], users: list[User]
) -> None:
    def in_a_transaction(recipients: list[User]) -> SentMany:
        with transaction.atomic():
            return send(recipients=recipients)

    parts = [users[n : n + 6] for n in range(THREADS)]
    results = at_once(*(partial(in_a_transaction, part) for part in parts))
    assert [type(result) for result in results] == [SentMany] * THREADS
    assert [titles(user) for user in users] == [["x"]] * 10
    assert list(check_inboxes()) == []


def test_a_bulk_is_completed_after_a_recipient_has_changed_the_language(
    users: list[User], settings: Any
) -> None:
    settings.LIVE_INBOX = settings.LIVE_INBOX | {"RECIPIENT_LANGUAGE": f"{__name__}.language"}
    bulk: dict[str, Any] = {"title": gettext_lazy("Yes"), "idempotency_key": "k"}
    live_inbox.send_many(recipients=users[:1], **bulk)
    User.objects.filter(pk=users[0].pk).update(last_name="de")
    assert live_inbox.send_many(recipients=users[:2], **bulk) == SentMany(1, 0, replayed=1)
    assert (titles(users[0]), titles(users[1])) == (["Yes"], ["Yes"])


def language(user: User) -> str:
    """The function of the setting."""
    return user.last_name


def test_a_language_that_nobody_has_any_more_is_no_conflict(
    users: list[User], settings: Any
) -> None:
    settings.LIVE_INBOX = settings.LIVE_INBOX | {"RECIPIENT_LANGUAGE": f"{__name__}.language"}
    bulk: dict[str, Any] = {"title": gettext_lazy("Yes"), "idempotency_key": "k"}
    User.objects.filter(pk=users[0].pk).update(last_name="fr")
    live_inbox.send_many(recipients=users[:1], **bulk)
    User.objects.filter(pk=users[0].pk).update(last_name="de")
    assert live_inbox.send_many(recipients=users[:2], **bulk) == SentMany(1, 0, replayed=1)
    assert (titles(users[0]), titles(users[1])) == (["Oui"], ["Yes"])


def test_the_users_of_a_large_bulk_are_read_in_parts(db: None, settings: Any) -> None:
    settings.LIVE_INBOX = settings.LIVE_INBOX | {"RECIPIENT_LANGUAGE": f"{__name__}.language"}
    users = User.objects.bulk_create(User(username=f"m{n}") for n in range(1001))
    with queries() as statements:
        assert live_inbox.send_many(recipients=users, title=gettext_lazy("Yes")).sent == 1001
    reads = [each for each in statements if each.startswith("SELECT") and "last_name" in each]
    assert len(reads) == 2


@pytest.mark.parametrize("recipients", ["12", b"12", None, 5, User(pk=1)])
def test_what_is_not_several_users_is_refused(db: None, recipients: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        live_inbox.send_many(recipients=recipients, title="x")
    assert caught.value.field == "recipients"
