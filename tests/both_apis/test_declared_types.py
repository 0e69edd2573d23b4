"""Declared types at both APIs: templates, what is on by default, and types that are not declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from live_inbox import services
from tests.both_apis.devices import Change, Device, Refused, ShownNotification
from tests.changed_settings import changed_settings

Open = Callable[[str], Device]

pytestmark = pytest.mark.django_db(transaction=True)

TYPES = {
    "invoice": {
        "title": {"en": "Invoice {{ number }}", "de": "Rechnung {{ number }}"},
        "message": '{{ due|moment|date:"Y-m-d H:i" }}',
    },
    "tips": {"default": False},
}


def language_of(user: Any) -> str:
    return str(user.last_name)


def time_zone_of(user: Any) -> str:
    return "Asia/Tokyo"


@pytest.fixture
def phone(open_first: Open, alice: int) -> Device:
    """A device of alice, who reads German."""
    get_user_model().objects.filter(pk=alice).update(last_name="de")
    return open_first("alice")


def test_what_is_sent_with_a_context_is_rendered_for_the_recipient(
    phone: Device, laptop: Device, alice: int
) -> None:
    path = "tests.both_apis.test_declared_types"
    context = {"number": 7, "due": "2026-03-01T23:30:00Z"}
    with changed_settings(
        TYPES=TYPES,
        RECIPIENT_LANGUAGE=f"{path}.language_of",
        RECIPIENT_TIME_ZONE=f"{path}.time_zone_of",
    ):
        id, again = (
            phone.send(alice, None, None, type="invoice", context=context, idempotency_key="k")
            for _ in range(2)
        )
        with pytest.raises(Refused, match="BAD_USER_INPUT"):
            phone.send(alice, None, None, type="invoice", context={"number": 7})
        with pytest.raises(Refused, match="BAD_USER_INPUT"):
            phone.send(alice, None, None, type="tips")
        own = phone.send(alice, "Own", "", type="invoice")
    assert id is not None
    assert again == id
    shown = ShownNotification(id, "Rechnung 7", "2026-03-02 08:30", "invoice", read=False, data={})
    for device in (phone, laptop):
        assert device.next_change() == Change("added", id, shown)
        assert device.next_change().notification_id == own
    assert laptop.list().total == 2


def test_a_type_that_is_off_by_default_is_suppressed_until_it_is_turned_on(
    phone: Device, laptop: Device, alice: int
) -> None:
    with changed_settings(TYPES=TYPES):
        assert phone.send(alice, "x", type="tips") is None
        services.set_preference(user_id=alice, type="tips", enabled=True)
        sent = phone.send(alice, "y", type="tips")
    assert laptop.next_change().notification_id == sent
    assert laptop.list().total == 1


def test_what_is_chosen_on_another_channel_does_not_change_what_arrives(
    phone: Device, laptop: Device, alice: int
) -> None:
    with changed_settings(TYPES=TYPES, CHANNELS={"email": {}}):
        services.set_preference(user_id=alice, type="news", channel="email", enabled=False)
        services.set_preference(user_id=alice, type="tips", channel="email", enabled=True)
        sent = phone.send(alice, "x", type="news")
        assert phone.send(alice, "y", type="tips") is None
    assert sent is not None
    assert laptop.next_change().notification_id == sent
    assert laptop.list().total == 1


def test_a_type_that_is_not_declared_is_refused_where_a_setting_forbids_it(
    phone: Device, laptop: Device, alice: int
) -> None:
    with changed_settings(TYPES=TYPES, UNDECLARED_TYPES=False):
        with pytest.raises(Refused, match="BAD_USER_INPUT"):
            phone.send(alice, "x", type="news")
        with pytest.raises(Refused, match="BAD_USER_INPUT"):
            phone.send(alice, "x")
        assert phone.send(alice, "x", "m", type="invoice") is not None
    assert laptop.list().total == 1
