"""Doorbell and hub with the layer of production and a real Redis, which is killed, frozen and restarted."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis

from live_inbox.delivery.doorbell import Doorbell
from live_inbox.delivery.hub import Hub, HubConfig
from live_inbox.delivery.position import ORIGIN
from live_inbox.delivery.redis_layer import RedisLayer
from tests.delivery.fake_log import FakeEntry, FakeLog, decode, encode
from tests.delivery.group_names import BULK, deployment, group_of
from tests.delivery.metric_values import counted
from tests.stacks.redis_server import RedisServer
from tests.waiting import until

REPOSITORY = Path(__file__).resolve().parents[2]
ONLY_DOORBELLS = HubConfig(reconcile_seconds=3600.0, layer_seconds=1.0)
"""The watch does not come round: what arrives was brought by a doorbell."""


class Server:
    """A server process as far as delivery is concerned, with a layer of its own."""

    def __init__(self, url: str, log: FakeLog) -> None:
        self.layer = RedisLayer(hosts=[url], prefix="inbox")
        self.bell = Doorbell(
            lambda: self.layer, deployment=deployment, layer_seconds=0.5, retry_seconds=0.1
        )
        self.log = log
        self.hub: Hub[FakeEntry] = Hub(
            log, layer=self.layer, decode=decode, own_doorbell=self.bell.name, config=ONLY_DOORBELLS
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while in the block."""
        await self.hub.start()
        async with self.bell.attached(self.hub.on_message):
            yield
        await self.hub.stop()
        await self.layer.flush()

    def commit(self, inbox: str, count: int = 1) -> None:
        """Write events and ring."""
        self.bell.ring({inbox: [encode(line) for line in self.log.write(inbox, count)]})


@pytest.fixture
async def servers(private_redis: RedisServer) -> AsyncIterator[tuple[Server, Server]]:
    log = FakeLog()
    here, there = Server(private_redis.url, log), Server(private_redis.url, log)
    async with here.running(), there.running():
        yield here, there


def subscribers(server: RedisServer, group: str) -> int:
    """How many connections Redis would send the messages of a group to."""
    with redis.Redis.from_url(server.url, socket_timeout=5) as client:
        ((_, count),) = client.pubsub_numsub(f"inbox__group__{group}")
        return int(count)


async def until_both_listen(private_redis: RedisServer, inbox: str) -> None:
    await until(lambda: subscribers(private_redis, group_of(inbox)) == 2)
    await until(lambda: subscribers(private_redis, BULK) == 2)


async def test_a_ring_in_one_process_arrives_in_the_other(
    servers: tuple[Server, Server], private_redis: RedisServer
) -> None:
    here, there = servers
    async with here.hub.subscribe("7") as one, there.hub.subscribe("7") as other:
        await until_both_listen(private_redis, "7")
        here.commit("7", 2)
        assert [line.sequence for line in await one.take()] == [1, 2]
        assert [line.sequence for line in await other.take()] == [1, 2]
        there.commit("7")
        assert [line.sequence for line in await one.take()] == [3]
        assert [line.sequence for line in await other.take()] == [3]
        # A bulk goes to everybody through the common group.
        bulk = {str(n): [b"?"] for n in range(100, 300)}
        there.bell.ring(bulk | {"7": [encode(line) for line in there.log.write("7")]})
        assert [line.sequence for line in await one.take()] == [4]


async def test_a_hub_that_stops_leaves_nothing_in_redis(private_redis: RedisServer) -> None:
    server = Server(private_redis.url, FakeLog())
    async with server.running(), server.hub.subscribe("7"):
        await until(lambda: subscribers(private_redis, group_of("7")) == 1)
    await until(lambda: subscribers(private_redis, group_of("7")) == 0)
    await until(lambda: subscribers(private_redis, BULK) == 0)


@pytest.mark.parametrize("outage", ["restarted", "frozen"])
async def test_after_an_outage_doorbells_arrive_again(
    servers: tuple[Server, Server],
    private_redis: RedisServer,
    outage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    here, there = servers
    dropped = counted("doorbells_dropped_total")
    async with here.hub.subscribe("7") as one, there.hub.subscribe("7") as other:
        await until_both_listen(private_redis, "7")
        if outage == "restarted":
            private_redis.kill()
        else:
            private_redis.freeze()
        here.commit("7")
        # In this process the layer is not needed.
        assert [line.sequence for line in await one.take()] == [1]
        await until(lambda: counted("doorbells_dropped_total") > dropped)
        # Nor is it needed to open an inbox and to resume.
        here.log.write("8", 2)
        async with there.hub.subscribe("8", ORIGIN) as third:
            assert [line.sequence for line in await third.take()] == [1, 2]
        if outage == "restarted":
            await asyncio.to_thread(private_redis.start)
        else:
            private_redis.thaw()
        await until_both_listen(private_redis, "7")
        taking = asyncio.create_task(_take_until(other, 5))
        while here.log.head("7").position.sequence < 5 or not taking.done():
            here.commit("7")
            await asyncio.sleep(0.05)
        got = await taking
        assert got == list(range(1, len(got) + 1))
    publishing = [r.getMessage() for r in caplog.records if "(publishing)" in r.getMessage()]
    assert publishing
    assert len([line for line in publishing if "fails" in line]) == len(publishing) / 2


async def _take_until(subscription: object, sequence: int) -> list[int]:
    got: list[int] = []
    while not got or got[-1] < sequence:
        got += [line.sequence for line in await subscription.take()]  # type: ignore[attr-defined]
    return got


_COMMAND = """
import django
from django.conf import settings
layer = {"BACKEND": "live_inbox.delivery.redis_layer.RedisLayer", "CONFIG": {"hosts": [%r], "prefix": "inbox"}}
settings.configure(CHANNEL_LAYERS={"default": layer})
from channels.layers import get_channel_layer
from live_inbox.delivery.doorbell import Doorbell
bell = Doorbell(get_channel_layer, deployment=lambda: "d1", layer_seconds=60, exit_seconds=60)
bell.ring({"7": [b"from a command"]})
"""


def test_a_command_that_ends_at_once_has_rung(private_redis: RedisServer) -> None:
    with redis.Redis.from_url(private_redis.url, socket_timeout=60) as client:
        listener = client.pubsub()
        listener.subscribe("inbox__group__inbox.d1.7")
        assert listener.get_message(timeout=60)
        done = subprocess.run(
            [sys.executable, "-c", _COMMAND % private_redis.url],
            cwd=REPOSITORY,
            env=os.environ,
            capture_output=True,
            check=True,
        )
        message = listener.get_message(timeout=60)
        listener.close()
    assert (done.stdout, done.stderr) == (b"", b"")
    assert message is not None
    assert b"from a command" in message["data"]
