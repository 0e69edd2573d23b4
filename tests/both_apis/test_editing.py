"""Senders edit and recall over both APIs. It shows on the devices of both: in its place, or as a new list."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from live_inbox import services
from live_inbox.models import Notification
from tests.both_apis.devices import Device, Refused
from tests.changed_settings import changed_settings

Open = Callable[[str], Device]

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_edit_shows_on_every_device_and_notifies_of_nothing_new(
    open_first: Callable[[str], Device], open_second: Callable[[str], Device], alice: int
) -> None:
    phone, laptop = open_first("alice"), open_second("alice")
    titles = ("one", "two", "three")
    sent = [services.send(recipient_id=alice, title=title).notification for title in titles]
    one, two, _ = [each.pk for each in sent if each is not None]
    for device in (phone, laptop):
        assert [device.next_change().what for _ in sent] == ["added"] * 3
    services.edit(notification_id=two, title="2", data={"n": 2})
    for device in (phone, laptop):
        assert device.next_change().what == "reloaded"
    services.mark_read(user_id=alice, notification_id=one)
    for device in (phone, laptop):
        assert device.next_change().what == "read"
        listed = device.list()
        assert [each.title for each in listed.notifications] == ["three", "2", "one"]
        assert (listed.notifications[1].data, listed.notifications[1].read) == ({"n": 2}, False)
        assert (listed.total, listed.unread) == (3, 2)


def test_an_edit_in_the_archive_leaves_the_list_alone(
    open_first: Callable[[str], Device], open_second: Callable[[str], Device], alice: int
) -> None:
    phone, laptop = open_first("alice"), open_second("alice")
    one = services.send(recipient_id=alice, title="one").notification
    assert one is not None
    services.archive(user_id=alice, notification_id=one.pk)
    services.edit(notification_id=one.pk, title="1")
    services.send(recipient_id=alice, title="two")
    for device in (phone, laptop):
        assert [device.next_change().what for _ in range(3)] == ["added", "deleted", "added"]
        assert [each.title for each in device.list("archive").notifications] == ["1"]


def received(sender: int | None, recipient: int, **more: object) -> int:
    """Return the id of a new notification."""
    sent = services.send(
        recipient_id=recipient,
        sender_id=sender,
        title="old",
        message="m",
        link="/a",
        data={"a": 1},
        **more,  # type: ignore[arg-type]
    ).notification
    assert sent is not None
    return sent.pk


def test_a_sender_edits_by_the_id_or_the_key_and_what_is_left_out_stays(
    phone: Device, laptop: Device, alice: int, bob: int
) -> None:
    first, second = received(alice, bob), received(alice, bob, idempotency_key="k")
    services.mark_read(user_id=bob, notification_id=first)
    assert phone.edit(first, title="new", link=None, priority="high")
    assert not phone.edit(first, title="new")
    assert laptop.edit(idempotency_key="k", message=None, data={}, expires_in_seconds=600)
    one, two = Notification.objects.order_by("pk")
    assert (one.title, one.message, one.link, one.data) == ("new", "m", "", {"a": 1})
    assert (one.priority, one.read) == ("high", True)
    assert (two.title, two.message, two.link, two.data) == ("old", "", "/a", {})
    assert two.expires_at is not None
    assert phone.edit(second, expires_at=None, priority=None)
    two.refresh_from_db()
    assert two.priority == "normal"
    assert two.expires_at is None


def test_an_edit_of_ones_own_is_answered_and_shown(
    phone: Device, laptop: Device, alice: int
) -> None:
    sent = phone.send(alice, "old")
    assert sent is not None
    assert phone.edit(sent, title="new")
    for device in (phone, laptop):
        assert [device.next_change().what for _ in range(2)] == ["added", "reloaded"]
        assert [each.title for each in device.list().notifications] == ["new"]


def test_what_an_edit_refuses(phone: Device, alice: int, bob: int) -> None:
    sent = received(alice, bob, idempotency_key="k")
    for wrong in (
        {"title": ""},
        {"title": None},
        {"link": "javascript:x"},
        {"expires_at": "2001-01-01T00:00:00Z"},
        {"expires_at": "2100-01-01T00:00:00Z", "expires_in_seconds": 5},
        {"expires_in_seconds": 0},
        {"idempotency_key": "k"},
    ):
        with pytest.raises(Refused, match="BAD_USER_INPUT"):
            phone.edit(sent, **{"message": "new", **wrong})
    with pytest.raises(Refused, match="BAD_USER_INPUT"):
        phone.edit(title="new")
    with pytest.raises(Refused, match="NOT_FOUND"):
        phone.edit(999_999_999, title="new")
    row = Notification.objects.get()
    assert (row.title, row.message, row.edited_at) == ("old", "m", None)


def test_recipients_and_others_neither_edit_nor_recall(
    phone: Device, open_second: Open, alice: int, bob: int
) -> None:
    to_alice, to_bob = received(None, alice), received(alice, bob, idempotency_key="k")
    other = open_second("bob")
    for device, sent in ((phone, to_alice), (other, to_alice), (other, to_bob)):
        with pytest.raises(Refused, match="NOT_FOUND"):
            device.edit(sent, title="new")
        assert not device.recall(sent)
    assert not other.recall(key="k")
    assert [row.title for row in Notification.objects.all()] == ["old", "old"]


def test_who_may_send_to_everybody_edits_and_recalls_what_others_have_sent(
    open_first: Open, open_second: Open, alice: int, bob: int
) -> None:
    permission = Permission.objects.get(codename="send_notification")
    User.objects.get(pk=alice).user_permissions.add(permission)
    to_bob = received(None, bob)
    operator, recipient = open_first("alice"), open_second("bob")
    assert operator.edit(to_bob, title="new")
    assert recipient.next_change().what == "reloaded"
    assert [each.title for each in recipient.list().notifications] == ["new"]
    assert operator.recall(to_bob)
    assert recipient.next_change().notification_id == to_bob
    assert recipient.list().total == 0


def test_a_sender_recalls_by_the_id_or_the_key_once(
    phone: Device, laptop: Device, alice: int, bob: int
) -> None:
    first, second = received(alice, bob), received(alice, alice, idempotency_key="k")
    assert [device.next_change().what for device in (phone, laptop)] == ["added", "added"]
    assert phone.recall(first)
    assert not phone.recall(first)
    assert laptop.recall(key="k")
    assert not phone.recall(key="k")
    for device in (phone, laptop):
        change = device.next_change()
        assert (change.what, change.notification_id) == ("deleted", second)
        assert device.list().total == 0
    assert not Notification.objects.exists()


def test_a_recall_by_the_key_cancels_what_is_scheduled(phone: Device, alice: int) -> None:
    phone.schedule(alice, "later", f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}", "k")
    assert phone.recall(key="k")
    assert not phone.recall(key="k")
    for wrong in ({}, {"notification_id": 1, "key": "k"}):
        with pytest.raises(Refused, match="BAD_USER_INPUT"):
            phone.recall(**wrong)  # type: ignore[arg-type]


def test_edits_and_recalls_count_as_sends(phone: Device, alice: int) -> None:
    with changed_settings(SEND_RATE="1/hour burst 3"):
        sent = phone.send(alice, "old")
        assert phone.edit(sent, title="new")
        assert phone.recall(sent)
        with pytest.raises(Refused, match="RATE_LIMITED"):
            phone.edit(sent, title="newer")
        with pytest.raises(Refused, match="RATE_LIMITED"):
            phone.recall(sent)
