"""Sends that wait for their time: nothing of them is there before, and then they arrive as any other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

import live_inbox
from live_inbox import services
from live_inbox.bulk_states import BulkState
from live_inbox.content import Content
from live_inbox.errors import Conflict, InvalidInput
from live_inbox.events import Kind
from live_inbox.maintenance.bulk_send_pruning import prune_bulk_sends
from live_inbox.maintenance.deliveries import deliver_due
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import BulkSend, InboxEvent, Notification, ScheduledSend
from live_inbox.services import SentMany, bulk_sending
from tests.changed_settings import changed_settings
from tests.domain.conftest import VerifyEvents
from tests.domain.replica import Replica

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATER = NOON + HOUR


def scheduled(recipient: User, title: str = "x", **more: Any) -> ScheduledSend:
    given: dict[str, Any] = {"title": title, "deliver_at": LATER, "now": NOON} | more
    sent = services.send(recipient_id=recipient.pk, **given)
    assert sent.notification is None
    assert sent.scheduled is not None
    assert not sent.suppressed
    return sent.scheduled


def titles(user: User) -> list[str]:
    """Return what a user has, newest first."""
    return list(Notification.objects.filter(recipient=user).values_list("title", flat=True))


# -- one -----------------------------------------------------------------------------------------------------


def test_nothing_is_there_until_it_is_due(alice: User, verify_events: VerifyEvents) -> None:
    services.send(recipient_id=alice.pk, title="before")
    state = Replica.read(alice.pk)
    with verify_events(alice) as bell:
        row = scheduled(alice, message="m", link="/a", data={"a": [1]}, priority="high")
        assert deliver_due(now=LATER - timedelta(seconds=1)) == 0
    assert bell.rings == []
    assert Replica.read(alice.pk) == state
    assert (row.deliver_at, row.created_at, row.recipient_id) == (LATER, NOON, alice.pk)
    services.send(recipient_id=alice.pk, title="meanwhile")
    with verify_events(alice) as bell:
        assert deliver_due(now=LATER) == 1
    (event,) = bell.events(alice.pk)
    assert (event.kind, event.occurred_at, event.unread_count) == (Kind.ADDED, LATER, 3)
    newest = Notification.objects.get(title="x")
    assert (newest.message, newest.link, newest.data) == ("m", "/a", {"a": [1]})
    assert (newest.priority, newest.created_at) == ("high", LATER)
    assert newest.pk == Notification.objects.latest("pk").pk
    assert not ScheduledSend.objects.exists()
    assert deliver_due(now=LATER + HOUR) == 0
    assert list(check_inboxes(user_ids=[alice.pk])) == []


PARTS: dict[str, Any] = {
    "title": "Ana commented",
    "message": "**7**",
    "format": "markdown",
    "icon": "receipt",
    "target": {"type": "shop.order", "id": "7"},
    "actions": [{"label": "Approve", "id": "approve"}, {"label": "Open", "link": "/7"}],
    "data": {"a": [1]},
    "type": "news",
    "expires_at": LATER + timedelta(days=1, microseconds=7),
}


@pytest.mark.parametrize("actor", ["user", "Ana", {"name": "Ana", "picture": "/ana.png"}])
def test_all_content_is_what_send_would_have_made_of_it(alice: User, bob: User, actor: Any) -> None:
    content = PARTS | {"actor": bob if actor == "user" else actor}
    services.send(recipient_id=alice.pk, sender_id=bob.pk, now=NOON, **content)
    scheduled(alice, sender_id=bob.pk, **content)
    send_many([alice], sender_id=bob.pk, **content)
    assert deliver_due(now=LATER) == 2
    rows = Notification.objects.filter(recipient=alice).order_by("pk")
    first, *others = (Content.of(row) for row in rows)
    assert others == [first, first]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"actor": {"user": 10**6}}, "actor"),
        ({"target": {"type": "not a model"}}, "target"),
        ({"actions": [{"label": "x"}]}, "actions"),
        ({"format": "html"}, "format"),
        ({"icon": "a b"}, "icon"),
    ],
)
def test_parts_that_are_not_acceptable_are_refused_at_once(
    alice: User, given: dict[str, Any], field: str
) -> None:
    arguments: dict[str, Any] = {"title": "x", "deliver_at": LATER, "now": NOON, **given}
    with pytest.raises(InvalidInput) as caught:
        services.send(recipient_id=alice.pk, **arguments)
    assert (caught.value.field or "").partition(".")[0] == field
    assert not ScheduledSend.objects.exists()


def test_a_first_notification_may_be_scheduled(alice: User, bob: User) -> None:
    scheduled(alice, sender_id=bob.pk, deliver_at=HOUR)
    deliver_due(now=LATER)
    row = Notification.objects.get()
    assert (row.sender, row.recipient) == (bob, alice)


def test_a_time_that_has_come_is_at_once(alice: User) -> None:
    for moment in (NOON, NOON - HOUR):
        sent = services.send(recipient_id=alice.pk, title="x", deliver_at=moment, now=NOON)
        assert sent.notification is not None
        assert sent.scheduled is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"deliver_at": LATER.replace(tzinfo=None)}, "deliver_at"),
        ({"deliver_at": "2031-01-01"}, "deliver_at"),
        ({"deliver_at": timedelta(0)}, "deliver_at"),
        ({"deliver_at": NOON + timedelta(days=367)}, "deliver_at"),
        ({"deliver_at": timedelta.max}, "deliver_at"),
        ({"deliver_at": LATER, "expires_at": NOON + HOUR / 2}, "expires_at"),
        ({"deliver_at": LATER, "expires_at": LATER}, "expires_at"),
        ({"deliver_at": LATER, "created_at": NOON}, "created_at"),
        ({"deliver_at": LATER, "title": ""}, "title"),
        ({"deliver_at": LATER, "recipient_id": 10**6}, "recipient_id"),
        ({"deliver_at": LATER, "sender_id": 10**6}, "sender_id"),
    ],
)
def test_what_is_not_acceptable_is_refused_at_once(
    alice: User, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        arguments: dict[str, Any] = {"recipient_id": alice.pk, "title": "x", "now": NOON}
        services.send(**arguments | given)
    assert caught.value.field == field
    assert not ScheduledSend.objects.exists()


def test_a_time_to_live_counts_from_the_delivery(alice: User) -> None:
    scheduled(alice, "given", expires_at=HOUR)
    with changed_settings(TYPES={"general": {"retention_days": 2}}):
        scheduled(alice, "retention")
    deliver_due(now=LATER)
    ends = dict(Notification.objects.values_list("title", "expires_at"))
    assert ends == {"given": LATER + HOUR, "retention": LATER + timedelta(days=2)}


def test_what_has_expired_by_its_delivery_is_not_delivered(alice: User) -> None:
    scheduled(alice, expires_at=HOUR)
    assert deliver_due(now=LATER + HOUR) == 0
    assert not ScheduledSend.objects.exists()
    assert not Notification.objects.exists()


def test_preferences_are_those_of_the_delivery(alice: User, bob: User) -> None:
    services.set_preference(user_id=alice.pk, type="general", enabled=False)
    for user in (alice, bob):
        scheduled(user)
    services.set_preference(user_id=alice.pk, type="general", enabled=True)
    services.set_preference(user_id=bob.pk, type="general", enabled=False)
    assert deliver_due(now=LATER) == 1
    assert (titles(alice), titles(bob)) == (["x"], [])
    assert not ScheduledSend.objects.exists()


def test_what_one_user_gets_comes_in_the_order_of_its_time(
    alice: User, bob: User, verify_events: VerifyEvents
) -> None:
    moments = {"c": 3, "a": 1, "e": 5, "b": 2, "d": 4}
    for title, hours in moments.items():
        for user in (alice, bob):
            kind = "news" if title in "bd" else "general"
            scheduled(user, title, type=kind, deliver_at=NOON + hours * HOUR)
    with verify_events(alice, bob):
        assert deliver_due(now=NOON + 4 * HOUR, batch=3) == 8
    assert titles(alice) == titles(bob) == ["d", "c", "b", "a"]


def test_many_contents_at_once(alice: User, verify_events: VerifyEvents) -> None:
    users = User.objects.bulk_create(User(username=f"u{n}") for n in range(60))
    for number, user in enumerate(users):
        scheduled(user, f"t{number}", data={"n": number})
        scheduled(user, "same")
    with verify_events(*users[:3]):
        assert deliver_due(now=LATER) == 120
    assert [titles(user) for user in users] == [["same", f"t{n}"] for n in range(60)]


def test_a_full_inbox_makes_room(alice: User, verify_events: VerifyEvents) -> None:
    with changed_settings(MAX_INBOX_NOTIFICATIONS=100):
        for number in range(100):
            services.send(recipient_id=alice.pk, title=str(number))
        scheduled(alice)
        with verify_events(alice):
            deliver_due(now=LATER)
    assert titles(alice) == ["x", *(str(number) for number in reversed(range(1, 100)))]


def test_what_a_deleted_user_has_to_do_with_is_not_delivered(alice: User, bob: User) -> None:
    carol = User.objects.create_user("carol")
    scheduled(alice, "from bob", sender_id=bob.pk)
    scheduled(bob, "to bob")
    scheduled(alice, "from carol", sender_id=carol.pk)
    bob.delete()
    deliver_due(now=LATER)
    assert titles(alice) == ["from carol"]


def test_a_rollback_schedules_nothing(alice: User) -> None:
    with transaction.atomic():
        scheduled(alice)
        transaction.set_rollback(True)
    assert not ScheduledSend.objects.exists()


# -- keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deliver_at", [LATER, HOUR])
def test_a_repeated_call_has_the_first_result(alice: User, deliver_at: Any) -> None:
    def send(now: datetime, **more: Any) -> Any:
        content = {"title": "x", "idempotency_key": "k", "deliver_at": deliver_at, **more}
        return services.send(recipient_id=alice.pk, now=now, **content)

    first = send(NOON)
    again = send(NOON + HOUR / 2)
    assert (first.replayed, again.replayed, again.scheduled) == (False, True, first.scheduled)
    for other in ({"title": "y"}, {"deliver_at": 2 * HOUR}):
        with pytest.raises(Conflict):
            send(NOON, **other)
    deliver_due(now=LATER)
    delivered = send(LATER)
    assert (delivered.replayed, delivered.scheduled) == (True, None)
    assert delivered.notification is not None
    assert titles(alice) == ["x"]


def test_a_repeated_call_that_comes_after_the_time_and_before_the_delivery(alice: User) -> None:
    row = scheduled(alice, idempotency_key="k")
    again = services.send(
        recipient_id=alice.pk, title="x", idempotency_key="k", deliver_at=LATER, now=LATER + HOUR
    )
    assert (again.replayed, again.scheduled, again.notification) == (True, row, None)


def test_a_key_that_a_plain_send_has_used_meanwhile_is_not_delivered_twice(alice: User) -> None:
    scheduled(alice, "later", idempotency_key="k")
    services.send(recipient_id=alice.pk, title="now", idempotency_key="k")
    assert deliver_due(now=LATER) == 0
    assert titles(alice) == ["now"]
    assert not ScheduledSend.objects.exists()


def test_keys_are_of_each_sender(alice: User, bob: User) -> None:
    scheduled(alice, idempotency_key="k")
    scheduled(alice, idempotency_key="k", sender_id=bob.pk)
    scheduled(alice, idempotency_key="k", sender_id=alice.pk)
    assert deliver_due(now=LATER) == 3


# -- cancelling ----------------------------------------------------------------------------------------------


def test_what_is_cancelled_in_time_is_not_delivered(alice: User, bob: User) -> None:
    row = scheduled(alice, "by object")
    other = scheduled(alice, "by number")
    scheduled(alice, "by key", idempotency_key="k", sender_id=bob.pk)
    assert live_inbox.cancel(scheduled_id=row)
    assert live_inbox.cancel(scheduled_id=other.pk)
    assert not live_inbox.cancel(idempotency_key="k")
    assert live_inbox.cancel(idempotency_key="k", sender=bob)
    assert not live_inbox.cancel(idempotency_key="k", sender=bob)
    assert deliver_due(now=LATER) == 0


def test_it_is_too_late_after_the_delivery(alice: User) -> None:
    row = scheduled(alice, idempotency_key="k")
    deliver_due(now=LATER)
    assert not live_inbox.cancel(scheduled_id=row.pk)
    assert not live_inbox.cancel(idempotency_key="k")
    assert not live_inbox.cancel(scheduled_id=2**70)
    assert titles(alice) == ["x"]


@pytest.mark.parametrize("named", [{}, {"scheduled_id": 1, "idempotency_key": "k"}])
def test_one_of_both_names_is_needed(alice: User, named: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.cancel(**named)
    assert caught.value.field == "scheduled_id"


def test_the_key_can_be_used_again_after_a_cancellation(alice: User) -> None:
    scheduled(alice, "first", idempotency_key="k")
    services.cancel(idempotency_key="k")
    scheduled(alice, "second", idempotency_key="k")
    deliver_due(now=LATER)
    assert titles(alice) == ["second"]


def test_a_recall_cancels_what_waits(alice: User) -> None:
    scheduled(alice, idempotency_key="k")
    assert live_inbox.recall(idempotency_key="k")
    assert not live_inbox.recall(idempotency_key="k")
    assert deliver_due(now=LATER) == 0


def test_what_is_scheduled_is_not_edited_into_later(alice: User) -> None:
    sent = services.send(recipient_id=alice.pk, title="x").notification
    assert sent is not None
    with pytest.raises(InvalidInput) as caught:
        services.edit(notification_id=sent.pk, deliver_at=LATER)
    assert caught.value.field == "deliver_at"


# -- many ----------------------------------------------------------------------------------------------------


@pytest.fixture
def users(db: None, monkeypatch: pytest.MonkeyPatch) -> list[User]:
    """Users of three chunks."""
    monkeypatch.setattr(bulk_sending, "SEND_CHUNK", 4)
    return User.objects.bulk_create(User(username=f"u{n}") for n in range(10))


def send_many(users: list[User], now: datetime = NOON, **more: Any) -> SentMany:
    content: dict[str, Any] = {"title": "x", "idempotency_key": "k", "deliver_at": LATER} | more
    return services.send_many(recipient_ids=[user.pk for user in users], now=now, **content)


@pytest.mark.parametrize("key", [None, "k"])
def test_many_get_it_at_its_time(
    users: list[User], verify_events: VerifyEvents, key: str | None
) -> None:
    services.set_preference(user_id=users[3].pk, type="general", enabled=False)
    sent = send_many(users, idempotency_key=key)
    assert sent == SentMany(sent=0, suppressed=0, scheduled=10)
    assert not InboxEvent.objects.exists()
    with verify_events(*users):
        assert deliver_due(now=LATER, batch=3) == 9
    assert [titles(user) for user in users] == [["x"]] * 3 + [[]] + [["x"]] * 6
    assert not ScheduledSend.objects.exists()


def test_a_repeated_bulk_send_schedules_and_sends_to_nobody_twice(
    users: list[User], verify_events: VerifyEvents
) -> None:
    assert send_many(users[:6]) == SentMany(0, 0, scheduled=6)
    assert send_many(users) == SentMany(0, 0, scheduled=10)
    assert ScheduledSend.objects.count() == 10
    services.set_preference(user_id=users[0].pk, type="general", enabled=False)
    with verify_events(*users):
        deliver_due(now=LATER)
        done = send_many(users, LATER + HOUR)
    assert done == SentMany(sent=0, suppressed=1, replayed=9)
    for notification in Notification.objects.filter(recipient__in=users[1:4]):
        notification.delete()
    assert send_many(users, LATER + HOUR) == SentMany(sent=0, suppressed=1, replayed=9)
    with pytest.raises(Conflict):
        send_many(users, deliver_at=LATER + HOUR)


def test_a_repeated_call_after_the_time_leaves_alone_who_still_waits(users: list[User]) -> None:
    send_many(users[:4])
    done = send_many(users, LATER + HOUR)
    assert done == SentMany(sent=6, suppressed=0, scheduled=4)
    assert deliver_due(now=LATER + HOUR) == 4
    assert [titles(user) for user in users] == [["x"]] * 10


def test_one_of_many_is_cancelled_for_good(users: list[User]) -> None:
    send_many(users)
    row = ScheduledSend.objects.get(recipient=users[2])
    assert services.cancel(scheduled_id=row.pk)
    assert send_many(users) == SentMany(sent=0, suppressed=1, scheduled=9)
    assert deliver_due(now=LATER) == 9
    assert titles(users[2]) == []


def bulk_send_of(users: list[User]) -> int:
    """Schedule for many, deliver to three of them, and return the number of the record."""
    id = send_many(users).campaign_id
    assert id is not None
    ScheduledSend.objects.filter(recipient__in=users[:3]).update(deliver_at=NOON)
    assert deliver_due(now=NOON) == 3
    return id


def test_the_record_says_how_many_wait(users: list[User]) -> None:
    sent = send_many(users)
    assert sent.campaign_id is not None
    waiting = live_inbox.campaign(sent.campaign_id)
    assert (waiting.state, waiting.total, waiting.scheduled) == (BulkState.RUNNING, 10, 10)
    assert (waiting.dealt_with, waiting.is_due) == (0, False)
    assert live_inbox.run_campaign(sent.campaign_id) == waiting
    deliver_due(now=LATER)
    done = live_inbox.campaign(sent.campaign_id)
    assert (done.state, done.sent, done.scheduled) == (BulkState.DONE, 10, 0)


def test_cancelling_a_bulk_send_cancels_who_waits(users: list[User]) -> None:
    id = bulk_send_of(users)
    cancelled = live_inbox.cancel_campaign(id)
    assert (cancelled.state, cancelled.sent, cancelled.scheduled) == (BulkState.CANCELLED, 3, 0)
    assert deliver_due(now=LATER) == 0
    assert [titles(user) for user in users] == [["x"]] * 3 + [[]] * 7
    with pytest.raises(Conflict, match="cancelled"):
        send_many(users)


def test_a_recall_takes_all_of_it(users: list[User], verify_events: VerifyEvents) -> None:
    id = bulk_send_of(users)
    assert live_inbox.recall_campaign(id).state is BulkState.RECALLING
    assert deliver_due(now=LATER - HOUR) == 0
    with verify_events(*users):
        recalled = live_inbox.run_campaign(id)
    assert (recalled.state, recalled.recalled) == (BulkState.RECALLED, 3)
    assert recalled.scheduled == 0
    assert not ScheduledSend.objects.exists()
    assert not Notification.objects.exists()
    with pytest.raises(Conflict, match="cancelled"):
        send_many(users)


@pytest.mark.parametrize("state", [BulkState.CANCELLED, BulkState.RECALLING, BulkState.RECALLED])
def test_what_was_ended_half_way_is_not_delivered(users: list[User], state: BulkState) -> None:
    send_many(users)
    BulkSend.objects.update(state=state)
    assert deliver_due(now=LATER) == 0
    assert not ScheduledSend.objects.exists()


def test_a_cancellation_that_died_half_way_is_completed_by_the_same_call(users: list[User]) -> None:
    id = send_many(users).campaign_id
    assert id is not None
    BulkSend.objects.update(state=BulkState.CANCELLED)
    assert live_inbox.cancel_campaign(id).scheduled == 0
    assert not ScheduledSend.objects.exists()


def test_cancelling_leaves_alone_what_was_delivered(users: list[User]) -> None:
    id = send_many(users).campaign_id
    assert id is not None
    deliver_due(now=LATER)
    assert live_inbox.cancel_campaign(id).state is BulkState.DONE


def test_the_record_is_kept_while_somebody_waits(users: list[User]) -> None:
    send_many(users)
    BulkSend.objects.update(changed_at="2001-01-01T00:00:00Z")
    assert prune_bulk_sends() == 0
    deliver_due(now=LATER)
    BulkSend.objects.update(changed_at="2001-01-01T00:00:00Z")
    assert prune_bulk_sends() == 1


def test_each_of_a_bulk_send_without_a_key_is_cancelled_alone(users: list[User]) -> None:
    assert send_many(users, idempotency_key=None).campaign_id is None
    assert services.cancel(scheduled_id=ScheduledSend.objects.get(recipient=users[0]).pk)
    assert deliver_due(now=LATER) == 9
    assert not BulkSend.objects.exists()
