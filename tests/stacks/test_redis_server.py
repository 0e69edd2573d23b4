"""The private Redis: what tests that break it rely on."""

from __future__ import annotations

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.stacks.child import ServerFailed
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.redis_server import RedisServer

pytestmark = pytest.mark.stack("embedded")


def value(server: RedisServer) -> str | None:
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        found: str | None = client.get("key")
        return found


def set_value(server: RedisServer, text: str) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.set("key", text)


def test_it_stops_and_starts_on_the_same_address(private_redis: RedisServer) -> None:
    url = private_redis.url
    private_redis.stop()
    assert not private_redis.answers()
    private_redis.start()
    assert private_redis.answers()
    assert private_redis.url == url


def test_a_restart_forgets_everything(private_redis: RedisServer) -> None:
    set_value(private_redis, "kept")
    private_redis.restart()
    assert value(private_redis) is None


def test_a_durable_one_survives_being_killed(process_registry: ProcessRegistry) -> None:
    with RedisServer(process_registry, durable=True) as server:
        set_value(server, "kept")
        server.kill()
        assert server.child.exit_code == -9
        server.start()
        assert value(server) == "kept"


def test_a_frozen_one_answers_when_it_is_thawed(private_redis: RedisServer) -> None:
    private_redis.freeze()
    assert not private_redis.answers()
    assert private_redis.child.running
    private_redis.thaw()
    assert private_redis.answers()


def test_a_frozen_one_can_be_killed(private_redis: RedisServer) -> None:
    private_redis.freeze()
    private_redis.kill()
    assert not private_redis.child.running


def test_clients_without_the_password_are_refused(private_redis: RedisServer) -> None:
    with (
        redis.Redis(port=private_redis.port, retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_two_servers_share_no_data(
    process_registry: ProcessRegistry, private_redis: RedisServer
) -> None:
    with RedisServer(process_registry) as other:
        set_value(other, "hers")
        assert value(private_redis) is None


def test_a_server_that_was_not_started_reports_it(process_registry: ProcessRegistry) -> None:
    with pytest.raises(ServerFailed, match="not started"):
        RedisServer(process_registry).stop()
