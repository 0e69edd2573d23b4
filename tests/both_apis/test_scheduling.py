"""Both APIs schedule sends and cancel them; devices learn nothing of them before their time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from live_inbox import services
from live_inbox.maintenance.deliveries import deliver_due
from live_inbox.models import ScheduledSend
from tests.both_apis.devices import Device, Refused
from tests.changed_settings import changed_settings

Open = Callable[[str], Device]
LATER = datetime(2126, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


def later(**after: int) -> str:
    return (timezone.now() + timedelta(**after)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_it_arrives_at_its_time_on_every_device(phone: Device, laptop: Device, alice: int) -> None:
    moment = later(days=1)
    waiting = phone.schedule(alice, "later", moment, "k")
    assert laptop.list().total == 0
    assert phone.schedule(alice, "later", moment, "k") == waiting
    services.send(recipient_id=alice, title="now")
    assert deliver_due(now=timezone.now() + timedelta(days=2)) == 1
    for device in (phone, laptop):
        shown = [device.next_change().notification for _ in range(2)]
        assert [each.title for each in shown if each is not None] == ["now", "later"]
        listed = device.list()
        assert [each.title for each in listed.notifications] == ["later", "now"]
        assert (listed.total, listed.unread, listed.unseen) == (2, 2, 2)
    assert not phone.cancel(scheduled_id=waiting)


def test_it_is_cancelled_by_its_id_or_its_key(phone: Device, laptop: Device, alice: int) -> None:
    first = phone.schedule(alice, "first", later(days=1), "k")
    laptop.schedule(alice, "second", later(days=1), "l")
    assert phone.cancel(scheduled_id=first)
    assert not phone.cancel(scheduled_id=first)
    assert phone.cancel(key="l")
    assert not laptop.cancel(key="l")
    for named in ({}, {"scheduled_id": first, "key": "k"}):
        with pytest.raises(Refused, match="BAD_USER_INPUT"):
            phone.cancel(**named)
    assert not ScheduledSend.objects.exists()


def test_nobody_cancels_what_others_have_scheduled(
    phone: Device, open_second: Open, alice: int, bob: int
) -> None:
    waiting = phone.schedule(alice, "mine", later(days=1), "k")
    other = open_second("bob")
    assert not other.cancel(scheduled_id=waiting)
    assert not other.cancel(key="k")
    # Its recipient neither, if somebody else has sent it.
    row = services.send(
        recipient_id=bob, sender_id=alice, title="x", deliver_at=timedelta(days=1)
    ).scheduled
    assert row is not None
    assert not other.cancel(scheduled_id=str(row.pk))
    assert ScheduledSend.objects.count() == 2


def test_a_caller_may_not_have_any_number_of_them(phone: Device, alice: int) -> None:
    with changed_settings(MAX_SCHEDULED_SENDS=2):
        for key in "ab":
            phone.schedule(alice, "x", later(days=1), key)
        with pytest.raises(Refused, match="CONFLICT"):
            phone.schedule(alice, "x", later(days=1), "c")
        assert phone.cancel(key="a")
        phone.schedule(alice, "x", later(days=1), "c")


def test_it_is_within_a_year(phone: Device, alice: int) -> None:
    with pytest.raises(Refused, match="BAD_USER_INPUT"):
        phone.schedule(alice, "x", later(days=367), "k")
