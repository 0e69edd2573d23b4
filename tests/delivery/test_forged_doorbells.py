"""Somebody who can publish on Redis, and knows everything but the site's secret, against two real processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import pytest
import redis

from live_inbox.delivery.doorbell import Doorbell
from live_inbox.delivery.hub import Hub, HubConfig, Subscription
from live_inbox.delivery.redis_layer import RedisLayer
from tests.delivery.doorbell_messages import OTHER_SITE, doorbell_message
from tests.delivery.fake_log import FakeEntry, FakeLog, decode, encode
from tests.delivery.group_names import BULK, deployment, group_of
from tests.delivery.metric_values import counted
from tests.stacks.redis_server import RedisServer
from tests.waiting import until

ONLY_DOORBELLS = HubConfig(reconcile_seconds=3600.0, layer_seconds=60.0)
SLOW_MACHINE = {"socket_timeout": 30, "socket_connect_timeout": 30}


class Process:
    """A server process as far as delivery is concerned."""

    def __init__(self, url: str, log: FakeLog) -> None:
        self.layer = RedisLayer(hosts=[{"address": url, **SLOW_MACHINE}], prefix="inbox")
        self.bell = Doorbell(lambda: self.layer, deployment=deployment, layer_seconds=60.0)
        self.log = log
        self.account_changes: list[str] = []
        self.hub: Hub[FakeEntry] = Hub(
            log,
            layer=self.layer,
            decode=decode,
            own_doorbell=self.bell.name,
            on_empty=self.account_changes.append,
            config=ONLY_DOORBELLS,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while in the block."""
        await self.hub.start()
        async with self.bell.attached(self.hub.on_message):
            yield
        await self.hub.stop()
        await self.layer.flush()

    async def has_joined(self, subscription: Subscription[FakeEntry]) -> None:
        """Wait until the inbox's group is joined and what was missed before has been looked for."""
        groups = self.hub._groups
        assert groups is not None
        await until(lambda: groups._members == {subscription.inbox} and not groups._joining)
        assert await self.hub.read(subscription.inbox, subscription.position) == []

    def commit(self, inbox: str, count: int = 1) -> None:
        """Write events and ring."""
        self.bell.ring({inbox: [encode(entry) for entry in self.log.write(inbox, count)]})


class Forger:
    """Publishes and records with redis-py."""

    def __init__(self, server: RedisServer) -> None:
        self.redis = redis.Redis.from_url(server.url, socket_timeout=60)
        self._recording = self.redis.pubsub()  # type: ignore[no-untyped-call]

    def publish(self, group: str, message: Any) -> None:
        """Publish a message, or a payload as it is."""
        payload = message if isinstance(message, bytes) else msgpack.packb(message)
        assert self.redis.publish(f"inbox__group__{group}", payload) > 0

    def record(self, *groups: str) -> None:
        """Receive what is published from now on."""
        for group in groups:
            self._recording.subscribe(f"inbox__group__{group}")
            assert self._recording.get_message(timeout=60)

    async def recorded(self) -> dict[str, Any]:
        """Return the next message."""
        message = await asyncio.to_thread(self._recording.get_message, timeout=60)
        assert message is not None
        unpacked: dict[str, Any] = msgpack.unpackb(message["data"])
        return unpacked

    def members(self, group: str) -> int:
        """How many connections a message would go to."""
        ((_, count),) = self.redis.pubsub_numsub(f"inbox__group__{group}")
        return int(count)

    def close(self) -> None:
        """Close the connections."""
        self._recording.close()
        self.redis.close()


@pytest.fixture
def forger(private_redis: RedisServer) -> Iterator[Forger]:
    forger = Forger(private_redis)
    yield forger
    forger.close()


@pytest.fixture
async def processes(private_redis: RedisServer) -> AsyncIterator[tuple[Process, Process]]:
    log = FakeLog()
    log.write("7")
    here, there = Process(private_redis.url, log), Process(private_redis.url, log)
    async with here.running(), there.running():
        yield here, there


def refused(reason: str) -> float:
    return counted("doorbells_refused_total", reason=reason)


VERSION_1 = {"type": "inbox.events", "from": "x", "inboxes": {"7": [b"7 e1 2#fake"]}}
FAKE = {"7": [b"7 e1 2#fake"]}


