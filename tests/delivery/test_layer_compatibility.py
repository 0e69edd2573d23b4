"""Hub and doorbell on every kind of channel layer, with real servers: two processes ring each other.

Reconciliation does not come round here: what arrives was brought by a doorbell, or found by the log that one led to.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import redis
from channels.layers import InMemoryChannelLayer
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_valkey.pubsub import ValkeyPubSubChannelLayer

from live_inbox.delivery.doorbell import Doorbell
from live_inbox.delivery.hub import Hub, HubConfig
from live_inbox.delivery.redis_layer import RedisLayer
from tests.delivery.fake_log import FakeEntry, FakeLog, decode, encode
from tests.delivery.group_names import DEPLOYMENT
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.redis_server import RedisServer
from tests.stacks.sentinel_server import SentinelServer
from tests.waiting import until

# channels-redis never closes its connections to Sentinels: the garbage collector does, and complains.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ONLY_DOORBELLS = HubConfig(reconcile_seconds=3600.0, layer_seconds=0.5)
CAPACITY = 1000
"""More than any test sends: these layers drop what is above it, and here no reconciliation brings that back."""

REDIS_LAYERS: dict[str, Callable[..., Any]] = {
    "RedisLayer": RedisLayer,
    "RedisLayer with Sentinel": RedisLayer,
    "channels-redis pub/sub": RedisPubSubChannelLayer,
    "channels-redis pub/sub with Sentinel": RedisPubSubChannelLayer,
    "channels-redis core": partial(RedisChannelLayer, capacity=CAPACITY),
    "channels-valkey pub/sub": ValkeyPubSubChannelLayer,
}
MEMORY = "in memory"


@dataclass
class Carrier:
    """What carries doorbells: makes the layer of each process."""

    make: Callable[[], Any]
    server: RedisServer | None

    def groups(self) -> list[str]:
        """The groups that have members."""
        if self.server is None:
            return list(self.make().groups)
        with redis.Redis.from_url(self.server.url, socket_timeout=60) as client:
            names = [*client.pubsub_channels(), *client.keys()]
        return [name.decode() for name in names if b"group" in name]


@pytest.fixture(params=[MEMORY, *REDIS_LAYERS])
def carrier(request: pytest.FixtureRequest, process_registry: ProcessRegistry) -> Iterator[Carrier]:
    name = request.param
    if name == MEMORY:
        layer = InMemoryChannelLayer(capacity=CAPACITY)
        yield Carrier(lambda: layer, None)
        return
    server: RedisServer = request.getfixturevalue("private_redis")
    if "Sentinel" not in name:
        yield Carrier(lambda: REDIS_LAYERS[name](hosts=[server.url], prefix="inbox"), server)
        return
    sentinel = SentinelServer(process_registry, server).start()
    yield Carrier(lambda: REDIS_LAYERS[name](hosts=[sentinel.host], prefix="inbox"), server)
    sentinel.kill()
    gc.collect()


class Process:
    """A server process as far as delivery is concerned, with a layer of its own."""

    def __init__(self, carrier: Carrier, log: FakeLog, deployment: str = DEPLOYMENT) -> None:
        self.layer = carrier.make()
        self.bell = Doorbell(
            lambda: self.layer, deployment=lambda: deployment, layer_seconds=2.0, retry_seconds=0.1
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
        if not isinstance(self.layer, InMemoryChannelLayer):
            await (
                self.layer.close_pools if hasattr(self.layer, "close_pools") else self.layer.flush
            )()

    def commit(self, inbox: str, count: int = 1) -> None:
        """Write events and ring."""
        self.bell.ring({inbox: [encode(entry) for entry in self.log.write(inbox, count)]})

    def has_joined(self, count: int) -> bool:
        """Whether the layer has put the hub into as many groups as expected."""
        groups = self.hub._groups
        return (
            groups is not None
            and groups._has_bulk
            and len(groups._members) == count
            and (not groups._joining)
        )


async def started(stack: AsyncExitStack, *processes: Process, inbox: str = "7") -> list[Any]:
    """Start processes that share an inbox; return a subscription in each, when doorbells reach them."""
    for process in processes:
        await stack.enter_async_context(process.running())
    subscriptions = [
        await stack.enter_async_context(process.hub.subscribe(inbox)) for process in processes
    ]
    for process in processes:
        await until(lambda process=process: process.has_joined(1))  # type: ignore[misc]
        await until(lambda process=process: not process.hub._reader._to_reconcile)  # type: ignore[misc]
    # A pub/sub layer does not wait until Redis has confirmed a subscription.
    await asyncio.sleep(0.2)
    return subscriptions


async def taken(subscription: Any, count: int) -> list[int]:
    """Take so many events; return their numbers."""
    numbers: list[int] = []
    async with asyncio.timeout(60):
        while len(numbers) < count:
            numbers += [entry.sequence for entry in await subscription.take()]
    return numbers


async def test_events_of_another_process_arrive_by_doorbell(carrier: Carrier) -> None:
    log = FakeLog()
    here, there = Process(carrier, log), Process(carrier, log)
    async with AsyncExitStack() as stack:
        one, other = await started(stack, here, there)
        here.commit("7", 2)
        assert await taken(other, 2) == [1, 2]
        assert await taken(one, 2) == [1, 2]
        there.commit("7")
        assert await taken(one, 1) == [3]


async def test_a_burst_arrives_in_order(carrier: Carrier) -> None:
    log = FakeLog()
    here, there = Process(carrier, log), Process(carrier, log)
    async with AsyncExitStack() as stack:
        _, other = await started(stack, here, there)
        for _ in range(300):
            here.commit("7")
        assert await taken(other, 300) == list(range(1, 301))


async def test_a_bulk_send_arrives(carrier: Carrier) -> None:
    log = FakeLog()
    here, there = Process(carrier, log), Process(carrier, log)
    async with AsyncExitStack() as stack:
        _, other = await started(stack, here, there)
        bulk = {str(n): [b"?"] for n in range(100, 400)}
        here.bell.ring(bulk | {"7": [encode(entry) for entry in log.write("7")]})
        assert await taken(other, 1) == [1]


async def test_a_hub_that_stops_leaves_no_group_behind(carrier: Carrier) -> None:
    async with AsyncExitStack() as stack:
        await started(stack, Process(carrier, FakeLog()))
        await until(lambda: len(carrier.groups()) == 2)
    await until(lambda: carrier.groups() == [])


async def test_a_restart_of_redis_is_survived(carrier: Carrier) -> None:
    if carrier.server is None:
        return
    log = FakeLog()
    here, there = Process(carrier, log), Process(carrier, log)
    async with AsyncExitStack() as stack:
        _, other = await started(stack, here, there)
        here.commit("7")
        assert await taken(other, 1) == [1]
        await asyncio.to_thread(carrier.server.kill)
        here.commit("7")
        await asyncio.sleep(0.5)
        await asyncio.to_thread(carrier.server.start)
        taking = asyncio.create_task(taken(other, 5))
        async with asyncio.timeout(60):
            while not taking.done():
                here.commit("7")
                await asyncio.sleep(0.05)
        numbers = await taking
        assert numbers == list(range(2, 2 + len(numbers)))


async def test_deployments_on_one_redis_do_not_receive_each_others_doorbells(
    carrier: Carrier,
) -> None:
    log, other_log = FakeLog(), FakeLog(deployment="d2")
    here, there = Process(carrier, log), Process(carrier, log)
    stranger = Process(carrier, other_log, deployment="d2")
    arrived: list[Any] = []
    assert here.hub._listener is not None
    here.hub._listener._on_batch = arrived.append
    async with AsyncExitStack() as stack:
        await started(stack, here, there, stranger)
        entries = [encode(entry) for entry in other_log.write("7", 2)]
        stranger.bell.ring({"7": entries})
        stranger.bell.ring({str(n): [b"?"] for n in range(20)} | {"7": entries})
        await asyncio.sleep(0.2)
        there.commit("7")
        await until(lambda: bool(arrived))
        assert arrived == [{"7": [b"7 e1 1 0 0"]}]


async def test_an_idle_core_layer_is_no_fault(
    private_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The layer waits for Redis for 5 s, redis-py for an answer for `socket_timeout`: whose default is 5 s as well."""
    host = {"address": private_redis.url, "socket_timeout": 1.0}
    carrier = Carrier(lambda: RedisChannelLayer(hosts=[host]), private_redis)
    log = FakeLog()
    here, there = Process(carrier, log), Process(carrier, log)
    async with AsyncExitStack() as stack:
        _, other = await started(stack, here, there)
        await asyncio.sleep(2.5)
        here.commit("7")
        assert await taken(other, 1) == [1]
    assert [r.getMessage() for r in caplog.records if r.name.startswith("live_inbox")] == []
