"""The channel layer of production on a real Redis that is restarted, frozen, and made to drop connections."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import redis
import uvloop
from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.test import override_settings

from live_inbox.delivery import redis_layer
from live_inbox.delivery.hub import Hub, HubConfig
from live_inbox.delivery.redis_layer import UNREADABLE, RedisLayer, UnreadablePayload
from live_inbox.internals import redis_parser, redis_subscribing
from tests.delivery.fake_log import FakeEntry, FakeLog, decode
from tests.delivery.group_names import group_of
from tests.stacks.redis_server import RedisServer
from tests.waiting import until

SLOW_MACHINE = {"socket_timeout": 30, "socket_connect_timeout": 30}
"""Limits for tests in which nothing breaks."""
UNREADABLE_PAYLOADS = [b"\xc1", b"\x91" * 5000, b"\xdd\xff\xff\xff\xff", b"\x81", b"text"]
"""No msgpack, lists in lists in lists, a list of four billion, a map without its entry, and more than one value."""


def make_layer(url: str, **limits: Any) -> RedisLayer:
    return RedisLayer(hosts=[{"address": url, **limits}], prefix="inbox")


def message(**inboxes: list[bytes]) -> dict[str, Any]:
    return {"type": "inbox.events", "from": "somebody", "inboxes": inboxes}


@pytest.fixture
async def layer(private_redis: RedisServer) -> AsyncIterator[RedisLayer]:
    layer = make_layer(private_redis.url, **SLOW_MACHINE)
    yield layer
    await layer.flush()


@pytest.fixture
async def hasty(private_redis: RedisServer) -> AsyncIterator[RedisLayer]:
    """A layer with the limits of production, for tests in which Redis does not answer."""
    layer = make_layer(private_redis.url)
    yield layer
    await layer.flush()


@pytest.fixture(params=["a parser that drains", "channels-redis' own way"])
def any_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test twice: the second time as with a redis-py whose parser cannot be extended."""
    if request.param == "channels-redis' own way":
        monkeypatch.setattr(redis_layer, "can_drain", lambda: False)


def admin(server: RedisServer) -> Any:
    return redis.Redis.from_url(server.url, socket_timeout=60)


def subscriptions(server: RedisServer) -> set[bytes]:
    with admin(server) as client:
        return set(client.pubsub_channels())


def group_subscriptions(server: RedisServer) -> set[bytes]:
    return {name for name in subscriptions(server) if name.startswith(b"inbox__group__")}


def clients(server: RedisServer) -> list[dict[str, Any]]:
    with admin(server) as client:
        own = client.client_id()
        return [c for c in client.client_list() if int(c["id"]) != own]


async def listening(layer: RedisLayer, channel: str) -> None:
    """Have a channel that can be put into groups, as the first call of `receive` makes one."""
    receiving = asyncio.create_task(layer.receive_many(channel))
    await until(lambda: channel in layer.channels)
    await layer.send(channel, {"type": "hello"})
    while {"type": "hello"} not in await receiving:
        receiving = asyncio.create_task(layer.receive_many(channel))


async def received(layer: RedisLayer, channel: str = "here") -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        return await layer.receive_many(channel)


async def gathered(layer: RedisLayer, channel: str, count: int) -> list[dict[str, Any]]:
    """Receive until so many messages have come. Other loops' `listening` may still greet the channel of this name."""
    messages: list[dict[str, Any]] = []
    while len(messages) < count:
        messages += [each for each in await received(layer, channel) if each["type"] != "hello"]
    return messages


# -- what it carries ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("any_parser")
@pytest.mark.parametrize("protocol", [2, 3])
async def test_a_message_reaches_the_members_of_its_group(
    private_redis: RedisServer, protocol: int
) -> None:
    layer = make_layer(f"{private_redis.url}?protocol={protocol}", **SLOW_MACHINE)
    await listening(layer, "here")
    await listening(layer, "there")
    await layer.group_add("inbox.7", "here")
    await layer.group_add("inbox.7", "there")
    await layer.group_add("inbox.8", "there")
    # channels-redis does not wait for Redis to confirm, and another connection publishes.
    both = {b"inbox__group__inbox.7", b"inbox__group__inbox.8"}
    await until(lambda: group_subscriptions(private_redis) == both)
    seven, eight = message(a=[b"1", b"\x00\r\n"], b=[]), message(a=[b"2"])
    await layer.group_send("inbox.7", seven)
    await layer.group_send("inbox.8", eight)
    assert await gathered(layer, "here", 1) == [seven]
    assert await gathered(layer, "there", 2) == [seven, eight]
    await layer.group_discard("inbox.7", "here")
    await layer.group_discard("inbox.7", "there")
    await until(lambda: group_subscriptions(private_redis) == {b"inbox__group__inbox.8"})
    await layer.flush()