@pytest.mark.parametrize(
    ("reason", "forged"),
    [
        ("version", VERSION_1),
        ("forged", doorbell_message(FAKE, codec=OTHER_SITE)),
        ("forged", doorbell_message(FAKE) | {"mac": bytes(16)}),
        ("foreign", doorbell_message(FAKE, deployment="a copy with the same secret")),
        ("malformed", b"\xc1"),
        ("malformed", b"\x91" * 5000),
        ("malformed", b"\xdd\xff\xff\xff\xff"),
        ("malformed", 7),
        ("malformed", ["inbox.events"]),
        ("malformed", {"type": "inbox.events", "version": 2, "body": {"7": []}, "mac": b""}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("group", [group_of("7"), BULK])
async def test_a_forged_event_is_not_shown_and_the_real_one_is(
    processes: tuple[Process, Process],
    forger: Forger,
    group: str,
    reason: str,
    forged: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    here, there = processes
    async with there.hub.subscribe("7") as subscription:
        await until(lambda: bool(forger.members(group_of("7")) and forger.members(BULK) == 2))
        await there.has_joined(subscription)
        before = refused(reason)
        reads = len(here.log.calls)
        for _ in range(100):
            forger.publish(group, forged)
        here.commit("7")
        (event,) = await subscription.take()
        # By both processes where both are in the group. Only one of the two has got as far as the event.
        in_all = 100 * int(forger.members(group))
        await until(lambda: refused(reason) - before >= in_all)
        assert refused(reason) - before == in_all
        assert (event, subscription.position) == (FakeEntry("7", "e1", 2), event.position)
        assert len(here.log.calls) == reads, "nothing that is forged has the log read"
    messages = [record.getMessage() for record in caplog.records]
    assert len([each for each in messages if f"({reason}) fails" in each]) in (1, 2)
    assert len(messages) <= 2


async def test_a_changed_copy_of_a_real_event_is_refused(
    processes: tuple[Process, Process], forger: Forger
) -> None:
    here, there = processes
    async with there.hub.subscribe("7") as subscription:
        await until(lambda: bool(forger.members(group_of("7"))))
        forger.record(group_of("7"))
        here.commit("7")
        assert [event.sequence for event in await subscription.take()] == [2]
        real = await forger.recorded()
        assert b"7 e1 2" in real["body"]
        before = refused("forged")
        forger.publish(group_of("7"), real | {"body": real["body"].replace(b"7 e1 2", b"7 e1 3")})
        forger.publish(group_of("7"), real)
        here.commit("7")
        assert await subscription.take() == [FakeEntry("7", "e1", 3)]
        assert refused("forged") == before + 1


async def test_events_that_are_sent_again_change_nothing(
    processes: tuple[Process, Process], forger: Forger
) -> None:
    here, there = processes
    async with there.hub.subscribe("7") as subscription:
        await until(lambda: bool(forger.members(group_of("7")) and forger.members(BULK) == 2))
        await there.has_joined(subscription)
        forger.record(group_of("7"))
        for sequence in (2, 3):
            here.commit("7")
            assert [event.sequence for event in await subscription.take()] == [sequence]
        reads = len(here.log.calls)
        for message in [await forger.recorded(), await forger.recorded()] * 50:
            forger.publish(group_of("7"), message)
            forger.publish(BULK, message)
        here.commit("7")
        assert await subscription.take() == [FakeEntry("7", "e1", 4)]
        assert len(here.log.calls) == reads


async def test_changes_of_accounts_that_are_sent_again_change_nothing(
    processes: tuple[Process, Process], forger: Forger
) -> None:
    """A sign-out closes sockets, and a check costs a query: nobody may have them repeated."""
    here, there = processes
    await until(lambda: forger.members(BULK) == 2)
    forger.record(BULK)
    for changed in ("7", "signed-out.7"):
        here.bell.ring_empty([changed])
    recorded = [await forger.recorded(), await forger.recorded()]
    before = refused("replayed"), refused("forged")
    for message in recorded * 50:
        forger.publish(BULK, message)
        forger.publish(BULK, message | {"from": "somebody else"})
    here.bell.ring_empty(["8"])
    await until(lambda: "8" in there.account_changes)
    await until(lambda: refused("forged") == before[1] + 200)
    assert here.account_changes == there.account_changes == ["7", "signed-out.7", "8"]
    assert refused("replayed") == before[0] + 100


async def test_what_is_longer_than_any_doorbell_is_refused(
    processes: tuple[Process, Process], forger: Forger
) -> None:
    here, there = processes
    async with there.hub.subscribe("7") as subscription:
        await until(lambda: bool(forger.members(group_of("7"))))
        before = refused("malformed")
        # Redis itself closes the connection of a subscriber that 32 MB wait for.
        forger.publish(group_of("7"), doorbell_message(FAKE) | {"body": bytes(20_000_000)})
        await until(lambda: refused("malformed") == before + 1)
        here.commit("7")
        assert await subscription.take() == [FakeEntry("7", "e1", 2)]
