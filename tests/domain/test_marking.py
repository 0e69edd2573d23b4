from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from live_inbox import selectors, services
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.errors import InvalidInput, NotFound
from live_inbox.events import Kind
from live_inbox.models import Inbox, Notification
from live_inbox.services import AllRead, Changed, Deleted
from tests.domain.conftest import VerifyEvents
from tests.domain.query_counting import queries
from tests.domain.replica import Replica, log_of
from tests.domain.table_copies import copy_tables, restore_tables

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ONE_NOTIFICATION = [services.mark_read, services.mark_unread, services.delete]


def send(user: User, title: str = "x", **content: Any) -> Notification:
    sent = services.send(recipient_id=user.pk, title=title, **content)
    assert sent.notification is not None
    return sent.notification


def position(user: User) -> Position:
    return selectors.inbox_state(user_id=user.pk).position


def unread(user: User) -> list[str]:
    rows = Notification.objects.filter(recipient=user, read_at__isnull=True)
    return list(rows.order_by("id").values_list("title", flat=True))


# -- read and unread -----------------------------------------------------------------------------------------


def test_a_notification_is_marked_read(alice: User, bob: User, verify_events: VerifyEvents) -> None:
    send(alice)
    notification = send(alice, sender_id=bob.pk)
    with verify_events(alice, bob) as bell:
        changed = services.mark_read(user_id=alice.pk, notification_id=notification.pk, now=NOON)
    assert changed == Changed(notification, True, 1, 2, 1, position(alice))
    assert changed.notification.read_at == NOON
    assert position(alice).sequence == 3
    (event,) = bell.events(alice.pk)
    assert (event.kind, event.occurred_at, event.unread_count) == (Kind.READ, NOON, 1)
    assert event.notification is not None
    assert event.notification.sender is not None
    assert event.notification.sender.username == "bob"


def test_a_notification_is_marked_unread_again(alice: User, verify_events: VerifyEvents) -> None:
    notification = send(alice)
    services.mark_read(user_id=alice.pk, notification_id=notification.pk)
    with verify_events(alice) as bell:
        changed = services.mark_unread(user_id=alice.pk, notification_id=notification.pk, now=NOON)
    assert changed == Changed(notification, True, 1, 1, 1, position(alice))
    assert changed.notification.read_at is None
    (event,) = bell.events(alice.pk)
    assert (event.kind, event.occurred_at, event.unread_count) == (Kind.UNREAD, NOON, 1)


@pytest.mark.parametrize("twice", [services.mark_read, services.mark_unread])
def test_a_change_that_changes_nothing_causes_no_event(
    alice: User, verify_events: VerifyEvents, twice: Callable[..., Changed]
) -> None:
    notification = send(alice)
    if twice is services.mark_read:
        services.mark_read(user_id=alice.pk, notification_id=notification.pk, now=NOON)
    before = Replica.read(alice.pk)
    with verify_events(alice) as bell:
        changed = twice(user_id=alice.pk, notification_id=notification.pk)
    assert changed.changed is False
    assert changed.position == position(alice)
    assert (changed.unread_count, changed.total_count) == (before.unread_count, 1)
    assert bell.rings == []
    assert Replica.read(alice.pk) == before


# -- all read ------------------------------------------------------------------------------------------------


def test_all_are_marked_read_by_one_event(
    alice: User, bob: User, verify_events: VerifyEvents
) -> None:
    first = send(alice)
    for _ in range(3):
        newest = send(alice)
    send(bob)
    services.mark_read(user_id=alice.pk, notification_id=first.pk)
    with verify_events(alice, bob) as bell:
        result = services.mark_all_read(user_id=alice.pk, now=NOON)
    assert result == AllRead(
        count=3, unread_count=0, total_count=4, unseen_count=0, position=position(alice)
    )
    (event,) = bell.events(alice.pk)
    assert (event.kind, event.count, event.through_rank) == (Kind.ALL_READ, 3, newest.pk)
    assert (event.notification, event.notification_id, event.unread_count) == (None, None, 0)
    assert unread(alice) == []
    assert unread(bob) == ["x"]
    assert Notification.objects.filter(recipient=alice, read_at=NOON).count() == 3


def test_what_arrives_after_the_position_stays_unread(
    alice: User, verify_events: VerifyEvents
) -> None:
    for title in ("a", "b"):
        send(alice, title)
    seen = position(alice)
    for title in ("c", "d"):
        send(alice, title)
    with verify_events(alice):
        result = services.mark_all_read(user_id=alice.pk, up_to=seen)
    assert result == AllRead(
        count=2, unread_count=2, total_count=4, unseen_count=2, position=position(alice)
    )
    assert unread(alice) == ["c", "d"]


@pytest.mark.parametrize("later", [0, 1])
def test_a_position_of_an_event_that_the_log_has_lost_is_refused(alice: User, later: int) -> None:
    send(alice)
    kept = position(alice)
    copy = copy_tables()
    send(alice, "lost")
    lost = position(alice)
    restore_tables(copy)
    for title in ["other", *["later"] * later]:
        send(alice, title)
    with pytest.raises(InvalidInput, match="not a position of your inbox"):
        services.mark_all_read(user_id=alice.pk, up_to=lost)
    unknown = Position(lost.epoch, lost.sequence)
    for up_to, count in ((kept, 1), (unknown, 1), (position(alice), later)):
        assert services.mark_all_read(user_id=alice.pk, up_to=up_to).count == count


