"""Idle sockets stay open. (A known trap: with redis-py 8 and the core channel layer they die after five seconds.)"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from live_inbox import services
from tests.end_to_end.conftest import Devices
from tests.stacks.uvicorn_server import ServerProcess

pytestmark = pytest.mark.stack("production")

IDLE_SECONDS = 11.0


def test_idle_sockets_outlive_ten_seconds(
    start_server: Callable[..., ServerProcess], devices: Devices, alice: int
) -> None:
    server = start_server()
    opened = [devices.graphql(server), devices.original(server)]
    # What is tested is that nothing happens for a real length of time, so here alone time passes for real.
    time.sleep(IDLE_SECONDS)
    services.send(recipient_id=alice, title="awake?")
    for device in opened:
        change = device.next_change()
        assert change.notification is not None
        assert change.notification.title == "awake?"
