"""Servers run maintenance themselves: expired notifications disappear everywhere, and logs are pruned."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from live_inbox import services
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import InboxEvent
from tests.both_apis.devices import Device
from tests.end_to_end.conftest import Devices
from tests.stacks.uvicorn_server import ServerProcess

WAIT_SECONDS = 60.0

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_has_expired_disappears_on_the_devices_of_all_servers(
    start_server: Callable[..., ServerProcess], devices: Devices, alice: int
) -> None:
    servers = [start_server(EXPIRY_SECONDS="0.1", RECONCILE_SECONDS="0.2") for _ in range(2)]
    opened: list[Device] = [devices.graphql(servers[0]), devices.original(servers[1])]

    sent = services.send(
        recipient_id=alice,
        title="Offer",
        expires_at=timezone.now() + timedelta(seconds=1),
    ).notification

    assert sent is not None
    for device in opened:
        changes = [device.next_change() for _ in range(2)]
        assert [(change.what, change.notification_id) for change in changes] == [
            ("added", sent.pk),
            ("deleted", sent.pk),
        ]
        assert device.list().total == 0
    assert [event.kind for event in InboxEvent.objects.order_by("sequence")] == ["added", "expired"]


def test_old_events_are_removed(start_server: Callable[..., ServerProcess], alice: int) -> None:
    now = timezone.now()
    for days in (40, 31, 29, 0):
        services.send(recipient_id=alice, title="x", now=now - timedelta(days=days))

    start_server(PRUNE_SECONDS="0.1")

    deadline = time.monotonic() + WAIT_SECONDS
    while InboxEvent.objects.count() > 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    sequences = InboxEvent.objects.order_by("sequence").values_list("sequence", flat=True)
    assert list(sequences) == [3, 4]
    assert list(check_inboxes()) == []
