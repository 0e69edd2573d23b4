"""An edit shows on the devices of both APIs: as an update in its place, or as a new list."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from live_inbox import services
from tests.both_apis.devices import Device

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
