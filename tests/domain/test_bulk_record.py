"""The record of a bulk send with a key: who has been dealt with stays so, whatever becomes of the notifications."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

import live_inbox
from live_inbox import services
from live_inbox.errors import Conflict, InvalidInput
from live_inbox.identity.callers import Caller
from live_inbox.maintenance.bulk_send_pruning import prune_bulk_sends
from live_inbox.maintenance.expiry import expire_due
from live_inbox.models import BulkSend, BulkSendChunk, InboxEvent, Notification
from live_inbox.services import SentMany, bulk_sending
from live_inbox.services.bulk_progress import BulkProgress
from live_inbox_graphql.errors import client_error
from tests.domain.concurrency import THREADS, at_once
from tests.domain.query_counting import queries

Send = Callable[..., SentMany]


@pytest.fixture
def users(db: None, monkeypatch: pytest.MonkeyPatch) -> list[User]:
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


def added() -> dict[str, int]:
    """How often each user has got a notification, by the log."""
    names = InboxEvent.objects.filter(kind="added").values_list("inbox__user__username", flat=True)
    return {name: list(names).count(name) for name in names}


@pytest.fixture
def die_in_chunk(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], Any]], None]:
    """Call something that is killed within the transaction of a chunk, counted from 1."""

    def call(number: int, act: Callable[[], Any]) -> None:
        chunks = 0

        def die(execute: Any, sql: str, *rest: Any) -> Any:
            nonlocal chunks
            if sql.startswith("INSERT") and "inboxevent" in sql:
                chunks += 1
                if chunks == number:
                    raise KeyboardInterrupt
            return execute(sql, *rest)

        with pytest.raises(KeyboardInterrupt), connection.execute_wrapper(die):
            act()

    return call


Die = Callable[[int, Callable[[], Any]], None]


def test_who_has_deleted_it_does_not_get_it_again(
    send: Send, users: list[User], die_in_chunk: Die
) -> None:
    die_in_chunk(2, send)
    ids = dict(Notification.objects.values_list("recipient_id", "id"))
    services.delete(user_id=users[0].pk, notification_id=ids[users[0].pk])
    sent = send()
    assert sent == SentMany(sent=6, suppressed=0, replayed=4)
    # The id that it had.
    assert sent.notification_ids[users[0].pk] == ids[users[0].pk]
    assert added() == {user.username: 1 for user in users}
    assert Notification.objects.count() == 9


def test_whose_copy_has_expired_does_not_get_it_again(
    send: Send, users: list[User], die_in_chunk: Die
) -> None:
    ends = timezone.now() + timedelta(hours=1)
    die_in_chunk(2, partial(send, expires_at=ends))
    assert expire_due(now=ends).notifications == 4
    assert send(expires_at=ends) == SentMany(sent=6, suppressed=0, replayed=4)
    assert added() == {user.username: 1 for user in users}


def test_who_had_turned_the_type_off_does_not_get_it_later(
    send: Send, users: list[User], die_in_chunk: Die
) -> None:
    first, last = users[0], users[-1]
    for user in (first, last):
        services.set_preference(user_id=user.pk, type="general", enabled=False)
    die_in_chunk(2, send)
    for user in (first, last):
        services.set_preference(user_id=user.pk, type="general", enabled=True)
    # The last one had not been dealt with.
    assert send() == SentMany(sent=6, suppressed=1, replayed=3)
    assert added() == {user.username: 1 for user in users[1:]}


def test_a_call_for_some_of_them_counts_those(send: Send, users: list[User]) -> None:
    services.set_preference(user_id=users[0].pk, type="general", enabled=False)
    send()
    assert send(recipients=users[:2]) == SentMany(sent=0, suppressed=1, replayed=1)


def test_further_recipients_get_it_wherever_they_are_in_the_order(
    send: Send, users: list[User]
) -> None:
    assert send(recipients=users[1::2]).sent == 5
    Notification.objects.get(recipient=users[1]).delete()
    assert send() == SentMany(sent=5, suppressed=0, replayed=5)
    assert added() == {user.username: 1 for user in users}


def test_the_row_says_how_far_it_came(send: Send, users: list[User], die_in_chunk: Die) -> None:
    services.set_preference(user_id=users[0].pk, type="general", enabled=False)
    before = timezone.now() - timedelta(seconds=5)
    die_in_chunk(1, send)
    assert not BulkSend.objects.exists()
    die_in_chunk(3, send)
    row = BulkSend.objects.get()
    assert (row.sender_id, row.idempotency_key) == (None, "k")
    assert (row.recipients, row.chunks) == (10, 2)
    assert before < row.started_at <= row.changed_at < timezone.now() + timedelta(seconds=5)
    chunks = row.chunk_rows.order_by("number")
    assert list(chunks.values_list("number", "sent", "suppressed")) == [(1, 3, 1), (2, 4, 0)]
    ids = dict(Notification.objects.values_list("recipient_id", "id"))
    assert [json.loads(chunk.outcomes) for chunk in chunks] == [
        [[user.pk, ids.get(user.pk)] for user in part] for part in (users[:4], users[4:8])
    ]
    send()
    row.refresh_from_db()
    assert (row.chunks, row.chunk_rows.count()) == (3, 3)


def test_without_a_key_nothing_is_recorded(send: Send) -> None:
    with queries() as statements:
        send(idempotency_key=None)
    assert not any("bulksend" in each for each in statements)
    assert not BulkSend.objects.exists()


def test_a_bulk_that_is_rolled_back_is_not_recorded(send: Send) -> None:
    with pytest.raises(KeyError), transaction.atomic():
        send()
        raise KeyError
    assert not BulkSend.objects.exists()
    assert send(title="other").sent == 10


def test_a_bulk_that_reached_nobody_is_a_conflict_with_no_other(
    send: Send, users: list[User], die_in_chunk: Die
) -> None:
    die_in_chunk(1, send)
    assert send(title="other").sent == 10


def test_other_content_is_a_conflict_though_all_have_deleted_it(
    send: Send, users: list[User]
) -> None:
    send()
    for notification in Notification.objects.all():
        notification.delete()
    with pytest.raises(Conflict):
        send(title="other")
    assert sum(added().values()) == 10


def test_a_sender_is_deleted_with_the_same_key_as_another(send: Send, users: list[User]) -> None:
    for sender in (None, *users[:2]):
        send(sender=sender)
    for sender in users[:2]:
        User.objects.get(pk=sender.pk).delete()
    rows = BulkSend.objects.order_by("pk").values_list("sender", "idempotency_key")
    assert [*map(tuple, rows)] == [(None, "k"), (None, None), (None, None)]
    assert send(recipients=users[2:]) == SentMany(sent=0, suppressed=0, replayed=8)


def test_a_user_who_is_deleted_is_skipped_though_the_record_has_them(
    send: Send, users: list[User]
) -> None:
    keys = [user.pk for user in users]
    send()
    users[3].delete()
    sent = send(recipients=keys)
    assert sent == SentMany(sent=0, suppressed=0, replayed=9, skipped=1)
    assert sent.skipped_recipients == {keys[3]}


def test_those_deleted_before_anybody_wanted_it_are_skipped(
    send: Send, users: list[User], die_in_chunk: Die
) -> None:
    for user in users[:4]:
        services.set_preference(user_id=user.pk, type="general", enabled=False)
    keys = [user.pk for user in users]
    die_in_chunk(1, send)
    assert added() == {}
    users[9].delete()
    assert send(recipients=keys) == SentMany(sent=5, suppressed=4, replayed=0, skipped=1)


def test_over_the_apis_who_has_deleted_it_has_been_sent_it(users: list[User]) -> None:
    service = Caller(users[0], scopes=frozenset({"notifications:send-to-anyone"}))
    names = [str(user.pk) for user in users]
    services.set_preference(user_id=users[9].pk, type="general", enabled=False)

    def send() -> list[tuple[str, int | None]]:
        results = services.send_many_for_caller(
            service, recipient_ids=names, title="x", idempotency_key="k"
        )
        return [(result.status.value, result.notification_id) for result in results]

    first = send()
    Notification.objects.get(recipient=users[1]).delete()
    services.set_preference(user_id=users[9].pk, type="general", enabled=True)
    assert send() == first
    assert [status for status, _ in first] == ["sent"] * 9 + ["suppressed"]


# -- removing old records ----------------------------------------------------------------------------------


def test_old_records_are_removed_with_their_chunks(send: Send) -> None:
    for number in range(5):
        send(idempotency_key=f"old-{number}")
    BulkSend.objects.update(changed_at=timezone.now() - timedelta(days=31))
    send()
    assert prune_bulk_sends(batch=2) == 5
    assert list(BulkSend.objects.values_list("idempotency_key", flat=True)) == ["k"]
    assert BulkSendChunk.objects.count() == 3
    assert prune_bulk_sends() == 0


def test_who_still_has_it_does_not_get_it_again_without_the_record(
    send: Send, users: list[User]
) -> None:
    send()
    Notification.objects.get(recipient=users[0]).delete()
    BulkSend.objects.all().delete()
    assert not BulkSendChunk.objects.exists()
    with pytest.raises(Conflict):
        send(title="other")
    # Whoever has deleted it is forgotten.
    assert send() == SentMany(sent=1, suppressed=0, replayed=9)
    # The others are recorded anew.
    Notification.objects.get(recipient=users[1]).delete()
    assert send() == SentMany(sent=0, suppressed=0, replayed=10)


# -- at the same time --------------------------------------------------------------------------------------


@contextmanager
def after_the_first_chunk(act: Callable[[], object]) -> Iterator[None]:
    """Do something once, when a bulk send has committed its first chunk."""
    add, done = BulkProgress.add, False

    def add_and_act(self: Any, **kwargs: Any) -> None:
        nonlocal done
        add(self, **kwargs)
        if not done:
            done = True
            act()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BulkProgress, "add", add_and_act)
        yield


def test_a_call_that_another_overtakes_reads_what_it_did(send: Send, users: list[User]) -> None:
    last = users[-1].pk
    services.set_preference(user_id=last, type="general", enabled=False)

    def overtake() -> None:
        assert send() == SentMany(sent=5, suppressed=1, replayed=4)
        services.set_preference(user_id=last, type="general", enabled=True)

    with after_the_first_chunk(overtake):
        assert send() == SentMany(sent=4, suppressed=1, replayed=5)
    assert added() == {user.username: 1 for user in users[:-1]}
    assert BulkSend.objects.get().chunks == BulkSendChunk.objects.count() == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bell")
def test_calls_for_different_recipients_at_the_same_time(send: Send, users: list[User]) -> None:
    """In transactions and outside, overlapping, in each order of chunks."""
    services.set_preference(user_id=users[5].pk, type="general", enabled=False)

    def in_a_transaction(recipients: list[User]) -> SentMany:
        with transaction.atomic():
            return send(recipients=recipients)

    parts = [users[n : n + 6] for n in range(THREADS)]
    results = at_once(
        *(partial(in_a_transaction, part) for part in parts[::2]),
        *(partial(send, recipients=part) for part in parts[1::2]),
    )
    assert [type(result) for result in results] == [SentMany] * THREADS, results
    reached = {user.pk for part in parts for user in part}
    sent = [result for result in results if isinstance(result, SentMany)]
    assert sum(each.sent for each in sent) == len(reached) - 1
    recorded = [pair for row in BulkSendChunk.objects.all() for pair in json.loads(row.outcomes)]
    assert sorted(key for key, _ in recorded) == sorted(reached)
    assert BulkSend.objects.get().chunks == BulkSendChunk.objects.count()
    assert set(added().values()) == {1}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bell")
def test_other_content_at_the_same_time_reaches_nobody(send: Send, users: list[User]) -> None:
    calls = [partial(send, title=f"title {n}") for n in range(THREADS)]
    results = at_once(*calls)
    assert [type(result) for result in results].count(SentMany) == 1, results
    assert [type(result) for result in results].count(Conflict) == THREADS - 1, results
    assert Notification.objects.values("title").distinct().count() == 1
    assert set(added().values()) == {1}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bell")
@pytest.mark.parametrize("key", ["k", None])
def test_a_sender_who_is_deleted_on_the_way(users: list[User], send: Send, key: str | None) -> None:
    sender = User.objects.create_user("sender")

    gone = sender.pk
    with (
        after_the_first_chunk(lambda: User.objects.get(pk=gone).delete()),
        pytest.raises(live_inbox.SenderDeleted) as caught,
    ):
        send(sender=sender, idempotency_key=key)
    error = caught.value
    assert isinstance(error, InvalidInput)
    assert error.field == "sender"
    assert (error.progress, error.remaining) == (SentMany(sent=4, suppressed=0), 6)
    assert set(error.progress.notification_ids) == {user.pk for user in users[:4]}
    assert "4 recipients had the notification and 6 were left" in error.message
    assert Notification.objects.filter(sender=None, idempotency_key=None).count() == 4
    with pytest.raises(InvalidInput, match="no such user"):
        send(sender=gone, idempotency_key=key)
    shown = client_error(error)
    assert shown.extensions == {
        "code": "BAD_USER_INPUT",
        "field": "sender",
        "sentCount": 4,
        "remainingCount": 6,
    }