async def test_a_burst_arrives_whole_in_order_and_in_few_calls(
    layer: RedisLayer, private_redis: RedisServer
) -> None:
    await listening(layer, "here")
    await layer.group_add("a", "here")
    await until(lambda: bool(group_subscriptions(private_redis)))
    burst = [message(**{str(n % 7): [b"%d" % n]}) for n in range(10_000)]

    def publish() -> None:
        with admin(private_redis) as client:
            pipeline = client.pipeline(transaction=False)
            for one in burst:
                pipeline.publish("inbox__group__a", layer.serialize(one))
            pipeline.execute()

    # The loop is held up, so everything is there when it goes on.
    publish()
    calls = 0
    arrived: list[dict[str, Any]] = []
    while len(arrived) < 10_000:
        arrived += await received(layer)
        calls += 1
    assert arrived == burst
    assert calls < 200


@pytest.mark.usefixtures("any_parser")
async def test_consumers_of_the_host_share_the_layer(
    layer: RedisLayer, private_redis: RedisServer
) -> None:
    await listening(layer, "hub")
    consumer = await layer.new_channel()
    await layer.group_add("a", "hub")
    await layer.group_add("a", consumer)
    await until(lambda: bool(group_subscriptions(private_redis)))
    await layer.group_send("a", message(a=[b"1"]))
    await layer.send(consumer, {"type": "chat.message", "text": "hello"})
    async with asyncio.timeout(60):
        assert await layer.receive(consumer) == message(a=[b"1"])
        assert await layer.receive(consumer) == {"type": "chat.message", "text": "hello"}
    assert await gathered(layer, "hub", 1) == [message(a=[b"1"])]
    assert layer.channels[consumer].empty()


async def test_what_cannot_be_read_arrives_as_such_and_so_does_what_follows(
    layer: RedisLayer, private_redis: RedisServer
) -> None:
    await listening(layer, "here")
    await layer.group_add("a", "here")
    await until(lambda: bool(group_subscriptions(private_redis)))
    good = layer.serialize(message(a=[b"1"]))
    with admin(private_redis) as client:
        for payload in (good, *UNREADABLE_PAYLOADS, good):
            client.publish("inbox__group__a", payload)
    arrived: list[dict[str, Any]] = []
    while len(arrived) < 2 + len(UNREADABLE_PAYLOADS):
        arrived += await received(layer)
    unreadable = [UNREADABLE] * len(UNREADABLE_PAYLOADS)
    assert arrived == [message(a=[b"1"]), *unreadable, message(a=[b"1"])]


@pytest.mark.usefixtures("any_parser")
async def test_consumers_of_the_host_learn_of_what_cannot_be_read(
    layer: RedisLayer, private_redis: RedisServer
) -> None:
    channel = await layer.new_channel()
    await layer.group_add("a", channel)
    await until(lambda: bool(group_subscriptions(private_redis)))
    with admin(private_redis) as client:
        client.publish("inbox__group__a", b"\xc1")
    with pytest.raises(UnreadablePayload):
        async with asyncio.timeout(60):
            await layer.receive(channel)


@pytest.mark.usefixtures("any_parser")
async def test_messages_are_delivered_by_a_call_or_returned(layer: RedisLayer) -> None:
    arrived: list[dict[str, Any]] = []

    async def listen() -> None:
        while True:
            arrived.extend(await layer.receive_into("here", arrived.extend))

    listening = asyncio.create_task(listen())
    await until(lambda: "here" in layer.channels)
    await layer.group_add("a", "here")
    # To its own channel, as it may take a moment until Redis has confirmed the group.
    while {"type": "hello"} not in arrived:
        await layer.group_send("a", {"type": "hello"})
        await asyncio.sleep(0.01)
    for n in range(100):
        await layer.group_send("a", message(a=[b"%d" % n]))
    await until(lambda: arrived.count(message(a=[b"99"])) == 1)
    assert arrived[-100:] == [message(a=[b"%d" % n]) for n in range(100)]
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert layer._callbacks == {}


