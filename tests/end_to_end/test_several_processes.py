"""Several server processes and other processes that send: with Redis between them, without, and while it is away."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import httpx
import jwt
import pytest
from django.contrib.auth import get_user_model
from websockets.exceptions import ConnectionClosed

from live_inbox.identity.issuing import issue_token
from tests.both_apis.devices import Change, GraphQLDevice, JsonDevice
from tests.end_to_end.conftest import Devices
from tests.stacks.python_process import run_python
from tests.stacks.redis_server import RedisServer
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import ServerProcess

Start = Callable[..., ServerProcess]


def _titles(changes: list[Change]) -> list[str]:
    return [change.notification.title for change in changes if change.notification is not None]


def test_two_servers_show_each_others_changes(
    start_server: Start, devices: Devices, alice: int
) -> None:
    one, other = start_server(), start_server()
    here, there = devices.graphql(one), devices.original(other)
    sent = here.send(alice, "from the first server")
    assert there.next_change().notification_id == sent
    assert sent is not None
    there.mark_read(sent)
    assert [here.next_change().what for _ in range(2)] == ["added", "read"]
    there.send(alice, "from the second server")
    assert _titles([here.next_change()]) == ["from the second server"]


def test_a_command_in_another_process_reaches_open_sockets(
    start_server: Start, devices: Devices, stack: Stack, alice: int
) -> None:
    server = start_server()
    opened = [devices.graphql(server), devices.original(server)]
    run_python(
        *("manage.py", "test_notifications", "--user-id", str(alice)),
        *("--title", "Test", "--message", "Hello World", "--count", "3"),
        environment=os.environ | {"DATABASE_URL": stack.test_database_url()},
    )
    for device in opened:
        shown = [device.next_change().notification for _ in range(3)]
        assert [each.message for each in shown if each is not None] == ["Hello World"] * 3


@pytest.mark.stack("production")
def test_a_user_who_is_deleted_in_another_process_loses_the_sockets_at_once(
    start_server: Start, devices: Devices, alice: int
) -> None:
    server = start_server(SESSION_CHECK_SECONDS="300")
    opened = [devices.graphql(server), devices.original(server)]
    get_user_model().objects.get(pk=alice).delete()
    for device in opened:
        with pytest.raises(ConnectionClosed) as closed:
            device.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4403


@pytest.mark.stack("production")
@pytest.mark.parametrize("single", [False, True], ids=["everywhere", "one token"])
def test_what_another_process_revokes_is_closed_at_once(
    start_server: Start, devices: Devices, stack: Stack, alice: int, single: bool
) -> None:
    server = start_server(SESSION_CHECK_SECONDS="300")
    token = issue_token(get_user_model().objects.get(pk=alice), ttl_seconds=600)
    opened = [GraphQLDevice(server.ws, token), JsonDevice(server.ws, token)]
    other = devices.graphql(server)
    token_id = jwt.decode(token, options={"verify_signature": False})["jti"]
    run_python(
        *("manage.py", "revoke_tokens", "--user", str(alice)),
        *(["--token-id", token_id] if single else []),
        environment=os.environ | {"DATABASE_URL": stack.test_database_url()},
    )
    for device in opened if single else [*opened, other]:
        with pytest.raises(ConnectionClosed) as closed, device:
            device.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4403
    if single:
        assert other.list().total == 0


@pytest.mark.stack("production")
def test_what_another_process_revokes_is_refused_over_http_as_well(
    start_server: Start, devices: Devices, alice: int
) -> None:
    server = start_server(ACCOUNT_CHECK_SECONDS="60", SESSION_CHECK_SECONDS="300")
    device = devices.graphql(server)
    token = issue_token(get_user_model().objects.get(pk=alice), ttl_seconds=600)

    def status() -> int:
        return httpx.post(
            f"{server.http}/graphql/",
            json={"query": "{ __typename }"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        ).status_code

    assert [status() for _ in range(3)] == [200] * 3
    get_user_model().objects.filter(pk=alice).update(is_active=False)
    assert status() == 200
    get_user_model().objects.get(pk=alice).save()
    with pytest.raises(ConnectionClosed):
        device.receive()
    assert status() == 401


def test_without_redis_reconciliation_delivers(
    start_server: Start, devices: Devices, alice: int
) -> None:
    one, other = (start_server(REDIS_URL="", RECONCILE_SECONDS="0.2") for _ in range(2))
    here, there = devices.graphql(one), devices.graphql(other)
    for number in range(5):
        here.send(alice, str(number))
    assert _titles([there.next_change() for _ in range(5)]) == ["0", "1", "2", "3", "4"]


def test_redis_may_go_away_and_come_back(
    start_server: Start, devices: Devices, private_redis: RedisServer, alice: int
) -> None:
    one, other = (
        start_server(REDIS_URL=private_redis.url, RECONCILE_SECONDS="0.5") for _ in range(2)
    )
    here, there = devices.graphql(one), devices.graphql(other)
    here.send(alice, "before")
    private_redis.stop()
    here.send(alice, "during")
    latecomer = devices.original(other)
    here.send(alice, "still during")
    assert _titles([there.next_change() for _ in range(3)]) == ["before", "during", "still during"]
    assert _titles([latecomer.next_change()]) == ["still during"]
    private_redis.start()
    here.send(alice, "after")
    assert _titles([there.next_change()]) == ["after"]
    assert _titles([latecomer.next_change()]) == ["after"]


def test_a_redis_that_hangs_does_not_delay_the_same_server(
    start_server: Start, devices: Devices, private_redis: RedisServer, alice: int
) -> None:
    server = start_server(REDIS_URL=private_redis.url, RECONCILE_SECONDS="0.5")
    device = devices.graphql(server)
    private_redis.freeze()
    for number in range(3):
        device.send(alice, str(number))
    latecomer = devices.original(server)
    device.send(alice, "3")
    assert _titles([device.next_change() for _ in range(4)]) == ["0", "1", "2", "3"]
    assert _titles([latecomer.next_change()]) == ["3"]
    private_redis.thaw()


def test_a_server_starts_and_serves_while_redis_is_away(
    start_server: Start, devices: Devices, alice: int
) -> None:
    server = start_server(REDIS_URL="redis://127.0.0.1:1/0", RECONCILE_SECONDS="0.5")
    device = devices.graphql(server)
    device.send(alice, "no Redis at all")
    assert _titles([device.next_change()]) == ["no Redis at all"]
    assert "The channel layer" in server.log()
    assert json.dumps(server.log()).count("Traceback") == 0
