"""Rates hold for a site, however many processes it has, and whatever happens to Redis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import pytest

from tests.both_apis.devices import Device, Refused
from tests.end_to_end.conftest import Devices
from tests.stacks.redis_server import RedisServer
from tests.stacks.uvicorn_server import ServerProcess

pytestmark = [pytest.mark.stack("production"), pytest.mark.django_db(transaction=True)]

RATE = "5/hour burst 5"
"""In all processes together, ten in an hour."""


def accepted(devices: Sequence[Device], alice: int) -> list[int]:
    """Send from each device until it is refused; return how many were accepted of each."""
    counts = []
    for device in devices:
        count = 0
        try:
            while True:
                device.send(alice, str(count))
                count += 1
        except Refused as refused:
            assert refused.code == "RATE_LIMITED"
        counts.append(count)
    return counts


@pytest.mark.parametrize("name", ["SEND_RATE", "RECIPIENT_RATE"])
def test_more_processes_do_not_multiply_a_rate(
    start_server: Callable[..., ServerProcess], devices: Devices, alice: int, name: str
) -> None:
    servers = [start_server(**{name: RATE}) for _ in range(3)]
    opened = [devices.graphql(servers[0]), devices.graphql(servers[1]), devices.graphql(servers[2])]
    assert accepted(opened, alice) == [5, 5, 0]


def test_without_redis_each_process_counts_for_itself(
    start_server: Callable[..., ServerProcess],
    devices: Devices,
    alice: int,
    private_redis: RedisServer,
) -> None:
    servers = [start_server(SEND_RATE=RATE, REDIS_URL=private_redis.url) for _ in range(3)]
    opened = [devices.graphql(server) for server in servers]
    private_redis.freeze()
    with ExitStack() as thawing:
        thawing.callback(private_redis.thaw)
        assert accepted(opened, alice) == [5, 5, 5]
    # Once for each, although each has tried again and again.
    assert [server.log().count("storage of rates fails") for server in servers] == [1, 1, 1]