# -- how it is made -----------------------------------------------------------------------------------------


async def test_channels_makes_it_from_the_settings(private_redis: RedisServer) -> None:
    backend = "live_inbox.delivery.redis_layer.RedisLayer"
    config = {"hosts": [private_redis.url], "prefix": "other"}
    with override_settings(CHANNEL_LAYERS={"default": {"BACKEND": backend, "CONFIG": config}}):
        layer = cast("RedisLayer", get_channel_layer())
        assert type(layer) is RedisLayer
        assert issubclass(RedisLayer, RedisPubSubChannelLayer)
        assert get_channel_layer() is layer
        await listening(layer, "here")
        await layer.group_add("a", "here")
        await until(lambda: b"other__group__a" in subscriptions(private_redis))
        await layer.flush()


async def test_it_uses_several_hosts(
    private_redis: RedisServer, process_registry: Any, layer: RedisLayer
) -> None:
    with RedisServer(process_registry) as second:
        sharded = RedisLayer(hosts=[private_redis.url, second.url], prefix="inbox")
        await listening(sharded, "here")
        for n in range(50):
            await sharded.group_add(f"g{n}", "here")
        servers = (private_redis, second)
        await until(lambda: sum(len(group_subscriptions(each)) for each in servers) == 50)
        for n in range(50):
            await sharded.group_send(f"g{n}", message(a=[b"%d" % n]))
        assert len(await gathered(sharded, "here", 50)) == 50
        of_first, of_second = group_subscriptions(private_redis), group_subscriptions(second)
        assert of_first
        assert of_second
        for n in range(50):
            place = {0: of_first, 1: of_second}[sharded.host_of(f"g{n}") or 0]
            assert f"inbox__group__g{n}".encode() in place
        assert layer.host_of("g1") is None
        await sharded.flush()


def subscribe_commands(server: RedisServer) -> int:
    with admin(server) as client:
        calls: int = client.info("commandstats").get("cmdstat_subscribe", {}).get("calls", 0)
        return calls


async def test_many_groups_are_joined_by_one_command(
    private_redis: RedisServer, layer: RedisLayer
) -> None:
    await listening(layer, "here")
    before = subscribe_commands(private_redis)
    groups = [f"g{n}" for n in range(300)]
    await layer.group_add_many(groups, "here")
    await until(lambda: len(group_subscriptions(private_redis)) == 300)
    await layer.group_add_many([*groups, "g300"], "here")
    await until(lambda: len(group_subscriptions(private_redis)) == 301)
    await layer.group_add_many(groups, "here")
    assert subscribe_commands(private_redis) == before + 2
    sent = [message(a=[b"%d" % n]) for n in range(301)]
    for n in range(301):
        await layer.group_send(f"g{n}", sent[n])
    assert await gathered(layer, "here", 301) == sent
    await layer.group_discard("g300", "here")
    await until(lambda: len(group_subscriptions(private_redis)) == 300)


@pytest.mark.parametrize("needed", ["_LAYER_METHODS", "_SHARD_ATTRIBUTES"])
async def test_many_groups_are_joined_one_by_one_where_channels_redis_has_changed(
    layer: RedisLayer, private_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, needed: str
) -> None:
    monkeypatch.setattr(redis_subscribing, needed, ("_gone",))
    await listening(layer, "here")
    await layer.group_add_many(["g1", "g2"], "here")
    await until(lambda: len(group_subscriptions(private_redis)) == 2)
    await layer.group_send("g2", message(a=[b"1"]))
    assert await gathered(layer, "here", 1) == [message(a=[b"1"])]


async def test_many_groups_are_joined_by_channels_of_this_process_only(layer: RedisLayer) -> None:
    with pytest.raises(RuntimeError, match="No channel of this process: 'elsewhere'"):
        await layer.group_add_many(["g1"], "elsewhere")


async def test_a_host_that_is_down_does_not_keep_the_groups_of_others_from_being_joined(
    private_redis: RedisServer, process_registry: Any
) -> None:
    with RedisServer(process_registry) as second:
        down = second.url
    for hosts in ([down, private_redis.url], [private_redis.url, down]):
        sharded = RedisLayer(hosts=hosts, prefix="inbox")
        # Not by `new_channel`, which subscribes at the one host that the channel's name selects.
        sharded.channels["here"] = asyncio.Queue()
        with pytest.raises(redis.ConnectionError):
            await sharded.group_add_many([f"g{n}" for n in range(50)], "here")
        await until(lambda: len(group_subscriptions(private_redis)) > 10)
        await sharded.flush()
        await until(lambda: not group_subscriptions(private_redis))


