"""Both APIs show the declared types, the channels and the preferences of a user, and change a preference."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy

from live_inbox import services
from tests.both_apis.devices import Device, Refused
from tests.changed_settings import changed_settings

pytestmark = pytest.mark.django_db(transaction=True)

TYPES = {
    "shop.invoice": {
        "label": gettext_lazy("Monday"),
        "description": "What you owe.",
        "category": "shop",
        "icon": "bell",
        "required": True,
    },
    "news": {},
}
CHANNELS = {"email": {"label": gettext_lazy("January")}}


def language_of(user: Any) -> str:
    return "de"


def channel(name: str, label: str, *, enabled: bool, required: bool = False) -> dict[str, Any]:
    return {"channel": name, "label": label, "enabled": enabled, "required": required}


def test_the_types_and_channels_of_the_site_are_shown_in_the_language_of_the_user(
    phone: Device, laptop: Device
) -> None:
    settings = {
        "TYPES": TYPES,
        "CHANNELS": CHANNELS,
        "RECIPIENT_LANGUAGE": "tests.both_apis.test_preferences.language_of",
    }
    with changed_settings(**settings):
        for device in (phone, laptop):
            types, channels = device.types()
            assert channels == {"in_app": "in_app", "email": "Januar"}
            assert types == [
                {
                    "type": "shop.invoice",
                    "enabled": True,
                    "required": True,
                    "label": "Montag",
                    "description": "What you owe.",
                    "category": "shop",
                    "icon": "bell",
                    "channels": [
                        channel("in_app", "in_app", enabled=True, required=True),
                        channel("email", "Januar", enabled=False),
                    ],
                },
                {
                    "type": "news",
                    "enabled": True,
                    "required": False,
                    "label": "news",
                    "description": "",
                    "category": None,
                    "icon": None,
                    "channels": [
                        channel("in_app", "in_app", enabled=True),
                        channel("email", "Januar", enabled=False),
                    ],
                },
            ]


def test_a_type_is_turned_off_and_on_for_every_device(
    phone: Device, laptop: Device, alice: int
) -> None:
    assert laptop.preferences() == []
    off = phone.set_preference("news", enabled=False)
    assert (off["type"], off["enabled"], off["channels"][0]["enabled"]) == ("news", False, False)
    assert laptop.preferences() == [off]
    assert laptop.send(alice, "x", type="news") is None
    assert laptop.set_preference("news", enabled=True)["enabled"]
    assert phone.send(alice, "x", type="news") is not None
    assert laptop.list().total == 1


def test_each_channel_is_chosen_by_itself(phone: Device, laptop: Device, alice: int) -> None:
    with changed_settings(CHANNELS=CHANNELS):
        off = phone.set_preference("news", enabled=True, channel="email")
        assert off["enabled"]
        assert [each["enabled"] for each in off["channels"]] == [True, True]
        off = laptop.set_preference("news", enabled=False)
        assert [each["enabled"] for each in off["channels"]] == [False, True]
        (shown,) = laptop.preferences()
        assert shown == off
        assert laptop.send(alice, "x", type="news") is None


def test_what_cannot_be_chosen_is_refused(phone: Device) -> None:
    with changed_settings(TYPES=TYPES, UNDECLARED_TYPES=False):
        for type, more in (
            ("shop.invoice", {}),
            ("unknown", {}),
            ("no slug", {}),
            ("news", {"channel": "sms"}),
        ):
            with pytest.raises(Refused, match="BAD_USER_INPUT"):
                phone.set_preference(type, enabled=False, **more)
        assert [each["type"] for each in phone.preferences()] == ["news", "shop.invoice"]
        assert all(each["enabled"] for each in phone.preferences())


def test_a_user_sees_no_preferences_of_others(phone: Device, laptop: Device) -> None:
    bob = get_user_model().objects.create_user("bob").pk
    services.set_preference(user_id=bob, type="news", enabled=False)
    assert phone.preferences() == laptop.preferences() == []
