"""What both APIs can do with a notification beside marking it: folders, pins, what was seen, priorities."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from live_inbox import services
from live_inbox.maintenance.snoozes import return_due
from tests.both_apis.devices import Device, Refused
from tests.changed_settings import changed_settings

Open = Callable[[str], Device]
"""Opens a device of the user with that name."""

pytestmark = pytest.mark.django_db(transaction=True)


def sent(user: int, *titles: str) -> list[int]:
    found = [services.send(recipient_id=user, title=title).notification for title in titles]
    return [each.pk for each in found if each is not None]


def titles(device: Device, folder: str = "inbox", *, pinned_only: bool = False) -> list[str]:
    return [each.title for each in device.list(folder, pinned_only=pinned_only).notifications]


def changes(device: Device, count: int) -> list[tuple[str, int | None]]:
    found = [device.next_change() for _ in range(count)]
    return [(change.what, change.notification_id) for change in found]


def tomorrow() -> str:
    return (timezone.now() + timedelta(days=1)).isoformat()


def test_what_is_archived_leaves_the_list_and_comes_back_to_its_place(
    phone: Device, laptop: Device, alice: int
) -> None:
    one, two, three = sent(alice, "one", "two", "three")
    changes(phone, 3)
    changes(laptop, 3)
    phone.change("archive", two)
    for device in (phone, laptop):
        assert changes(device, 1) == [("deleted", two)]
        listed = device.list()
        assert [each.id for each in listed.notifications] == [three, one]
        assert (listed.total, listed.unread, listed.unseen) == (2, 2, 2)
    (archived,) = laptop.list("archive").notifications
    assert (archived.id, archived.folder, archived.read) == (two, "archive", False)
    laptop.change("unarchive", two)
    for device in (phone, laptop):
        assert changes(device, 1) == [("reloaded", None)]
        assert titles(device) == ["three", "two", "one"]
        assert titles(device, "archive") == []


def test_what_is_snoozed_comes_back_by_itself_on_top_and_unread(
    phone: Device, laptop: Device, alice: int
) -> None:
    one, two = sent(alice, "one", "two")
    changes(laptop, 2)
    laptop.mark_read(one)
    phone.change("snooze", one, until=tomorrow())
    assert changes(laptop, 2) == [("read", one), ("deleted", one)]
    assert titles(laptop) == ["two"]
    (snoozed,) = phone.list("snoozed").notifications
    assert (snoozed.id, snoozed.folder, snoozed.snoozed) == (one, "snoozed", True)
    assert return_due() == 0
    assert return_due(now=timezone.now() + timedelta(days=2)) == 1
    returned = laptop.next_change()
    assert (returned.what, returned.notification_id) == ("added", one)
    assert returned.notification is not None
    assert not returned.notification.read
    for device in (phone, laptop):
        listed = device.list()
        assert [each.id for each in listed.notifications] == [one, two]
        assert (listed.total, listed.unread, listed.unseen) == (2, 2, 2)
        assert titles(device, "snoozed") == []


def test_a_snooze_can_be_ended_at_once(phone: Device, laptop: Device, alice: int) -> None:
    one, _ = sent(alice, "one", "two")
    changes(laptop, 2)
    phone.change("snooze", one, until=tomorrow())
    phone.change("unsnooze", one)
    assert changes(laptop, 2) == [("deleted", one), ("added", one)]
    assert titles(laptop) == ["one", "two"]


@pytest.mark.parametrize("until", ["2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"])
def test_a_snooze_ends_within_a_year(phone: Device, alice: int, until: str) -> None:
    (one,) = sent(alice, "one")
    with pytest.raises(Refused, match="BAD_USER_INPUT"):
        phone.change("snooze", one, until=until)
    assert titles(phone) == ["one"]


def test_pinned_ones_have_a_list_of_their_own_and_stay_in_their_place(
    phone: Device, laptop: Device, alice: int
) -> None:
    one, two, three = sent(alice, "one", "two", "three")
    phone.change("pin", one)
    phone.change("pin", three)
    assert titles(laptop) == ["three", "two", "one"]
    assert titles(laptop, pinned_only=True) == ["three", "one"]
    assert [each.pinned for each in laptop.list().notifications] == [True, False, True]
    laptop.change("unpin", three)
    assert titles(phone, pinned_only=True) == ["one"]
    with changed_settings(MAX_PINNED_NOTIFICATIONS=1), pytest.raises(Refused, match="CONFLICT"):
        phone.change("pin", two)


def test_what_was_seen_is_still_unread(phone: Device, laptop: Device, alice: int) -> None:
    one, _ = sent(alice, "one", "two")
    assert phone.list().unseen == 2
    assert phone.mark_seen() == 2
    assert phone.mark_seen() == 0
    listed = laptop.list()
    assert (listed.total, listed.unread, listed.unseen) == (2, 2, 0)
    sent(alice, "three")
    listed = laptop.list()
    assert (listed.unread, listed.unseen) == (3, 1)
    laptop.mark_read(one)
    laptop.mark_all_read()
    listed = phone.list()
    assert (listed.unread, listed.unseen) == (0, 0)


def test_marking_all_read_leaves_the_other_folders(
    phone: Device, laptop: Device, alice: int
) -> None:
    one, two, _ = sent(alice, "one", "two", "three")
    phone.change("archive", one)
    phone.change("snooze", two, until=tomorrow())
    phone.mark_all_read()
    assert [each.read for each in laptop.list().notifications] == [True]
    assert [each.read for each in laptop.list("archive").notifications] == [False]
    assert [each.read for each in laptop.list("snoozed").notifications] == [False]


def test_what_is_deleted_is_gone_from_every_folder(
    phone: Device, laptop: Device, alice: int
) -> None:
    one, two = sent(alice, "one", "two")
    phone.change("archive", one)
    phone.change("snooze", two, until=tomorrow())
    phone.delete(one)
    laptop.delete(two)
    for folder in ("inbox", "archive", "snoozed"):
        assert titles(phone, folder) == []
        assert laptop.list(folder).total == 0


@pytest.mark.parametrize("name", ["archive", "unarchive", "snooze", "unsnooze", "pin", "unpin"])
def test_notifications_of_others_are_not_found(
    open_first: Open, open_second: Open, alice: int, bob: int, name: str
) -> None:
    (hers,) = sent(alice, "hers")
    his = open_second("bob")
    more = {"until": tomorrow()} if name == "snooze" else {}
    with pytest.raises(Refused, match="NOT_FOUND"):
        his.change(name, hers, **more)
    assert titles(open_first("alice")) == ["hers"]


@pytest.mark.parametrize("priority", ["low", "normal", "high", "urgent"])
def test_a_notification_has_a_priority(
    phone: Device, laptop: Device, alice: int, priority: str
) -> None:
    given = priority.upper() if type(phone).__name__ == "GraphQLDevice" else priority
    phone.send(alice, "matters", priority=given)
    added = laptop.next_change().notification
    assert added is not None
    assert added.priority == priority
    assert laptop.list().notifications == [added]


def test_a_priority_that_does_not_exist_is_refused(phone: Device, alice: int) -> None:
    with pytest.raises(Refused, match=r"BAD_USER_INPUT|GRAPHQL_VALIDATION_FAILED"):
        phone.send(alice, "matters", priority="whatever")
    assert phone.list().total == 0


def test_one_notification_is_shown_in_whatever_folder_it_is(
    phone: Device, laptop: Device, open_second: Open, alice: int, bob: int
) -> None:
    row = services.send(recipient_id=alice, title="x", data={"n": 1}).notification
    assert row is not None
    (listed,) = phone.list().notifications
    assert phone.show(row.pk) == laptop.show(row.pk) == listed
    laptop.change("archive", row.pk)
    laptop.mark_read(row.pk)
    shown = phone.show(row.pk)
    assert (shown.folder, shown.read, shown.data) == ("archive", True, {"n": 1})
    for device, number in ((open_second("bob"), row.pk), (phone, row.pk + 1)):
        with pytest.raises(Refused, match="NOT_FOUND"):
            device.show(number)
