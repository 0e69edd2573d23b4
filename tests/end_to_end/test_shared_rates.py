"""Rates of sends and changes hold for a site, however many processes it has, and whatever happens to Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import redis
from django.contrib.auth import get_user_model

from live_inbox.identity.issuing import issue_token
from tests.both_apis.devices import Refused
from tests.end_to_end.conftest import Devices
from tests.stacks.redis_server import RedisServer
from tests.stacks.uvicorn_server import ServerProcess
from tests.waiting import wait_until

pytestmark = [pytest.mark.stack("production"), pytest.mark.django_db(transaction=True)]

RATE = "5/hour burst 5"

Action = Callable[[], object]


class Counts:
    """What all processes have granted, as far as they have exchanged it."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def wait_for(self, name: str, key: int, total: int) -> None:
        """Return when processes have exchanged so many of a rate's key."""
        wait_until(lambda: self._total(name, key) == total)

    def _total(self, name: str, key: int) -> int:
        found = [self._client.get(each) for each in self._client.scan_iter(f"*/{name}/{key}/*")]
        return sum(int(each or 0) for each in found)


@pytest.fixture
def counts(private_redis: RedisServer) -> Iterator[Counts]:
    """The counts in the Redis of the test."""
    with redis.Redis.from_url(private_redis.url) as client:
        yield Counts(client)


@pytest.fixture
def service(alice: int) -> Iterator[Devices]:
    """Opens devices of a service."""
    user = get_user_model().objects.get(pk=alice)
    scopes = ["notifications:read", "notifications:send-to-anyone"]
    token = issue_token(user, scopes=scopes, ttl_seconds=3600)
    with closing(Devices(token)) as devices:
        yield devices


def is_granted(action: Action) -> bool:
    """Do something; return False if a rate refuses it."""
    try:
        action()
    except Refused as refused:
        assert refused.code == "RATE_LIMITED"
        return False
    return True


def granted(action: Action) -> int:
    """Do something until it is refused; return how often it was not."""
    count = 0
    while is_granted(action):
        count += 1
    return count


def check_rate(name: str, key: int, first: Action, second: Action, counts: Counts) -> None:
    """Use up a rate in one process, and check that another one refuses what is beyond."""
    assert granted(first) == 5, name
    counts.wait_for(name, key, 5)
    # Alone, it would grant five. It hears of the first process with its first exchange, and has applied what it heard
    # before its second exchange begins.
    count = 0
    while is_granted(second):
        count += 1
        counts.wait_for(name, key, 5 + count)
    assert 1 <= count <= 2, name
    assert granted(first) == 0, name


def test_more_processes_do_not_multiply_a_rate(
    start_server: Callable[..., ServerProcess],
    devices: Devices,
    service: Devices,
    alice: int,
    private_redis: RedisServer,
    counts: Counts,
) -> None:
    rates = {"SEND_RATE": RATE, "RECIPIENT_RATE": RATE, "CHANGE_RATE": RATE}
    servers = [start_server(REDIS_URL=private_redis.url, **rates) for _ in range(2)]
    bob = get_user_model().objects.create_user(username="bob").pk
    one, two = (devices.graphql(server) for server in servers)
    three, four = (service.graphql(server) for server in servers)
    check_rate("sender", alice, lambda: one.send(alice, "x"), lambda: two.send(alice, "x"), counts)
    check_rate("change", alice, one.mark_all_read, two.mark_all_read, counts)
    check_rate("recipient", bob, lambda: three.send(bob, "x"), lambda: four.send(bob, "x"), counts)


def test_without_redis_each_process_counts_for_itself(
    start_server: Callable[..., ServerProcess],
    devices: Devices,
    alice: int,
    private_redis: RedisServer,
) -> None:
    servers = [start_server(SEND_RATE=RATE, REDIS_URL=private_redis.url) for _ in range(2)]
    one, two = (devices.graphql(server) for server in servers)
    private_redis.freeze()
    try:
        assert granted(lambda: one.send(alice, "x")) == 5
        assert granted(lambda: two.send(alice, "x")) == 5
        wait_until(lambda: all("storage of rates fails" in server.log() for server in servers))
    finally:
        private_redis.thaw()
