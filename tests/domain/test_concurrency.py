"""Many writers of the same inboxes at the same time, with real commits."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connections
from django.utils import timezone

from live_inbox import selectors, services
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.errors import Conflict, InvalidInput, NotFound
from live_inbox.maintenance.expiry import expire_due
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox, Notification
from live_inbox.services import Changed, Sent, bulk_sending
from tests.domain.concurrency import THREADS, at_once
from tests.domain.doorbells import RememberingDoorbell
from tests.domain.replica import Replica, log_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("bell")]


def send(user: User, **content: Any) -> Sent:
    return services.send(recipient_id=user.pk, **{"title": "x", **content})


def assert_in_order(*users: User) -> None:
    """The log is whole, its order is that of the ids, and replaying it gives the inbox."""
    for user in users:
        replica = Replica(ORIGIN, 0, 0, 0, {})
        replica.apply_all(log_of(user.pk))
        assert replica == Replica.read(user.pk)
    assert list(check_inboxes()) == []


def test_many_senders_to_one_inbox_are_numbered_without_holes(
    alice: User, bell: RememberingDoorbell
) -> None:
    def many(thread: int) -> list[Sent]:
        return [send(alice, title=f"{thread}-{n}") for n in range(12)]

    results = at_once(*(partial(many, thread) for thread in range(THREADS)))
    assert [type(result) for result in results] == [list] * THREADS
    events = log_of(alice.pk)
    assert [event.sequence for event in events] == list(range(1, 12 * THREADS + 1))
    assert_in_order(alice)
    assert sorted(bell.events(alice.pk), key=lambda event: event.sequence) == events
    titles = [event.notification.title for event in events if event.notification]
    for thread in range(THREADS):
        mine = [title for title in titles if title.startswith(f"{thread}-")]
        assert mine == [f"{thread}-{n}" for n in range(12)]


@pytest.mark.parametrize("has_sender", [True, False])
def test_the_same_send_at_the_same_time_is_one(alice: User, bob: User, has_sender: bool) -> None:
    for n in range(8):
        content = {"idempotency_key": f"k{n}", "sender_id": bob.pk if has_sender else None}
        results = at_once(*[partial(send, alice, **content)] * THREADS)
        sent = [result for result in results if isinstance(result, Sent)]
        assert len(sent) == THREADS, results
        assert sorted(each.replayed for each in sent) == [False] + [True] * (THREADS - 1)
        assert len({each.notification.pk for each in sent if each.notification}) == 1
    assert Notification.objects.count() == 8
    assert_in_order(alice)


def test_different_sends_with_one_key_at_the_same_time_are_one_and_conflicts(alice: User) -> None:
    for n in range(8):
        calls = [
            partial(send, alice, title=f"t{t}", idempotency_key=f"k{n}") for t in range(THREADS)
        ]
        results = at_once(*calls)
        assert sorted(type(result).__name__ for result in results) == ["Conflict"] * 4 + ["Sent"]
        assert Conflict.code == "CONFLICT"
    assert Notification.objects.count() == 8
    assert_in_order(alice)


def test_bulks_that_overlap_in_opposite_orders_do_not_run_into_a_deadlock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk_sending, "SEND_CHUNK", 25)
    users = User.objects.bulk_create(User(username=f"u{n}") for n in range(60))
    keys = [user.pk for user in users]
    orders = [keys, keys[::-1], keys[30:] + keys[:30], keys[::2] + keys[1::2], keys[::-2]]

    def bulk(order: list[int]) -> int:
        sends = [services.send_many(recipient_ids=order, title="x") for _ in range(6)]
        return sum(sent.sent for sent in sends)

    results = at_once(*(partial(bulk, order) for order in orders))
    assert results == [360, 360, 360, 360, 180]
    assert set(Inbox.objects.values_list("last_sequence", flat=True)) == {24, 30}
    assert_in_order(users[0], users[1], users[59])


def test_two_devices_that_mark_the_same_cause_one_event(alice: User) -> None:
    for _ in range(6):
        notification = send(alice).notification
        assert notification is not None
        mark = partial(services.mark_read, user_id=alice.pk, notification_id=notification.pk)
        results = at_once(*[mark] * THREADS)
        changed = [result.changed for result in results if isinstance(result, Changed)]
        assert sorted(changed) == [False] * (THREADS - 1) + [True]
    assert len(log_of(alice.pk)) == 12
    assert_in_order(alice)


def test_two_devices_that_delete_the_same_cause_one_event(alice: User) -> None:
    for _ in range(6):
        notification = send(alice).notification
        assert notification is not None
        delete = partial(services.delete, user_id=alice.pk, notification_id=notification.pk)
        results = at_once(*[delete] * THREADS)
        assert sorted(type(result).__name__ for result in results) == ["Deleted"] + ["NotFound"] * 4
    assert_in_order(alice)


def test_everything_at_once_leaves_exact_counts_and_a_whole_log(alice: User, bob: User) -> None:
    for user in (alice, bob):
        for _ in range(10):
            send(user)

    def anything(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(25):
            user = chance.choice([alice, bob])
            rows = Notification.objects.filter(recipient=user).values_list("pk", flat=True)
            key = chance.choice([*rows, 0])
            head = selectors.inbox_state(user_id=user.pk).position
            change: Any = chance.choice(
                [
                    partial(send, user),
                    partial(services.send_many, recipient_ids=[bob.pk, alice.pk], title="m"),
                    partial(send, user, expires_at=timezone.now() + timedelta(milliseconds=50)),
                    expire_due,
                    partial(services.mark_read, user_id=user.pk, notification_id=key),
                    partial(services.mark_unread, user_id=user.pk, notification_id=key),
                    partial(services.delete, user_id=user.pk, notification_id=key),
                    partial(services.mark_all_read, user_id=user.pk, up_to=head),
                    partial(services.mark_all_read, user_id=user.pk),
                ]
            )
            try:
                change()
            except NotFound:
                # Somebody else was faster.
                continue

    assert at_once(*(partial(anything, seed) for seed in range(THREADS))) == [None] * THREADS
    assert_in_order(alice, bob)


def test_a_list_is_of_the_same_moment_as_its_position(alice: User) -> None:
    """Rows and counts of a page agree, however much is written meanwhile, and the log goes on from there."""
    stop = threading.Event()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        while not stop.is_set():
            rows = list(Notification.objects.values_list("pk", flat=True))
            if len(rows) < 3 or (len(rows) < 20 and chance.random() < 0.3):
                send(alice)
            elif chance.random() < 0.1:
                services.mark_all_read(user_id=alice.pk)
            else:
                changes: list[Callable[..., object]]
                changes = [services.mark_read, services.mark_unread, services.delete]
                try:
                    chance.choice(changes)(user_id=alice.pk, notification_id=chance.choice(rows))
                except NotFound:
                    continue

    def read() -> list[Replica]:
        seen = []
        for _ in range(60):
            page = selectors.page(user_id=alice.pk, limit=100)
            snapshots = {each.id: each for each in page.notifications}
            inbox = page.inbox
            replica = Replica(
                inbox.position, inbox.unread_count, inbox.total_count, inbox.unseen_count, snapshots
            )
            replica.check()
            seen.append(replica)
        return seen

    def read_and_stop() -> list[Replica]:
        try:
            return read()
        finally:
            stop.set()

    seen, *others = at_once(read_and_stop, partial(write, 1), partial(write, 2))
    assert others == [None, None]
    assert isinstance(seen, list)
    end = Replica.read(alice.pk)
    for replica in itertools.islice(seen, 0, None, 7):
        replica.apply_all(log_of(alice.pk, after=replica.position.sequence))
        assert replica == end


def test_an_empty_list_is_of_the_same_moment_as_its_position(alice: User) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            notification = send(alice).notification
            assert notification is not None
            services.delete(user_id=alice.pk, notification_id=notification.pk)

    def read() -> set[int]:
        try:
            pages = [selectors.page(user_id=alice.pk, limit=5) for _ in range(150)]
        finally:
            stop.set()
        for page in pages:
            assert (
                len(page.notifications)
                == page.inbox.total_count
                == page.inbox.position.sequence % 2
            )
        return {len(page.notifications) for page in pages}

    seen, writer = at_once(read, write)
    assert writer is None
    assert isinstance(seen, set), seen
    assert seen <= {0, 1}


def test_senders_to_a_user_who_is_being_deleted_get_an_unknown_user_error() -> None:
    def send_some(user: User) -> int:
        for sent in range(10):
            try:
                send(user)
            except InvalidInput as error:
                assert error.field == "recipient_id"
                return sent
        return 10

    def delete(user: User) -> None:
        while True:
            try:
                User.objects.get(pk=user.pk).delete()
            except IntegrityError:
                # PostgreSQL: a notification arrived in between. It is deleted with the next try.
                connections["default"].close()
            else:
                return

    for n in range(4):
        user = User.objects.create_user(f"user{n}")
        calls: list[Callable[[], object]] = [partial(send_some, user)] * (THREADS - 1)
        results = at_once(*calls, partial(delete, user))
        assert [type(result) for result in results] == [int] * (THREADS - 1) + [type(None)], results
    assert not Notification.objects.exists()
    assert not Inbox.objects.exists()


def at_once_with_deletion(user: User, send_once: Callable[[], object]) -> list[int]:
    """Delete a user while others send until they are refused. Returns how often each of them has sent.

    The deletion succeeds at the first attempt: it waits for what is being sent.
    """
    ended = threading.Event()

    def delete() -> object:
        try:
            return user.delete()
        finally:
            ended.set()

    def send_until_refused() -> int:
        calls = 0
        while True:
            may_be_sent = not ended.is_set()
            try:
                send_once()
            except InvalidInput as error:
                assert error.field in ("recipient_id", "recipient_ids")
                return calls
            assert may_be_sent
            calls += 1

    calls: list[Callable[[], object]] = [send_until_refused] * (THREADS - 1)
    *sent, deleted = at_once(*calls, delete)
    assert isinstance(deleted, tuple), deleted
    counts = [count for count in sent if isinstance(count, int)]
    assert counts == sent
    return counts


def test_a_user_with_an_inbox_is_deleted_while_others_send() -> None:
    for n in range(4):
        user = User.objects.create_user(f"user{n}")
        send(user)
        at_once_with_deletion(user, partial(send, user))
    assert not Notification.objects.exists()
    assert not Inbox.objects.exists()


def test_a_bulk_send_leaves_out_users_who_are_deleted_meanwhile() -> None:
    others = [User.objects.create_user(f"other{n}") for n in range(3)]
    rounds = 0
    for n in range(4):
        user = User.objects.create_user(f"user{n}")
        send(user)
        keys = [user.pk, *(other.pk for other in others)]
        bulk = partial(services.send_many, recipient_ids=keys, title="x")
        rounds += sum(at_once_with_deletion(user, bulk))
    assert Notification.objects.count() == 3 * rounds
    assert list(check_inboxes()) == []


def test_positions_only_move_forward(alice: User) -> None:
    """A reader never sees an inbox go back: commits are visible in the order of their sequences."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            send(alice)

    def read() -> list[Position]:
        try:
            return [selectors.heads([str(alice.pk)])[str(alice.pk)].position for _ in range(200)]
        finally:
            stop.set()

    seen, *writers = at_once(read, write, write)
    assert writers == [None, None]
    assert isinstance(seen, list)
    assert seen == sorted(seen, key=lambda position: position.sequence)
    assert_in_order(alice)
