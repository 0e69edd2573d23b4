"""Icons, actors, targets, actions and formats, sent by one API and shown by the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from tests.both_apis.devices import Device, Refused
from tests.changed_settings import changed_settings

Open = Callable[[str], Device]
"""Opens a device of the user with that name."""

pytestmark = pytest.mark.django_db(transaction=True)

PARTS: dict[str, Any] = {
    "icon": "/icons/7.svg",
    "actor": {"name": "Ana", "picture": "https://example.com/ana.png"},
    "target": {"type": "shop.order", "id": "7"},
    "actions": [{"label": "Pay", "id": "pay"}, {"label": "Open", "link": "/orders/7"}],
    "format": "markdown",
}


def test_parts_arrive_and_are_in_the_list(phone: Device, laptop: Device, alice: int) -> None:
    phone.send(alice, "whole", **PARTS)
    added = laptop.next_change().notification
    assert added is not None
    assert added.parts == PARTS
    assert laptop.list().notifications == [added]


def test_what_says_nothing_is_left_out(phone: Device, laptop: Device, alice: int) -> None:
    phone.send(alice, "plain", icon=None, actor=None, target=None, actions=[])
    added = laptop.next_change().notification
    assert added is not None
    assert added.parts == {}


def test_the_icon_of_a_type_stands_for_one_that_is_not_given(
    phone: Device, laptop: Device, alice: int
) -> None:
    with changed_settings(TYPES={"billing": {"icon": "receipt"}}):
        phone.send(alice, "one", type="billing")
        phone.send(alice, "two", type="billing", icon="bell")
        shown = [each.parts for each in laptop.list().notifications]
    assert shown == [{"icon": "bell"}, {"icon": "receipt"}]


@pytest.mark.parametrize(
    "parts",
    [
        {"icon": "javascript:alert(1)"},
        {"actor": {"picture": "/ana.png"}},
        {"actor": {"name": "Ana", "picture": "data:,"}},
        {"target": {"type": "order", "id": "7"}},
        {"actions": [{"label": "Pay"}]},
        {"actions": [{"label": "Pay", "id": "pay"}] * 2},
        {"actions": [{"label": "Pay", "link": "javascript:alert(1)"}]},
        {"actions": [{"label": "Open", "link": "/"}] * 4},
    ],
    ids=repr,
)
def test_what_is_not_acceptable_is_refused(
    phone: Device, alice: int, parts: dict[str, Any]
) -> None:
    with pytest.raises(Refused, match="BAD_USER_INPUT"):
        phone.send(alice, "wrong", **parts)
    assert phone.list().total == 0


def test_a_caller_may_be_the_actor(phone: Device, alice: int) -> None:
    phone.send(alice, "own", actor={"user": str(alice)})
    assert phone.list().notifications[0].parts == {"actor": {"user": str(alice), "name": "alice"}}


@pytest.mark.parametrize("name", ["bob", None])
def test_only_who_may_send_to_a_user_names_them(
    phone: Device, alice: int, bob: int, name: str | None
) -> None:
    other = str(bob) if name else "12345"
    with pytest.raises(Refused, match="FORBIDDEN"):
        phone.send(alice, "not mine", actor={"user": other})
    permission = Permission.objects.get(codename="send_notification")
    User.objects.get(pk=alice).user_permissions.add(permission)
    if name is None:
        with pytest.raises(Refused, match="BAD_USER_INPUT"):
            phone.send(alice, "nobody", actor={"user": other})
        return
    phone.send(alice, "mine", actor={"user": other})
    assert phone.list().notifications[0].parts == {"actor": {"user": other, "name": "bob"}}
