"""The position of each device, as the servers report it to the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import live_inbox
from tests.both_apis.devices import Device
from tests.both_apis.open_sockets import sockets_of
from tests.waiting import wait_until

OpenDevice = Callable[..., Any]


def positions(user_id: int) -> list[int | None]:
    return [socket.position for socket in sockets_of(user_id)]


@pytest.mark.parametrize("api", ["graphql", "json"])
def test_a_device_is_at_the_last_event_that_it_has_been_sent(
    open_device: OpenDevice, alice: int, bob: int, api: str
) -> None:
    live_inbox.send(recipient=alice, title="before")
    device: Device = open_device(api, "alice")
    device.list()
    wait_until(lambda: positions(alice) == [1])
    for title in ("one", "two"):
        live_inbox.send(recipient=alice, title=title)
        assert device.next_change().what == "added"
    live_inbox.send(recipient=bob, title="another inbox")
    assert positions(alice) == [3]


def test_of_several_subscriptions_the_slowest_counts(open_device: OpenDevice, alice: int) -> None:
    """One resumes at the beginning, while the other has not been sent anything: both get as far."""
    device = open_device("graphql", "alice")
    live_inbox.send(recipient=alice, title="one")
    assert device.next_change().what == "added"
    payload = {"query": 'subscription { notificationEvents(after: "0") { position } }'}
    device.send_json({"id": "another", "type": "subscribe", "payload": payload})
    while device.receive().get("id") != "another":
        pass
    assert positions(alice) == [1]


def test_a_device_that_follows_no_inbox_has_no_position(
    open_device: OpenDevice, alice: int
) -> None:
    device = open_device("graphql", "alice")
    wait_until(lambda: positions(alice) == [0])
    device.send_json({"id": "events", "type": "complete"})
    wait_until(lambda: positions(alice) == [None])
