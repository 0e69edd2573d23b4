"""The Django signals: which are sent, when, with what, and what happens when a receiver fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.dispatch import Signal

from live_inbox import services, signals
from live_inbox.events import Kind
from live_inbox.maintenance.expiry import expire_due
from live_inbox.models import Notification
from tests.domain.conftest import Commit
from tests.domain.query_counting import queries

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NAMES = (
    "notification_sent",
    "notifications_sent",
    "notification_read",
    "notification_unread",
    "all_notifications_read",
    "notification_deleted",
    "notification_expired",
)

Received = list[tuple[str, dict[str, Any]]]


@contextmanager
def receivers(*names: str) -> Iterator[Received]:
    """Receive some signals, or all of them, in one list."""
    received: Received = []
    connected = []
    for name in names or NAMES:

        def receive(sender: object, signal: Signal, name: str = name, **arguments: Any) -> None:
            assert sender is Notification
            received.append((name, arguments))

        signal: Signal = getattr(signals, name)
        signal.connect(receive, weak=False)
        connected.append((signal, receive))
    try:
        yield received
    finally:
        for signal, receive in connected:
            signal.disconnect(receive)


def sent(user: User, title: str = "x", **content: Any) -> int:
    notification = services.send(recipient_id=user.pk, title=title, **content).notification
    assert notification is not None
    return notification.pk


@pytest.mark.django_db(transaction=True)
def test_every_change_of_an_inbox_sends_its_signal(alice: User) -> None:
    with receivers() as received:
        first = sent(alice, expires_at=NOON + timedelta(hours=1), now=NOON)
        services.mark_read(user_id=alice.pk, notification_id=first)
        services.mark_unread(user_id=alice.pk, notification_id=first)
        services.mark_all_read(user_id=alice.pk)
        expire_due(now=NOON + timedelta(hours=2))
        second = sent(alice)
        services.delete(user_id=alice.pk, notification_id=second)

    assert [name for name, _ in received] == [
        "notifications_sent",
        "notification_sent",
        "notification_read",
        "notification_unread",
        "all_notifications_read",
        "notification_expired",
        "notifications_sent",
        "notification_sent",
        "notification_deleted",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_signal_has_the_event_the_user_and_the_notification(alice: User, bob: User) -> None:
    with receivers("notification_sent", "notification_read", "notification_deleted") as received:
        id = sent(alice, "Hello", sender_id=bob.pk, type="order")
        services.mark_read(user_id=alice.pk, notification_id=id, now=NOON)
        services.delete(user_id=alice.pk, notification_id=id)

    added, read, deleted = (arguments for _, arguments in received)
    assert added["user_id"] == read["user_id"] == deleted["user_id"] == alice.pk
    assert (added["event"].kind, added["event"].sequence) == (Kind.ADDED, 1)
    assert (added["event"].unread_count, added["event"].total_count) == (1, 1)
    assert (added["notification"].id, added["notification"].title) == (id, "Hello")
    assert added["notification"].sender.username == "bob"
    assert read["notification"].read_at == NOON
    assert deleted["notification"] is None
    assert (deleted["event"].notification_id, deleted["event"].type) == (id, "order")


@pytest.mark.django_db(transaction=True)
def test_an_action_sends_its_signal_once_and_with_the_outcome(alice: User) -> None:
    id = sent(alice, actions=[{"label": "Yes", "id": "yes"}, {"label": "No", "id": "no"}])
    with receivers("notification_action_performed") as received:
        for action in ("yes", "no", "yes"):
            services.perform_action(
                user_id=alice.pk, notification_id=id, action_id=action, now=NOON
            )
        with pytest.raises(RuntimeError), transaction.atomic():
            other = sent(alice, actions=[{"label": "Yes", "id": "yes"}])
            services.perform_action(user_id=alice.pk, notification_id=other, action_id="yes")
            raise RuntimeError("rolled back")
    ((_, arguments),) = received
    assert arguments["user_id"] == alice.pk
    assert arguments["event"].kind is Kind.ACTION
    shown = arguments["notification"]
    assert (shown.id, shown.performed_action, shown.performed_at) == (id, "yes", NOON)


@pytest.mark.django_db(transaction=True)
def test_a_bulk_send_sends_one_signal_for_all_and_one_for_each(alice: User, bob: User) -> None:
    with receivers() as received:
        services.send_many(recipient_ids=[bob.pk, alice.pk], title="x")

    assert [name for name, _ in received] == ["notifications_sent"] + ["notification_sent"] * 2
    bulk, first, second = (arguments for _, arguments in received)
    assert bulk == {"events": [first["event"], second["event"]]}
    assert [first["user_id"], second["user_id"]] == [alice.pk, bob.pk]


@pytest.mark.django_db(transaction=True)
def test_what_changes_nothing_sends_no_signal(alice: User) -> None:
    id = sent(alice)
    services.mark_read(user_id=alice.pk, notification_id=id)
    services.set_preference(user_id=alice.pk, type="news", enabled=False)

    with receivers() as received:
        services.mark_read(user_id=alice.pk, notification_id=id)
        services.mark_all_read(user_id=alice.pk)
        services.send(recipient_id=alice.pk, title="x", type="news")

    assert received == []


@pytest.mark.django_db(transaction=True)
def test_signals_wait_for_the_outermost_commit(alice: User) -> None:
    with receivers("notification_sent") as received:
        with transaction.atomic():
            with transaction.atomic():
                sent(alice)
            assert received == []
        assert len(received) == 1


@pytest.mark.django_db(transaction=True)
def test_after_a_rollback_no_signal_is_sent(alice: User) -> None:
    with receivers("notification_sent") as received, transaction.atomic():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            sent(alice, "undone")
            raise ZeroDivisionError
        sent(alice, "kept")

    assert [arguments["notification"].title for _, arguments in received] == ["kept"]


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_fails_is_logged_and_fails_nothing(
    alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**arguments: Any) -> None:
        raise ZeroDivisionError

    signals.notification_sent.connect(fail)
    try:
        with receivers("notification_sent") as received:
            id = sent(alice)
    finally:
        signals.notification_sent.disconnect(fail)

    assert Notification.objects.get().pk == id
    assert len(received) == 1
    (record,) = [record for record in caplog.records if record.name == "django.dispatch"]
    assert record.levelno == logging.ERROR


@pytest.mark.django_db(transaction=True)
def test_a_receiver_can_send_and_mark(alice: User, bob: User) -> None:
    def answer(event: Any, user_id: Any, notification: Any, **arguments: Any) -> None:
        if user_id == alice.pk:
            services.send(recipient_id=bob.pk, title="copy")
            services.mark_read(user_id=alice.pk, notification_id=notification.id)

    signals.notification_sent.connect(answer)
    try:
        sent(alice)
    finally:
        signals.notification_sent.disconnect(answer)

    assert list(Notification.objects.values_list("recipient__username", "title")) == [
        ("bob", "copy"),
        ("alice", "x"),
    ]
    assert Notification.objects.get(recipient=alice).read


@pytest.mark.django_db
def test_signals_cost_one_callback_and_no_query(alice: User, committed: Commit) -> None:
    def cost() -> tuple[int, int]:
        with committed() as callbacks, queries() as made:
            services.send_many(recipient_ids=[alice.pk], title="x")
        return len(callbacks), len(made)  # type: ignore[arg-type]

    callbacks, statements = cost()
    assert callbacks == 1
    with receivers("notifications_sent"):
        assert cost() == (2, statements)
