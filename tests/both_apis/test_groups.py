"""Groups over both APIs: what is sent with a key folds into one row, which says what it stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from live_inbox import services
from tests.both_apis.devices import GraphQLDevice, JsonDevice, Refused

pytestmark = pytest.mark.django_db(transaction=True)

OpenAny = Callable[[str], Any]


def send(device: Any, user: int, title: str, key: str, actor: str) -> None:
    """Send with a group key."""
    if isinstance(device, GraphQLDevice):
        device.send(user, title, groupKey=key, actor={"name": actor})
    else:
        device.send(user, title, group_key=key, actor={"name": actor})


def groups(device: Any, **filter: Any) -> list[tuple[str, int, list[str]]]:
    """Return (title, count, names of other actors) of a list. A notification without a group counts one."""
    if isinstance(device, JsonDevice):
        asked = {"type": "get_notifications", **filter}
        found = device._ask(asked, "notifications_list")["notifications"]
        return [
            (each["title"], each.get("group_count", 1), names(each.get("group_actors", [])))
            for each in found
        ]
    query = """query ($filter: NotificationFilter) { notifications(filter: $filter) {
        nodes { title groupKey groupCount groupActors { name } } } }"""
    if "group_of" in filter:
        filter["groupOf"] = str(filter.pop("group_of"))
    nodes = device.ask(query, filter=filter)["notifications"]["nodes"]
    return [(each["title"], each["groupCount"], names(each["groupActors"])) for each in nodes]


def names(actors: list[dict[str, Any]]) -> list[str]:
    return [actor["name"] for actor in actors]


def test_repeats_fold_on_every_device(
    open_first: OpenAny, open_second: OpenAny, alice: int
) -> None:
    phone, laptop = open_first("alice"), open_second("alice")
    send(phone, alice, "Ana commented", "post-7", "Ana")
    for device in (phone, laptop):
        assert device.next_change().what == "added"
    send(phone, alice, "Bob commented", "post-7", "Bob")
    for device in (phone, laptop):
        assert device.next_change().what == "added"
        # The one before leaves the list.
        assert device.next_change().what == "deleted"
        assert groups(device) == [("Bob commented", 2, ["Ana"])]
        assert [each.title for each in device.list().notifications] == ["Bob commented"]
        number = device.list().notifications[0].id
        assert groups(device, group_of=number) == [("Ana commented", 1, [])]
        assert groups(device, group_of=10**6) == []
        (first,) = device.list("grouped").notifications
        with pytest.raises(Refused, match="CONFLICT"):
            device.change("archive", first.id)
    assert services.recall(notification_id=number)
    for device in (phone, laptop):
        assert device.next_change().what == "deleted"
        assert device.next_change().what == "reloaded"
        assert groups(device) == [("Ana commented", 1, [])]


@pytest.mark.parametrize("key", ["x" * 201, "a\x00b"])
def test_a_key_that_is_none_is_refused(open_first: OpenAny, alice: int, key: str) -> None:
    phone = open_first("alice")
    with pytest.raises(Refused, match="BAD_USER_INPUT"):
        send(phone, alice, "one", key, "Ana")
