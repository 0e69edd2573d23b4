"""Two servers whose Redis fails over: REDIS_URL names a Sentinel, which promotes the replica."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.end_to_end.conftest import StartTwo
from tests.end_to_end.doorbells import titles
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.redis_server import RedisServer
from tests.stacks.sentinel_server import SentinelServer
from tests.waiting import wait_until

pytestmark = [pytest.mark.stack("production"), pytest.mark.django_db(transaction=True)]


@dataclass
class Redis:
    """A primary, its replica, and the Sentinel that watches them."""

    primary: RedisServer
    replica: RedisServer
    sentinel: SentinelServer


@pytest.fixture
def watched(process_registry: ProcessRegistry) -> Iterator[Redis]:
    """A Redis with a replica, which a Sentinel promotes when the primary has been silent for 0.3 s."""
    with ExitStack() as stack:
        primary = RedisServer(process_registry).start()
        stack.callback(primary.kill)
        replica = RedisServer(process_registry, replica_of=primary).start()
        stack.callback(replica.kill)
        sentinel = SentinelServer(process_registry, primary, down_milliseconds=300).start()
        stack.callback(sentinel.kill)
        wait_until(replica.is_linked)
        yield Redis(primary, replica, sentinel)


def test_nothing_is_lost_in_a_failover_and_doorbells_ring_at_the_new_primary(
    start_two: StartTwo, watched: Redis, alice: int
) -> None:
    # The first Sentinel is down, as one on the machine of a primary that has died.
    two = start_two(REDIS_URL=watched.sentinel.url.replace("@", "@127.0.0.1:1,"))
    two.ring_until_heard("before")
    watched.primary.kill()
    for device in two.opened:
        device.send(alice, "meanwhile")
    assert [titles(device, 2) for device in two.opened] == [["meanwhile"] * 2] * 2
    wait_until(lambda: watched.sentinel.primary_port() == watched.replica.port)
    two.ring_until_heard("afterwards")
    for server in two.servers:
        log = server.log()
        assert log.count("The channel layer (receiving) fails: ConnectionError: ") == 1
        assert log.count("The channel layer (receiving) works again after ") == 1
        assert "Traceback" not in log
        assert watched.primary.password not in log
