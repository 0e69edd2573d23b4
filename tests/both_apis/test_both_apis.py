"""What both APIs can do. Each test runs with devices of either API, and with one of each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from live_inbox import services
from live_inbox.clock import clock
from live_inbox.maintenance.expiry import expire_due
from tests.both_apis.devices import Change, Device, Refused, ShownNotification
from tests.changed_settings import changed_settings

Open = Callable[[str], Device]
"""Opens a device of the user with that name."""

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_a_service_sends_appears_on_every_device(
    phone: Device, laptop: Device, alice: int
) -> None:
    sent = services.send(
        recipient_id=alice,
        title="Paid",
        message="Thanks",
        type="billing",
        data={"invoice": [1, None]},
    ).notification
    assert sent is not None
    shown = ShownNotification(
        sent.pk, "Paid", "Thanks", "billing", read=False, data={"invoice": [1, None]}
    )
    assert phone.next_change() == Change("added", sent.pk, shown)
    assert laptop.next_change() == Change("added", sent.pk, shown)
    listed = phone.list()
    assert (listed.notifications, listed.total, listed.unread) == ([shown], 1, 1)
    assert laptop.list() == listed


def test_what_one_device_does_the_other_sees_in_the_same_order(
    phone: Device, laptop: Device, alice: int
) -> None:
    first, second, third = (phone.send(alice, title) for title in ("one", "two", "three"))
    assert first is not None
    assert second is not None
    phone.mark_read(second)
    phone.delete(first)
    phone.mark_all_read()
    expected = [
        ("added", first),
        ("added", second),
        ("added", third),
        ("read", second),
        ("deleted", first),
        ("all_read", None),
    ]
    for device in (phone, laptop):
        changes = [device.next_change() for _ in expected]
        assert [(change.what, change.notification_id) for change in changes] == expected
    listed = laptop.list()
    assert [(shown.title, shown.read) for shown in listed.notifications] == [
        ("three", True),
        ("two", True),
    ]
    assert (listed.total, listed.unread) == (2, 0)


def test_marking_read_what_is_read_changes_nothing(
    phone: Device, laptop: Device, alice: int
) -> None:
    sent = phone.send(alice, "once")
    assert sent is not None
    phone.mark_read(sent)
    laptop.mark_read(sent)
    marker = phone.send(alice, "marker")
    changes = [laptop.next_change() for _ in range(3)]
    seen = [change for change in changes if change.notification_id != marker]
    # The original protocol confirms an action even when there was nothing to change.
    assert {change.what for change in seen} == {"added", "read"}
    assert phone.list().unread == 1


def test_users_are_apart(open_first: Open, open_second: Open, alice: int, bob: int) -> None:
    hers, his = open_first("alice"), open_second("bob")
    services.send(recipient_id=alice, title="for alice")
    services.send(recipient_id=bob, title="for bob")
    assert hers.next_change().notification.title == "for alice"  # type: ignore[union-attr]
    assert his.next_change().notification.title == "for bob"  # type: ignore[union-attr]
    (mine,) = hers.list().notifications
    for action in (his.mark_read, his.delete):
        with pytest.raises(Refused, match="NOT_FOUND"):
            action(mine.id)
    assert hers.list().notifications == [mine]


def test_sending_to_another_user_needs_a_permission(
    phone: Device, open_second: Open, bob: int
) -> None:
    with pytest.raises(Refused, match="FORBIDDEN"):
        phone.send(bob, "hello")
    assert open_second("bob").list().total == 0


@pytest.mark.parametrize(
    "more",
    [
        {"title": " "},
        {"title": "x" * 201},
        {"message": "x" * 4001},
        {"title": "a\x1bb"},
        {"title": "photo_\u202egpj.exe"},
        {"message": "photo_\u202egpj.exe"},
        {"link": "javascript:alert(1)"},
        {"link": "https://example.com/\u202egpj.exe"},
        {"type": "no blanks"},
        {"data": {"big": "x" * 9000}},
        {"expires_at": "2001-01-01T00:00:00Z"},
    ],
    ids=[
        "blank title",
        "long title",
        "long message",
        "control in title",
        "overridden title",
        "overridden message",
        "evil link",
        "overridden link",
        "evil type",
        "big data",
        "expired at once",
    ],
)
def test_unacceptable_content_is_refused_and_nothing_changes(
    phone: Device, alice: int, more: dict[str, object]
) -> None:
    content = {"title": "fine", "message": "fine"} | more
    with pytest.raises(Refused, match="BAD_USER_INPUT"):
        phone.send(alice, **content)  # type: ignore[arg-type]
    assert phone.list().total == 0


def test_a_title_is_shown_in_one_line_and_its_marks_of_direction_stay(
    phone: Device, alice: int
) -> None:
    hebrew = "\u05e9\u05dc\u05d5\u05dd \u2068Alice\u2069 \u200fC++\u200f"
    for title in ("Invoice\r\npaid\n", hebrew):
        phone.send(alice, title, "first\nsecond")
    shown = phone.list().notifications
    assert [each.title for each in shown] == [hebrew, "Invoice paid"]
    assert {each.message for each in shown} == {"first\nsecond"}


def test_a_send_that_is_repeated_with_its_key_is_one(
    phone: Device, laptop: Device, alice: int
) -> None:
    first = phone.send(alice, "hello", idempotency_key="k")
    assert laptop.send(alice, "hello", idempotency_key="k") == first
    with pytest.raises(Refused, match="CONFLICT"):
        phone.send(alice, "another", idempotency_key="k")
    with pytest.raises(Refused, match="BAD_USER_INPUT"):
        phone.send(alice, "hello", idempotency_key="")
    assert phone.list().total == 1


def test_a_send_that_is_repeated_after_its_expiry_has_the_first_result(
    phone: Device, alice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = (clock.now() + timedelta(hours=1)).isoformat()
    first = phone.send(alice, "hello", idempotency_key="k", expires_at=ends)
    monkeypatch.setattr(clock, "now", lambda: timezone.now() + timedelta(hours=2))
    assert phone.send(alice, "hello", idempotency_key="k", expires_at=ends) == first
    for key in ({}, {"idempotency_key": "another"}):
        with pytest.raises(Refused, match="BAD_USER_INPUT"):
            phone.send(alice, "hello", expires_at=ends, **key)
    assert phone.list().total == 1


def test_a_type_that_is_turned_off_is_not_delivered_and_the_sender_learns_it(
    phone: Device, alice: int
) -> None:
    services.set_preference(user_id=alice, type="chatter", enabled=False)
    assert phone.send(alice, "psst", type="chatter") is None
    assert phone.list().total == 0


def test_a_notification_that_expires_disappears_on_every_device(
    phone: Device, laptop: Device, alice: int
) -> None:
    ends = timezone.now() + timedelta(hours=1)
    offer = phone.send(alice, "Offer", expires_at=ends.isoformat())
    stays = phone.send(alice, "News")
    expire_due(now=ends - timedelta(seconds=1))
    assert phone.list().total == 2

    expire_due(now=ends)

    for device in (phone, laptop):
        changes = [device.next_change() for _ in range(3)]
        assert [(change.what, change.notification_id) for change in changes] == [
            ("added", offer),
            ("added", stays),
            ("deleted", offer),
        ]
        listed = device.list()
        assert [shown.id for shown in listed.notifications] == [stays]
        assert (listed.total, listed.unread) == (1, 1)


def test_a_rolled_back_send_is_never_seen(phone: Device, alice: int) -> None:
    with transaction.atomic():
        services.send(recipient_id=alice, title="never")
        transaction.set_rollback(True)
    services.send(recipient_id=alice, title="seen")
    assert phone.next_change().notification.title == "seen"  # type: ignore[union-attr]
    assert phone.list().total == 1


def test_a_burst_arrives_whole_and_in_order(phone: Device, laptop: Device, alice: int) -> None:
    titles = [f"number {n}" for n in range(300)]
    for title in titles:
        services.send(recipient_id=alice, title=title)
    for device in (phone, laptop):
        seen = [device.next_change().notification for _ in titles]
        assert [shown.title for shown in seen if shown is not None] == titles


def test_a_full_inbox_loses_its_oldest_read_notification_on_every_device(
    phone: Device, laptop: Device, alice: int
) -> None:
    with changed_settings(MAX_INBOX_NOTIFICATIONS=100):
        for n in range(100):
            services.send(recipient_id=alice, title=str(n))
        services.mark_all_read(user_id=alice)
        added = phone.send(alice, "one more")
        for device in (phone, laptop):
            changes = [device.next_change() for _ in range(103)]
            assert [change.what for change in changes[100:]] == ["all_read", "added", "deleted"]
            assert changes[101].notification_id == added
            assert changes[102].notification_id == changes[0].notification_id
            assert device.list().total == 100


def test_the_devices_of_a_user_share_one_rate_of_changes(
    phone: Device, laptop: Device, alice: int
) -> None:
    sent = [services.send(recipient_id=alice, title=str(n)).notification for n in range(4)]
    ids = [each.pk for each in sent if each is not None]
    with changed_settings(CHANGE_RATE="3/hour"):
        phone.mark_read(ids[0])
        laptop.delete(ids[1])
        phone.mark_all_read()
        for device in (phone, laptop):
            for change in (device.mark_read, device.delete):
                with pytest.raises(Refused) as caught:
                    change(ids[2])
                assert caught.value.code == "RATE_LIMITED"
            with pytest.raises(Refused):
                device.mark_all_read()
            # What only reads goes on.
            assert device.list().total == 3
        # And so does the code of the project.
        services.delete(user_id=alice, notification_id=ids[3])