def test_a_redis_py_without_such_a_parser_is_reported_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redis_parser, "_Parser", object)
    redis_parser.can_drain.cache_clear()
    RedisLayer(hosts=["redis://localhost"])
    RedisLayer(hosts=["redis://localhost"])
    redis_parser.can_drain.cache_clear()
    assert [record.getMessage() for record in caplog.records] == [
        "This redis-py has no parser that can be extended: doorbells are read one by one."
    ]


async def test_loops_of_one_process_share_nothing(private_redis: RedisServer) -> None:
    layer = make_layer(private_redis.url, **SLOW_MACHINE)
    all_joined = threading.Barrier(3)
    all_received = threading.Barrier(3)
    arrived: list[list[dict[str, Any]]] = []

    async def take_part() -> None:
        await listening(layer, "here")
        await layer.group_add("a", "here")
        await until(lambda: b"inbox__group__a" in subscriptions(private_redis))
        await asyncio.to_thread(all_joined.wait, 60)
        await asyncio.sleep(0.2)
        await layer.group_send("a", message(a=[b"1"]))
        arrived.append(await gathered(layer, "here", 3))
        await asyncio.to_thread(all_received.wait, 60)

    for _ in range(2):
        threads = [
            threading.Thread(target=run, args=(take_part(),))
            for run in (asyncio.run, asyncio.run, uvloop.run)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
    assert arrived == [[message(a=[b"1"])] * 3] * 6


# -- outages ------------------------------------------------------------------------------------------------


def break_connection(server: RedisServer, fault: str) -> None:
    """Take the connections away; after `stopped` and `frozen`, there is no Redis until `mend`."""
    if fault == "frozen":
        server.freeze()
    elif fault == "stopped":
        server.stop()
    else:
        with admin(server) as client:
            client.client_kill_filter(_type="pubsub" if fault == "listener killed" else "normal")


def mend(server: RedisServer, fault: str) -> None:
    if fault == "frozen":
        server.thaw()
    elif fault == "stopped":
        server.start()


@pytest.mark.parametrize("fault", ["stopped", "listener killed"])
async def test_a_lost_subscription_is_raised_once_and_comes_back_by_itself(
    hasty: RedisLayer, private_redis: RedisServer, fault: str
) -> None:
    await listening(hasty, "here")
    await hasty.group_add("a", "here")
    await until(lambda: bool(group_subscriptions(private_redis)))
    await asyncio.to_thread(break_connection, private_redis, fault)
    with pytest.raises(ConnectionError, match="the connection to Redis is lost"):
        await received(hasty)
    await asyncio.to_thread(mend, private_redis, fault)
    assert await received(hasty) == []
    assert group_subscriptions(private_redis) == {b"inbox__group__a"}
    other = make_layer(private_redis.url, **SLOW_MACHINE)
    await other.group_send("a", message(a=[b"1"]))
    assert await gathered(hasty, "here", 1) == [message(a=[b"1"])]
    await other.flush()


async def test_a_consumer_of_the_host_gets_no_message_about_a_lost_subscription(
    hasty: RedisLayer, private_redis: RedisServer
) -> None:
    await listening(hasty, "here")
    consumer = await hasty.new_channel()
    await asyncio.to_thread(break_connection, private_redis, "listener killed")
    with pytest.raises(ConnectionError):
        await received(hasty)
    assert await received(hasty) == []
    await hasty.send(consumer, {"type": "chat.message"})
    assert await asyncio.wait_for(hasty.receive(consumer), 60) == {"type": "chat.message"}


@pytest.mark.parametrize("fault", ["frozen", "stopped", "publisher killed"])
async def test_sending_fails_in_time_and_works_when_redis_is_back(
    hasty: RedisLayer, private_redis: RedisServer, fault: str
) -> None:
    await hasty.group_send("a", message(a=[b"1"]))
    await asyncio.to_thread(break_connection, private_redis, fault)
    if fault != "publisher killed":
        began = time.monotonic()
        with pytest.raises(redis.RedisError):
            await hasty.group_send("a", message(a=[b"2"]))
        # One second, and time for a slow machine; without the limit, redis-py 8 waits for 5 seconds.
        assert time.monotonic() - began < 4.5
    await asyncio.to_thread(mend, private_redis, fault)
    try:
        await hasty.group_send("a", message(a=[b"3"]))
    except redis.ConnectionError:
        # A connection that was closed meanwhile is noticed when it is used.
        await hasty.group_send("a", message(a=[b"3"]))


async def test_a_password_that_is_refused_is_not_logged(
    private_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    layer = make_layer(f"redis://:wrong-one@127.0.0.1:{private_redis.port}/0")
    with pytest.raises(redis.AuthenticationError) as refused:
        await layer.group_send("a", message(a=[b"1"]))
    with pytest.raises(redis.AuthenticationError):
        await received(layer)
    assert "wrong-one" not in f"{refused.value} {caplog.text}"
    await layer.flush()


async def test_a_password_that_has_changed_is_the_reason_that_the_log_gives(
    hasty: RedisLayer, private_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    log = FakeLog()
    hub = Hub(
        log,
        layer=hasty,
        decode=decode,
        own_doorbell="this process",
        config=HubConfig(reconcile_seconds=60),
    )
    await hub.start()
    try:
        async with hub.subscribe("a"):
            await until(lambda: bool(group_subscriptions(private_redis)))
            await asyncio.to_thread(change_password, private_redis)
            await until(
                lambda: "(receiving) fails: AuthenticationError: invalid username" in caplog.text
            )
            # One for the lost connection, one for the reason, however often it is tried again.
            await hub_fails_again(hub)
        lines = [text for text in caplog.messages if "(receiving)" in text]
        assert len(lines) == 2
    finally:
        await hub.stop()


async def test_a_read_ends_a_task_whose_cancellation_was_swallowed_before(
    private_redis: RedisServer,
) -> None:
    layer = make_layer(private_redis.url, **SLOW_MACHINE)
    await layer.send("here", {"type": "hello"})
    pool = layer._get_layer()._shards[0]._redis.connection_pool
    connection = await pool.get_connection()
    sent = asyncio.Event()

    async def swallow_and_read() -> None:
        # What asyncio.wait_for does to redis-py before Python 3.12, when the end of a sending and a cancellation meet.
        with contextlib.suppress(asyncio.CancelledError):
            await connection.send_command("PING")
            sent.set()
            await asyncio.Event().wait()
        await connection.read_response()

    task = asyncio.create_task(swallow_and_read())
    await sent.wait()
    task.cancel()
    await asyncio.wait([task], timeout=60)
    assert task.cancelled()
    assert not connection.is_connected
    await pool.release(connection)
    await layer.flush()


async def hub_fails_again(hub: Hub[FakeEntry]) -> None:
    """Wait until the hub has failed to receive three times at least."""
    listener = hub._listener
    assert listener is not None
    await until(lambda: listener._fault._failures > 3)


def change_password(server: RedisServer) -> None:
    """Change the password, and cut all who came in with the old one."""
    with redis.Redis.from_url(server.url) as client:
        own = client.client_id()
        client.config_set("requirepass", "another one")
        for other in client.client_list():
            if int(other["id"]) != own:
                client.client_kill_filter(_id=other["id"])


async def test_a_hub_reconciles_every_inbox_when_its_doorbells_arrive_again(
    hasty: RedisLayer, private_redis: RedisServer
) -> None:
    log = FakeLog()
    never = HubConfig(reconcile_seconds=3600.0, layer_seconds=3600.0)
    hub: Hub[FakeEntry] = Hub(log, layer=hasty, decode=decode, config=never)
    await hub.start()
    name = f"inbox__group__{group_of('7')}".encode()
    async with hub.subscribe("7") as one:
        await until(lambda: name in subscriptions(private_redis))
        await until(lambda: not hub._reader._to_reconcile)
        await asyncio.to_thread(private_redis.stop)
        assert hub._listener is not None
        fault = hub._listener._fault
        await until(lambda: fault.is_on)
        # No doorbell is rung, so only the log can show the events, and only the reconnection makes the hub read it.
        log.write("7", 2)
        taking = asyncio.create_task(one.take())
        await asyncio.to_thread(private_redis.start)
        assert [entry.sequence for entry in await asyncio.wait_for(taking, 60)] == [1, 2]
    await hub.stop()