def test_what_was_marked_unread_after_the_position_had_arrived_before(
    alice: User, verify_events: VerifyEvents
) -> None:
    old = send(alice, "old")
    services.mark_read(user_id=alice.pk, notification_id=old.pk)
    seen = position(alice)
    send(alice, "new")
    services.mark_unread(user_id=alice.pk, notification_id=old.pk)
    with verify_events(alice):
        services.mark_all_read(user_id=alice.pk, up_to=seen)
    assert unread(alice) == ["new"]


def test_with_nothing_unread_nothing_happens(alice: User, verify_events: VerifyEvents) -> None:
    notification = send(alice)
    before_it_arrived = Position(position(alice).epoch, 0)
    for up_to in (ORIGIN, before_it_arrived):
        with verify_events(alice) as bell:
            result = services.mark_all_read(user_id=alice.pk, up_to=up_to)
        assert result == AllRead(0, 1, 1, 1, position(alice))
        assert bell.rings == []
    services.mark_read(user_id=alice.pk, notification_id=notification.pk)
    with verify_events(alice) as bell:
        assert services.mark_all_read(user_id=alice.pk) == AllRead(0, 0, 1, 0, position(alice))
    assert bell.rings == []


def test_an_inbox_that_was_never_touched_has_nothing_unread(alice: User) -> None:
    for up_to in (None, ORIGIN):
        result = services.mark_all_read(user_id=alice.pk, up_to=up_to)
        assert result == AllRead(0, 0, 0, 0, ORIGIN)
    assert not Inbox.objects.exists()


@pytest.mark.parametrize("foreign", ["ahead", "epoch", "of an untouched inbox"])
def test_a_position_that_is_not_of_this_inbox_changes_nothing(
    alice: User, verify_events: VerifyEvents, foreign: str
) -> None:
    if foreign != "of an untouched inbox":
        send(alice)
    head = position(alice)
    up_to = Position(head.epoch, 2) if foreign == "ahead" else Position("other", 1)
    with verify_events(alice) as bell, pytest.raises(InvalidInput) as caught:
        services.mark_all_read(user_id=alice.pk, up_to=up_to)
    assert caught.value.field == "up_to"
    assert bell.rings == []


# -- deleting ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [False, True])
def test_a_notification_is_deleted(alice: User, verify_events: VerifyEvents, read: bool) -> None:
    send(alice)
    notification = send(alice, type="news")
    if read:
        services.mark_read(user_id=alice.pk, notification_id=notification.pk)
    with verify_events(alice) as bell:
        deleted = services.delete(user_id=alice.pk, notification_id=notification.pk, now=NOON)
    assert deleted == Deleted(notification.pk, 1, 1, 1, position(alice))
    (event,) = bell.events(alice.pk)
    assert (event.kind, event.occurred_at) == (Kind.DELETED, NOON)
    assert (event.notification_id, event.notification_type) == (notification.pk, "news")
    assert event.notification is None
    with pytest.raises(NotFound):
        services.delete(user_id=alice.pk, notification_id=notification.pk)


def test_an_id_is_never_used_again(alice: User) -> None:
    newest = send(alice)
    services.delete(user_id=alice.pk, notification_id=newest.pk)
    assert send(alice).pk > newest.pk


def test_the_log_outlives_the_notification(alice: User) -> None:
    notification = send(alice, "gone")
    services.delete(user_id=alice.pk, notification_id=notification.pk)
    added, deleted = log_of(alice.pk)
    assert (added.kind, added.notification_id) == (Kind.ADDED, notification.pk)
    assert (added.is_erased, added.notification) == (True, None)
    assert deleted.notification_id == notification.pk


# -- not theirs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ONE_NOTIFICATION)
@pytest.mark.parametrize("whose", ["another user's", "nobody's", 0, -1, 2**63 - 1, 2**63, 2**100])
def test_a_notification_that_the_user_does_not_have_is_not_found(
    alice: User,
    bob: User,
    verify_events: VerifyEvents,
    service: Callable[..., object],
    whose: object,
) -> None:
    send(alice)
    ids = {"another user's": send(bob).pk, "nobody's": 10**12}
    notification_id = ids[whose] if isinstance(whose, str) else whose
    with verify_events(alice, bob) as bell, pytest.raises(NotFound) as caught:
        service(user_id=alice.pk, notification_id=notification_id)
    assert (caught.value.code, caught.value.message) == (
        "NOT_FOUND",
        "You have no such notification.",
    )
    assert bell.rings == []


@pytest.mark.parametrize("service", ONE_NOTIFICATION)
def test_who_has_no_inbox_has_no_notification(
    alice: User, bob: User, service: Callable[..., object]
) -> None:
    with pytest.raises(NotFound):
        service(user_id=alice.pk, notification_id=send(bob).pk)
    assert Inbox.objects.get().pk == bob.pk


# -- cost ----------------------------------------------------------------------------------------------------


def test_each_change_costs_a_fixed_number_of_statements(alice: User) -> None:
    def cost(service: Callable[..., object], **arguments: Any) -> int:
        with queries() as statements:
            service(user_id=alice.pk, **arguments)
        return len(statements)

    # The inbox and the notification, of which the lock of PostgreSQL is the first.
    reads = 1 if connection.vendor == "sqlite" else 2
    for size in (1, 30):
        for _ in range(size):
            notification = send(alice)
        one = {"notification_id": notification.pk}
        # Then the notification, the inbox and the event are written.
        assert cost(services.mark_read, **one) == reads + 3
        assert cost(services.mark_read, **one) == reads
        assert cost(services.mark_unread, **one) == reads + 3
        assert cost(services.mark_unread, **one) == reads
        assert cost(services.mark_all_read) == 5
        # With nothing unread, the inbox says so.
        assert cost(services.mark_all_read) == 1
        # And its content is removed from the log.
        assert cost(services.delete, **one) == reads + 4
