"""Recalling: what was sent is taken back, from whoever still has it, and is not sent again."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

import live_inbox
from live_inbox import services, signals
from live_inbox.errors import InvalidInput
from live_inbox.events import Kind
from live_inbox.identity.callers import Caller
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox, InboxEvent, Notification
from live_inbox.services.recall_for_caller import recall_for_caller
from tests.domain.conftest import VerifyEvents


def sent(recipient: User, title: str = "x", **more: Any) -> Notification:
    notification = services.send(recipient_id=recipient.pk, title=title, **more).notification
    assert notification is not None
    return notification


# -- one -----------------------------------------------------------------------------------------------------


def test_one_is_gone_on_all_devices(alice: User, verify_events: VerifyEvents) -> None:
    kept, wrong = sent(alice, "kept"), sent(alice, "wrong", type="news")
    with verify_events(alice) as bell:
        assert live_inbox.recall(notification_id=wrong)
    (event,) = bell.events(alice.pk)
    assert (event.kind, event.notification_id, event.type) == (Kind.RECALLED, wrong.pk, "news")
    assert (event.unread_count, event.total_count, event.unseen_count) == (1, 1, 1)
    assert list(Notification.objects.all()) == [kept]
    log = "".join(str(row.payload) for row in InboxEvent.objects.filter(inbox=alice.pk))
    assert "wrong" not in log
    assert list(check_inboxes(user_ids=[alice.pk])) == []


def test_what_is_gone_is_not_recalled_again(alice: User, verify_events: VerifyEvents) -> None:
    one, deleted = sent(alice), sent(alice)
    services.delete(user_id=alice.pk, notification_id=deleted.pk)
    assert services.recall(notification_id=one.pk)
    with verify_events(alice) as bell:
        assert not services.recall(notification_id=one.pk)
        assert not services.recall(notification_id=deleted.pk)
        assert not services.recall(notification_id=2**70)
    assert bell.rings == []


def test_a_key_names_what_its_sender_has_sent(alice: User, bob: User) -> None:
    of_bob = sent(alice, "of bob", sender_id=bob.pk, idempotency_key="k")
    sent(alice, "of the system", idempotency_key="k")
    assert not live_inbox.recall(sender=alice, idempotency_key="k")
    assert live_inbox.recall(idempotency_key="k")
    assert list(Notification.objects.all()) == [of_bob]
    assert live_inbox.recall(sender=bob, idempotency_key="k")
    with pytest.raises(InvalidInput):
        live_inbox.recall()
    with pytest.raises(InvalidInput):
        live_inbox.recall(notification_id=of_bob, idempotency_key="k")


def test_receivers_learn_why(alice: User, verify_events: VerifyEvents) -> None:
    one = sent(alice)
    seen: list[Any] = []

    def receive(event: Any, **_: Any) -> None:
        seen.append(event.notification_id)

    signals.notification_recalled.connect(receive)
    try:
        with verify_events(alice):
            services.recall(notification_id=one.pk)
    finally:
        signals.notification_recalled.disconnect(receive)
    assert seen == [one.pk]


def test_an_inbox_with_wrong_counts_is_left_alone(alice: User) -> None:
    one = sent(alice)
    Inbox.objects.filter(pk=alice.pk).update(unread_count=0, unseen_count=0)
    assert not services.recall(notification_id=one.pk)
    list(check_inboxes(fix=True))
    assert services.recall(notification_id=one.pk)


# -- in the name of a caller ---------------------------------------------------------------------------------


def test_callers_recall_what_they_have_sent(alice: User, bob: User) -> None:
    one = sent(alice, sender_id=bob.pk, idempotency_key="k")
    assert not recall_for_caller(Caller(alice), notification_id=one.pk)
    assert not recall_for_caller(Caller(alice), idempotency_key="k")
    assert recall_for_caller(Caller(bob), idempotency_key="k")


def test_staff_recall_what_others_have_sent(alice: User, bob: User) -> None:
    one = sent(alice)
    bob.user_permissions.add(Permission.objects.get(codename="send_notification"))
    staff = User.objects.get(pk=bob.pk)
    with pytest.raises(live_inbox.Forbidden):
        recall_for_caller(Caller(staff, frozenset({"notifications:write"})), notification_id=one.pk)
    assert recall_for_caller(Caller(staff), notification_id=one.pk)
